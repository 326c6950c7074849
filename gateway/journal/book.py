"""Reads the journal of a patient: every event that names the person by any identifier, each once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.declare.services import Services
from gateway.journal.grouping import grouped, stays_of
from gateway.journal.looking import named, with_documents
from gateway.journal.model import Entry, Journal
from gateway.journal.reading import read_entry
from gateway.journal.words import codes
from gateway.record.access import Scope
from gateway.record.domain import IdentityDomain
from gateway.record.people import PatientId
from gateway.stores.events import Found, Question
from gateway.stores.rows import millis
from gateway.trail.book import TrailBook

USUAL, MOST = 1_000, 5_000
"""Entries of one journal: usually, and at most."""
_PAGE = 100
"""So many events are read at once; then other requests of the worker have their turn."""
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
"""Other systems may have told an event with a clock that was wrong; it is shown all the same."""


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
    since, until = asked.since or _FIRST, asked.until or _LAST
    read = [each async for each in _events(services.access.trail, own, asked, millis(since), millis(until))]
    last = read[asked.most - 1][0] if len(read) > asked.most else None
    entries = [entry for _, entry in read[: asked.most]]
    entries = await named(entries, services.access.directory)
    entries = await with_documents(entries, services.registry, scope, codes())
    visits = [visit for _, visit in await services.visits.latest(keys)]
    return Journal(
        patient=asked.patient,
        since=since,
        until=asked.until or now,
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
    names = {patient, *known.values()}
    return sorted(known), frozenset(_spelled(names, services.domain.identity_domains))


def _spelled(names: Iterable[PatientId], domains: Mapping[str, IdentityDomain]) -> Iterator[str]:
    """Identifiers as events write them: with the OID of the domain, or a URI that it has in FHIR."""
    for each in names:
        yield str(each)
        for uri in domains[each.root].uris if each.root in domains else ():
            yield str(PatientId(each.extension, uri))


async def _events(
    trail: TrailBook, own: frozenset[str], asked: Asked, since: int, until: int
) -> AsyncIterator[tuple[Found, Entry]]:
    """The events with their entries, one more than asked for if there are more."""
    terms, table = frozenset(f"patient|{each}" for each in own), codes()
    before, left = asked.before, asked.most + 1
    while left > 0:
        question = Question(since=since, until=until, terms=terms, before=before, limit=min(_PAGE, left))
        found = await trail.events.find(question)
        for each in await trail.open(found):
            # by its digest a term may be taken for another
            if not terms.isdisjoint(each.record.terms()):
                left -= 1
                yield each.found, read_entry(each, own, table)
        if len(found) < question.limit:
            return
        before = found[-1].at, found[-1].id
