"""Who signs what is given out on paper, and who says when (PAdES B-T, ETSI EN 319 142-1 section 6.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.crypto.keys import Signer

LONGEST_STAMP = 16 * 1024
"""Octets of a stamp for which a signature leaves room."""

Stamp = Callable[[bytes], Awaitable[bytes | None]]
"""Gives a verified time stamp (RFC 3161, DER) over octets; None where none is to be had now."""


@dataclass(frozen=True, slots=True)
class Hand:
    """A key with its certificate, and who stamps the time of its signatures; nobody without `stamp`."""

    signer: Signer
    stamp: Stamp | None = None
