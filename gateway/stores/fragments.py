"""Fragments as they are stored: deflated against a dictionary of what all of them say (RFC 1950).

A DocumentEntry of six kilobytes takes a tenth of that, so that a registry of millions stays in memory.
The first octet names the dictionary. A dictionary is never changed: what was stored with it could not be
read again.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from sqlalchemy import Dialect, LargeBinary, TypeDecorator

_DICTIONARY = (Path(__file__).parent / "fragments.dict").read_bytes()
_NUMBER = b"\x01"
_LEVEL = 3
_MEMORY = 5
_PRIMED = zlib.compressobj(_LEVEL, memLevel=_MEMORY, zdict=_DICTIONARY)
"""Never used itself: a copy costs a third of a new one, which would read the dictionary again."""


def pack(text: str) -> bytes:
    """The stored form of a fragment."""
    deflate = _PRIMED.copy()
    return _NUMBER + deflate.compress(text.encode()) + deflate.flush()


def unpack(stored: bytes) -> str:
    """The fragment again; ValueError when it was stored with a dictionary that is not here."""
    if stored[:1] != _NUMBER:
        raise ValueError("a fragment was stored with a dictionary that is not known")
    return zlib.decompressobj(zdict=_DICTIONARY).decompress(stored[1:]).decode()


class Fragment(TypeDecorator[str]):
    """A text column in its stored form."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """The stored form of what is written."""
        return None if value is None else pack(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """The text of what is read."""
        return None if value is None else unpack(value)
