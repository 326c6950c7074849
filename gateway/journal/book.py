"""Reads the journal of a patient: every event that names the person by any identifier, each once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.declare.services import Services
from gateway.journal.grouping import grouped, stays_of
from gateway.journal.looking import named, with_documents
from gateway.journal.model import Journal
from gateway.journal.reading import read_entry
from gateway.journal.words import codes
from gateway.record.access import Scope
from gateway.record.people import PatientId
from gateway.stores.events import SLOT_MS, Found, Question
from gateway.stores.rows import millis
from gateway.trail.book import Kept, TrailBook

USUAL, MOST = 1_000, 5_000
"""Entries of one journal: usually, and at most."""
_PAGE = 500
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose journal, for which time (both ends included), and how many entries.

    `before` is (at, id) of the last entry of an earlier answer.
    """

    patient: PatientId
    since: datetime | None = None
    until: datetime | None = None
    most: int = USUAL
    before: tuple[int, int] | None = None


async def read_journal(services: Services, scope: Scope, asked: Asked, now: datetime) -> Journal:
    """The journal as a reader with this scope may see it. PermissionError without a grant on the record."""
    if not scope.grants:
        raise PermissionError("this scope does not allow to read the journal")
    keys, own = await _identifiers(services, scope, asked.patient)
    since, until = asked.since or BEGINNING, asked.until or now
    kept = await _events(services.access.trail, own, asked, millis(since), millis(until))
    table = codes()
    entries = [read_entry(each, own, table) for each in kept[: asked.most]]
    entries = await named(entries, services.access.directory)
    entries = await with_documents(entries, services.registry, scope, table)
    visits = [visit for _, visit in await services.visits.latest(keys)]
    last = kept[asked.most - 1].found if len(kept) > asked.most else None
    return Journal(
        patient=asked.patient,
        since=since,
        until=until,
        made=now,
        groups=grouped(entries, stays_of(visits, now)),
        own=own,
        more=(last.at, last.id) if last is not None else None,
    )


async def _identifiers(
    services: Services, scope: Scope, patient: PatientId
) -> tuple[list[int], frozenset[str]]:
    """Record keys and identifiers of the person: all domains, and those that were merged into them."""
    store = services.index.mpi.store
    held = await store.by_keys(scope.patients)
    members = await store.members(each.identity.person for each in held)
    known = {each.identity.key: each.identity.id for each in (*held, *members)}
    return sorted(known), frozenset(str(each) for each in (*known.values(), patient))


async def _events(trail: TrailBook, own: frozenset[str], asked: Asked, since: int, until: int) -> list[Kept]:
    """The events, one more than asked for if there are more."""
    first = await trail.events.first_slot()
    if first is None:
        return []
    terms = frozenset(f"patient|{each}" for each in own)
    kept: list[Kept] = []
    before = asked.before
    while len(kept) <= asked.most:
        question = Question(
            since=max(since, first * SLOT_MS), until=until, terms=terms, before=before, limit=_PAGE
        )
        found = await trail.events.find(question)
        opened = await trail.open(found)
        # by its digest a term may be taken for another
        kept += [each for each in opened if not terms.isdisjoint(each.record.terms())]
        if len(found) < _PAGE:
            break
        before = _last(found)
    return kept


def _last(found: list[Found]) -> tuple[int, int]:
    return found[-1].at, found[-1].id
