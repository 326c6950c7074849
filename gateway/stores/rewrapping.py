"""Puts every wrapped key under the newest master key, some at a time, while others go on (RFC 3394)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable, Table, bindparam, select, tuple_, update

from gateway.crypto.envelope import KeyTree
from gateway.stores import tables
from gateway.stores.database import Database, Rows
from gateway.stores.work import UnitOfWork

TABLES: tuple[Table, ...] = (tables.record_key, tables.subscription, tables.outbox, tables.slot_key)
"""All tables with a column `wrapped` that the master key opens."""
_VERSION = "master_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One pass over all tables: how many keys there are, and how many were under an older master key."""

    seen: int = 0
    rewrapped: int = 0


class Rewrapper:
    """Works in steps of some rows, each a transaction of its own; what changed meanwhile is left alone."""

    def __init__(self, database: Database, keys: KeyTree, step: int = 500) -> None:
        self._database = database
        self._keys = keys
        self._step = step

    async def fits(self) -> bool:
        """Whether the newest records open; True where there are none."""
        table = tables.record_key
        newest = select(table.c.wrapped).order_by(table.c.patient_key.desc()).limit(1)
        rows = await self._database.fetch(newest)
        return all(self._keys.opens(row.wrapped) for row in rows)

    async def run(self) -> Passed:
        """Goes through everything once."""
        seen = rewrapped = 0
        for table in TABLES:
            found = await self._table(table)
            seen, rewrapped = seen + found.seen, rewrapped + found.rewrapped
        return Passed(seen=seen, rewrapped=rewrapped)

    async def old(self) -> int:
        """How many keys need an older master key still."""
        count = 0
        for table in TABLES:
            after: Sequence[object] = ()
            while rows := await self._rows(table, after):
                count += sum(self._keys.rewrapped(row.wrapped) is not None for row in rows)
                after = _place(table, rows[-1])
        return count

    async def _table(self, table: Table) -> Passed:
        seen = rewrapped = 0
        after: Sequence[object] = ()
        while rows := await self._rows(table, after):
            work = UnitOfWork()
            changed = [values for row in rows if (values := self._values(table, row)) is not None]
            if changed:
                work.write(_update(table), *changed)
                await self._database.apply([work])
            seen, rewrapped = seen + len(rows), rewrapped + len(changed)
            after = _place(table, rows[-1])
        return Passed(seen=seen, rewrapped=rewrapped)

    async def _rows(self, table: Table, after: Sequence[object]) -> Rows:
        """The next rows by their primary key."""
        keys = list(table.primary_key.columns)
        query = select(*keys, table.c.wrapped).order_by(*keys).limit(self._step)
        if after:
            query = query.where(tuple_(*keys) > tuple_(*(bindparam(None, each) for each in after)))
        return await self._database.fetch(query)

    def _values(self, table: Table, row: object) -> dict[str, object] | None:
        before: bytes = row.wrapped  # type: ignore[attr-defined]
        wrapped = self._keys.rewrapped(before)
        if wrapped is None:
            return None
        place = {f"b_{key.name}": getattr(row, key.name) for key in table.primary_key.columns}
        values = {**place, "b_before": before, "b_wrapped": wrapped}
        return {**values, "b_version": self._keys.version} if _VERSION in table.c else values


def _update(table: Table) -> Executable:
    changes: dict[str, Any] = {"wrapped": bindparam("b_wrapped")}
    if _VERSION in table.c:
        changes[_VERSION] = bindparam("b_version")
    places = [key == bindparam(f"b_{key.name}") for key in table.primary_key.columns]
    return update(table).where(*places, table.c.wrapped == bindparam("b_before")).values(**changes)


def _place(table: Table, row: object) -> Sequence[object]:
    return [getattr(row, key.name) for key in table.primary_key.columns]
