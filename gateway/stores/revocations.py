"""Revocations: kept with who, when and why, and seen by every worker within a second or so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update

from gateway.record.revoked import Named, Revoked, RevokedKind, bare
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.work import UnitOfWork

REFRESH_SECONDS = 1.0
_T = tables.revocation
_STANDING = _T.c.lifted_at.is_(None)
_ACTIVE = select(_T.c.kind, _T.c.name, _T.c.until).where(
    _STANDING, _T.c.at <= bindparam("now"), or_(_T.c.until.is_(None), _T.c.until > bindparam("now"))
)
_LISTED = select(_T).order_by(_T.c.key)
_INSERT = insert(_T)
_OF_NAME = _STANDING & (_T.c.kind == bindparam("of_kind")) & (_T.c.name == bindparam("of_name"))
_LIFTED: dict[str, Any] = {"lifted_at": bindparam("of_end"), "lifted_by": bindparam("of_actor")}
_LIFT = update(_T).where(_OF_NAME).values(_LIFTED)
_LIFT_UNDER = update(_T).where(_OF_NAME, _T.c.incident == bindparam("of_incident")).values(_LIFTED)
_UNDER = select(_T.c.incident).where(_OF_NAME, _T.c.incident.is_not(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """One revocation as it was written. Times are aware UTC."""

    kind: RevokedKind
    name: str
    at: datetime
    until: datetime | None
    actor: str
    reason: str
    lifted_at: datetime | None = None
    lifted_by: str | None = None
    incident: int | None = None


class RevocationStore:
    """Notes revocations, and reads them."""

    def __init__(self, database: Database, new_key: Callable[[], int]) -> None:
        self._database = database
        self._new_key = new_key

    def add(self, work: UnitOfWork, revocation: Revocation) -> None:
        """Notes that a name is shut out from `at` on."""
        row = {
            "key": self._new_key(),
            "kind": revocation.kind.value,
            "name": bare(revocation.name),
            "at": _ms(revocation.at),
            "until": None if revocation.until is None else _ms(revocation.until),
            "actor": revocation.actor,
            "reason": revocation.reason,
            "incident": revocation.incident,
        }
        work.write(_INSERT, row)

    def lift(
        self,
        work: UnitOfWork,
        kind: RevokedKind,
        name: str,
        actor: str,
        at: datetime,
        *,
        incident: int | None = None,
    ) -> None:
        """Notes the end of every revocation of a name, or of those under one incident."""
        values = {"of_kind": kind.value, "of_name": bare(name), "of_end": _ms(at), "of_actor": actor}
        if incident is None:
            work.write(_LIFT, values)
        else:
            work.write(_LIFT_UNDER, values | {"of_incident": incident})

    async def holding(self, kind: RevokedKind, name: str) -> list[int]:
        """Numbers of the incidents under which a name is revoked."""
        rows = await self._database.fetch(_UNDER, {"of_kind": kind.value, "of_name": bare(name)})
        return sorted({row.incident for row in rows})

    async def listed(self) -> Sequence[Revocation]:
        """Everything that was ever revoked, oldest first."""
        return [_revocation(row) for row in await self._database.fetch(_LISTED)]

    async def active(self, at: datetime) -> Revoked:
        """What is revoked at a time."""
        names: dict[Named, datetime | None] = {}
        for row in await self._database.fetch(_ACTIVE, {"now": _ms(at)}):
            named, until = (RevokedKind(row.kind), row.name), _time(row.until)
            before = names.get(named, until)
            names[named] = None if until is None or before is None else max(until, before)
        return Revoked(names)


class RevocationView:
    """What is revoked, in memory: read again by the first who asks when the last reading is a second old.

    Whoever asks meanwhile waits for that reading: nobody is let in by an old one.
    """

    def __init__(self, store: RevocationStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._known = Revoked()
        self._due = float("-inf")
        self._reading = asyncio.Lock()

    async def current(self, at: datetime) -> Revoked:
        """What is revoked now."""
        if self._clock() < self._due:
            return self._known
        async with self._reading:
            if self._clock() >= self._due:
                due = self._clock() + REFRESH_SECONDS
                self._known = await self._store.active(at)
                self._due = due
        return self._known


def _revocation(row: object) -> Revocation:
    told = row._mapping  # type: ignore[attr-defined]  # noqa: SLF001 - how SQLAlchemy names its columns
    return Revocation(
        kind=RevokedKind(told["kind"]),
        name=told["name"],
        at=_at(told["at"]),
        until=_time(told["until"]),
        actor=told["actor"],
        reason=told["reason"],
        lifted_at=_time(told["lifted_at"]),
        lifted_by=told["lifted_by"],
        incident=told["incident"],
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _at(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


def _time(value: int | None) -> datetime | None:
    return None if value is None else _at(value)
