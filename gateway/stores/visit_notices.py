"""Visits that were told, on their way to become care relations: one row for each, emptied by the keeper."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, unique

from sqlalchemy import bindparam, delete, insert, select

from gateway.errors import Outdated
from gateway.record.measures import VisitRules
from gateway.record.people import Node, PatientId
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

_V = tables.visit_notice.c
_INSERT = insert(tables.visit_notice)
_FIRST = select(*tables.visit_notice.c).order_by(_V.key).limit(bindparam("most"))
_DONE = delete(tables.visit_notice).where(_V.key == bindparam("b_key"))


@unique
class VisitEvent(Enum):
    """What a message says of a visit; `SEEN` where no end of it will be told."""

    OPEN = "open"
    SEEN = "seen"
    ENDED = "ended"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitNotice:
    """What became of a visit: the organisation treats the patient from now on, or no more."""

    key: int
    patient: PatientId
    number: str
    node: str
    organisation: str
    organisation_name: str
    event: VisitEvent
    by: str
    trace_id: str
    at: datetime


class VisitNotices:
    """Notes what messages tell; `rules` are asked each time, since the policy may change."""

    def __init__(
        self, database: Database, new_key: Callable[[], int], rules: Callable[[], VisitRules]
    ) -> None:
        self._database = database
        self._new_key = new_key
        self._rules = rules

    @property
    def rules(self) -> VisitRules:
        """Whether visits count, and for how long."""
        return self._rules()

    def tell(
        self,
        work: UnitOfWork,
        patient: PatientId,
        number: str,
        node: Node,
        event: VisitEvent,
        by: str,
        trace_id: str,
        at: datetime,
    ) -> None:
        """Notes one event of a visit, where visits count."""
        if not self.rules.counted:
            return
        row = {
            "key": self._new_key(),
            "root": patient.root,
            "extension": patient.extension,
            "number": number,
            "node": node.name,
            "organisation": node.organisation,
            "organisation_name": node.organisation_name,
            "event": event.value,
            "by": by,
            "trace_id": trace_id,
            "at": millis(at),
        }
        work.write(_INSERT, row)

    async def first(self, most: int) -> list[VisitNotice]:
        """The oldest ones."""
        rows = await self._database.fetch(_FIRST, {"most": most})
        return [
            VisitNotice(
                key=row.key,
                patient=PatientId(row.extension, row.root),
                number=row.number,
                node=row.node,
                organisation=row.organisation,
                organisation_name=row.organisation_name,
                event=VisitEvent(row.event),
                by=row.by,
                trace_id=row.trace_id,
                at=datetime.fromtimestamp(row.at / 1000, UTC),
            )
            for row in rows
        ]

    def done(self, work: UnitOfWork, notices: Iterable[VisitNotice]) -> None:
        """Notes that some are worked in; Outdated when another keeper was faster."""
        for each in notices:
            work.write(_DONE, {"b_key": each.key}, expect=1, otherwise=Outdated("worked in meanwhile"))
