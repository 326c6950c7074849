"""Persons found by a query whose answer is fetched in parts (ITI TF-2 3.21.4.1.2.2.4, 3.47.4.2).

What was found, and what the asker called the query, is sealed: a list of persons says something of each.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

_C = tables.continuation.c
_COLUMNS = (_C.pointer, _C.node, _C.persons)
_BY_POINTER = select(*_COLUMNS).where(
    _C.pointer == bindparam("pointer"), _C.node == bindparam("node"), _C.expires_at > bindparam("now")
)
_BY_TAG = (
    select(*_COLUMNS)
    .where(_C.node == bindparam("node"), _C.tag == bindparam("tag"), _C.expires_at > bindparam("now"))
    .order_by(_C.expires_at.desc(), _C.pointer)
    .limit(1)
)
_INSERT = insert(tables.continuation)
_DROP = delete(tables.continuation).where(_C.node == bindparam("b_node"), _C.tag == bindparam("b_tag"))
_PURGE = delete(tables.continuation).where(_C.expires_at <= bindparam("b_now"))
_POINTER_OCTETS = 16


@dataclass(frozen=True, slots=True)
class Continuation:
    """The asker's tag of a query, and the persons it found, in order."""

    tag: str
    persons: tuple[int, ...]


class ContinuationStore:
    """Reads at once; what is kept or dropped is noted in the unit of work. Rows are gone after `seconds`."""

    def __init__(self, database: Database, keys: KeyTree, seconds: float) -> None:
        self._database = database
        self._key = keys.derived(b"continuations")
        self._kept = timedelta(seconds=seconds)

    def keep(self, work: UnitOfWork, node: str, tag: str, persons: Sequence[int], at: datetime) -> str:
        """Notes what a query of a node found, and gives the pointer to it: 32 hexadecimal digits."""
        pointer = secrets.token_hex(_POINTER_OCTETS)
        plain = struct.pack(f">I{len(persons)}q", len(persons), *persons) + tag.encode()
        work.write(_PURGE, {"b_now": millis(at)})
        work.write(
            _INSERT,
            {
                "pointer": pointer,
                "node": node,
                "tag": _digest(tag),
                "expires_at": millis(at + self._kept),
                "persons": seal_text(self._key, _context(pointer, node), plain),
            },
        )
        return pointer

    async def find(self, node: str, pointer: str, at: datetime) -> Continuation | None:
        """What a pointer stands for; None when it is unknown, over, or of another node."""
        given = {"pointer": pointer, "node": node, "now": millis(at)}
        return self._opened(await self._database.fetch(_BY_POINTER, given))

    async def find_tag(self, node: str, tag: str, at: datetime) -> Continuation | None:
        """What the last query of a node by this tag found."""
        given = {"node": node, "tag": _digest(tag), "now": millis(at)}
        return self._opened(await self._database.fetch(_BY_TAG, given))

    def drop(self, work: UnitOfWork, node: str, tag: str) -> None:
        """Notes that nothing is kept any more of the queries of a node by this tag."""
        work.write(_DROP, {"b_node": node, "b_tag": _digest(tag)})

    def _opened(self, rows: Sequence[Row[Any]]) -> Continuation | None:
        if not rows:
            return None
        row = rows[0]
        plain = open_text(self._key, _context(row.pointer, row.node), row.persons)
        (count,) = struct.unpack_from(">I", plain)
        persons = struct.unpack_from(f">{count}q", plain, 4)
        return Continuation(plain[4 + 8 * count :].decode(), persons)


def _digest(tag: str) -> str:
    return blake2b(tag.encode(), digest_size=32).hexdigest()


def _context(pointer: str, node: str) -> bytes:
    return f"continuation|{pointer}|{node}".encode()
