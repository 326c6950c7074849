"""Versions of the policy as rows: read by number or by name, and only ever added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, insert, select

from gateway.errors import Outdated
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.work import UnitOfWork

_T = tables.policy_version
_C = _T.c
_OF_KIND = select(_C.number).where(_C.kind == bindparam("kind")).order_by(_C.number.desc())
_NEWEST = _OF_KIND.limit(1)
_ROW = select(_T).where(_C.number == bindparam("number"))
_NAMED = select(_T).where(_C.version == bindparam("version")).order_by(_C.number)
_ALL = select(_T).order_by(_C.number)
_LAST = select(func.coalesce(func.max(_C.number), 0).label("number"))
_INSERT = insert(_T)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """One version. `files` is packed, `manifest` the signed text, `at` epoch milliseconds."""

    number: int
    kind: str
    version: str
    at: int
    files: bytes
    manifest: str
    signature: bytes


class PolicyStore:
    """Reads versions of the policy, and notes new ones."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, kind: str) -> int:
        """The number of the newest version of a kind; 0 without any. Asked every second, so prepared."""
        rows = await self._database.fetch(_NEWEST, {"kind": kind})
        return int(rows[0].number) if rows else 0

    async def numbers(self, kind: str) -> list[int]:
        """The numbers of all versions of a kind, newest first."""
        return [row.number for row in await self._database.fetch(_OF_KIND, {"kind": kind})]

    async def row(self, number: int) -> PolicyRow | None:
        """One version by its number."""
        rows = await self._database.fetch(_ROW, {"number": number})
        return _row(rows[0]) if rows else None

    async def named(self, version: str) -> list[PolicyRow]:
        """All rows of a policy by the name that receipts tell, oldest first."""
        return [_row(row) for row in await self._database.fetch(_NAMED, {"version": version})]

    async def rows(self) -> list[PolicyRow]:
        """The whole history, oldest first."""
        return [_row(row) for row in await self._database.fetch(_ALL)]

    async def last(self) -> int:
        """The highest number in use; 0 without any."""
        rows = await self._database.fetch(_LAST)
        return int(rows[0].number)

    def add(self, work: UnitOfWork, row: PolicyRow) -> None:
        """Notes a version; Outdated at the commit if another one took its number first."""
        values = {name: getattr(row, name) for name in PolicyRow.__dataclass_fields__}
        text = "another version of the policy was written meanwhile; look at it and try again"
        work.write(_INSERT, values, otherwise=Outdated(text))


def _row(row: object) -> PolicyRow:
    return PolicyRow(**{name: getattr(row, name) for name in PolicyRow.__dataclass_fields__})


def milliseconds(at: datetime) -> int:
    """A time (aware UTC) as rows hold it."""
    return int(at.timestamp() * 1000)
