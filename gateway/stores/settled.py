"""Alerts that are settled and incidents that are closed, when their time is over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, update

from gateway.errors import Outdated
from gateway.stores import tables
from gateway.stores.alerts import DISMISSED, INCIDENT
from gateway.stores.database import Database
from gateway.stores.events import SLOT_MS
from gateway.stores.retention import Outside
from gateway.stores.work import UnitOfWork

CLOSED = "closed"
"""The state of an incident that is over."""

_ALERT, _INCIDENT, _STEP = tables.alert.c, tables.incident.c, tables.incident_step.c
_SWITCH = tables.revocation.c
_LAST = (
    select(_STEP.incident, func.max(_STEP.number).label("number"), func.max(_STEP.at).label("at"))
    .group_by(_STEP.incident)
    .subquery()
)
"""The last step of each incident."""


class SettledStore:
    """Reads at once; changes are noted in a unit of work. The newest stays: numbers go on from it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def alerts_over(self, slot: int, but: Collection[int], limit: int) -> list[Outside]:
        """Alerts of weeks before `slot` that are dismissed, or whose incident is neither open nor held."""
        newest = select(func.max(_ALERT.number)).scalar_subquery()
        open_now = select(_INCIDENT.number).where(_INCIDENT.state != CLOSED)
        closed = _ALERT.incident.not_in(open_now) & _ALERT.incident.not_in(but)
        query = (
            select(_ALERT.number, _ALERT.last_at)
            .where(_ALERT.last_at < slot * SLOT_MS, _ALERT.number < newest)
            .where(or_(_ALERT.state == DISMISSED, (_ALERT.state == INCIDENT) & closed))
            .order_by(_ALERT.number)
            .limit(limit)
        )
        return [
            Outside(row.number, row.last_at // SLOT_MS, row.number.to_bytes(8, "big"))
            for row in await self._database.fetch(query)
        ]

    def erase_alerts(self, work: UnitOfWork, over: Sequence[Outside]) -> None:
        """Notes the end of alerts."""
        keys = [each.id for each in over]
        gone = Outdated("somebody else erased alerts meanwhile")
        work.write(delete(tables.alert).where(_ALERT.number.in_(keys)), expect=len(keys), otherwise=gone)

    async def incidents_over(self, slot: int, now: int, but: Collection[int], limit: int) -> list[Outside]:
        """Closed incidents whose last step is of a week before `slot`, with the digest of that step.

        One stays while another one continues it, and while what it shut out is not let in again.
        """
        last = (_STEP.incident == _INCIDENT.number) & (_STEP.number == _LAST.c.number)
        query = (
            select(_INCIDENT.number, _LAST.c.at, _STEP.digest)
            .join(_LAST, _LAST.c.incident == _INCIDENT.number)
            .join(tables.incident_step, last)
            .where(_INCIDENT.state == CLOSED, _LAST.c.at < slot * SLOT_MS, _INCIDENT.number.not_in(but))
            .where(*_free(now))
            .order_by(_INCIDENT.number)
            .limit(limit)
        )
        rows = await self._database.fetch(query)
        return [Outside(row.number, row.at // SLOT_MS, bytes(row.digest)) for row in rows]

    def erase_incidents(self, work: UnitOfWork, over: Sequence[Outside]) -> None:
        """Notes the end of incidents with all their steps; switches that ended no longer name them."""
        keys = [each.id for each in over]
        gone = Outdated("somebody else worked on an incident, or erased it, meanwhile")
        closed = _INCIDENT.number.in_(keys) & (_INCIDENT.state == CLOSED)
        work.write(delete(tables.incident).where(closed), expect=len(keys), otherwise=gone)
        work.write(delete(tables.incident_step).where(_STEP.incident.in_(keys)))
        ended = update(tables.revocation).where(_SWITCH.incident.in_(keys)).values(incident=None)
        work.write(ended)

    async def count_alerts(self, before: int) -> int:
        """How many alerts are older than a time, settled or not."""
        return await self._count(select(func.count(_ALERT.number)).where(_ALERT.last_at < before))

    async def count_incidents(self, before: int) -> int:
        """How many closed incidents had no step since a time."""
        closed = select(func.count(_INCIDENT.number)).join(_LAST, _LAST.c.incident == _INCIDENT.number)
        return await self._count(closed.where(_INCIDENT.state == CLOSED, _LAST.c.at < before))

    async def _count(self, query: Any) -> int:
        return int((await self._database.fetch(query))[0][0])


def _free(now: int) -> tuple[ColumnElement[bool], ...]:
    """Whether nothing that stays needs an incident, which is not the newest one."""
    every = tables.incident.alias("every")
    newest = select(func.max(every.c.number)).scalar_subquery()
    later = tables.incident.alias("later")
    continued = select(later.c.after).where(later.c.after.is_not(None))
    standing = _SWITCH.lifted_at.is_(None) & or_(_SWITCH.until.is_(None), _SWITCH.until > now)
    holding = select(_SWITCH.incident).where(_SWITCH.incident.is_not(None), standing)
    return (
        _INCIDENT.number < newest,
        _INCIDENT.number.not_in(continued),
        _INCIDENT.number.not_in(holding),
    )
