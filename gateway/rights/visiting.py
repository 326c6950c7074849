"""From visits to care relations: whoever a patient visits treats him, until some time after (rule P7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from gateway.record.access import Grant, Period, Scope
from gateway.record.consents import Author, Consent, Directive, Kind, Status
from gateway.record.patients import State
from gateway.record.people import PatientId
from gateway.rights.book import RightsBook, Said
from gateway.stores.identities import IdentityStore
from gateway.stores.visit_notices import VisitEvent, VisitNotice, VisitNotices
from gateway.stores.work import UnitOfWork

_NAMESPACE = UUID("6f1de1c9-6c3d-4b8e-9a53-0f6a4d0f2c11")
_KIND = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """What the book needs to know of the keeper."""

    scope: Scope
    work: UnitOfWork
    at: datetime
    trace_id: str


@dataclass(frozen=True)
class Visiting:
    """Works visits in, a patient at a time; `affinity_root` is the domain of the records."""

    notices: VisitNotices
    book: RightsBook
    identities: IdentityStore
    affinity_root: str

    async def waiting(self, most: int) -> list[list[VisitNotice]]:
        """Visits among the oldest notices, one for each patient, each with its own notices in their order."""
        first: dict[PatientId, list[VisitNotice]] = {}
        for each in await self.notices.first(most):
            told = first.setdefault(each.patient, [])
            if not told or _same(each, told[0]):
                told.append(each)
        return list(first.values())

    async def work_in(self, work: UnitOfWork, told: Iterable[VisitNotice], at: datetime) -> None:
        """Notes what the notices of one visit come to. A relation that a person ended stays ended."""
        notices = list(told)
        self.notices.done(work, notices)
        last = notices[-1]
        for key, patient in await self._records(last.patient):
            call = _Asking(
                scope=Scope(grants={key: Grant(rank=0)}, identities={key: patient}),
                work=work,
                at=at,
                trace_id=last.trace_id,
            )
            await self._relate(call, patient, key, last)

    async def _records(self, asked: PatientId) -> list[tuple[int, PatientId]]:
        """The records of the person: the identities in use in the affinity domain."""
        held = await self.identities.held(asked)
        if held is None:
            return []
        members = await self.identities.members([held.identity.person])
        return [
            (each.identity.key, each.identity.id)
            for each in members
            if each.identity.id.root == self.affinity_root
            and not each.identity.merged
            and each.identity.state is not State.REMOVED
        ]

    async def _relate(self, call: _Asking, patient: PatientId, key: int, last: VisitNotice) -> None:
        name = str(uuid5(_NAMESPACE, f"{key}|{last.organisation}|{last.number}"))
        versions = await self.book.versions(call, name)
        known = versions[-1] if versions else None
        if known is not None and known.author.kind != _KIND:
            return
        end = self._end(last)
        if last.event is VisitEvent.UNDONE:
            if known is not None and known.status is Status.ACTIVE:
                await self.book.end(call, name, _author(last), last.by)
            return
        start = _start(known) or last.at
        period = Period(start, max(end, start) if end is not None else None)
        if known is not None and known.status is Status.ACTIVE and known.directives[0].period == period:
            return
        relation = Directive(kind=Kind.RELATION, subject=last.organisation, period=period)
        said = Said(directives=(relation,), author=_author(last), reason=last.by, identifier=name)
        await (self.book.add(call, patient, said) if known is None else self.book.change(call, name, said))

    def _end(self, last: VisitNotice) -> datetime | None:
        rules = self.notices.rules
        if last.event is VisitEvent.OPEN:
            return None
        return last.at + (rules.after if last.event is VisitEvent.ENDED else rules.untold)


def _same(one: VisitNotice, other: VisitNotice) -> bool:
    return (one.organisation, one.number) == (other.organisation, other.number)


def _start(known: Consent | None) -> datetime | None:
    if known is None or known.status is not Status.ACTIVE:
        return None
    return known.directives[0].period.start


def _author(last: VisitNotice) -> Author:
    return Author(
        subject=last.node,
        name=last.organisation_name,
        kind=_KIND,
        organisation=last.organisation,
        by=last.by,
    )
