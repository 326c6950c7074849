"""Finds what systems said of themselves by time, host, application and severity; it stands in blocks."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, insert, select

from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.events import slot_of
from gateway.stores.work import UnitOfWork

LEAST_SEVERE = 7
_T = tables.system_event.c
_INSERT = insert(tables.system_event)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEvent:
    """A row of `system_event`. `at` is milliseconds since 1970 in UTC; lower severities are graver."""

    slot: int
    at: int
    id: int
    place: int
    item: int
    facility: int
    severity: int
    host: str
    app: str
    sender: str
    flags: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemQuestion:
    """Which messages are looked for, the newest first. `severity` is the least grave one that counts."""

    since: int
    until: int
    host: str | None = None
    app: str | None = None
    sender: str | None = None
    severity: int = LEAST_SEVERE
    limit: int = 100


class SystemStore:
    """Notes messages of systems for being found, and finds them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, work: UnitOfWork, *events: SystemEvent) -> None:
        """Notes messages; names longer than their columns are cut."""
        rows = [
            {
                **{name: getattr(each, name) for name in SystemEvent.__slots__},
                "host": each.host[:255],
                "app": each.app[:64],
                "sender": each.sender[:128],
            }
            for each in events
        ]
        if rows:
            work.write(_INSERT, *rows)

    async def find(self, question: SystemQuestion) -> list[SystemEvent]:
        """The newest that fit, at most `limit`; names are compared without regard to case."""
        query = (
            select(*_T)
            .where(*_narrowed(question))
            .order_by(_T.slot.desc(), _T.at.desc(), _T.id.desc())
            .limit(question.limit)
        )
        return [SystemEvent(**row._mapping) for row in await self._database.fetch(query)]  # noqa: SLF001


def _narrowed(question: SystemQuestion) -> list[ColumnElement[bool]]:
    named = ((_T.host, question.host), (_T.app, question.app), (_T.sender, question.sender))
    return [
        _T.slot.between(slot_of(question.since), slot_of(question.until)),
        _T.at.between(question.since, question.until),
        _T.severity <= question.severity,
        *(func.lower(column) == name.lower() for column, name in named if name is not None),
    ]
