"""ITI-81 Retrieve ATNA Audit Event (RESTful ATNA 3.81): search and read of AuditEvent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import audit_use_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Naming, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.stores.events import EventStore, Question
from gateway.trail.book import Kept
from gateway.trail.reading import Page, read_page, readable
from profiles.atna.errors import refuse
from profiles.atna.iti81_retrieve_audit_event.parameters import PAGE, PARAMETERS, Search, read
from profiles.atna.wire.resources import resource_of

_CODE, _TITLE, _SECTION = "ITI-81", "Retrieve ATNA Audit Event", "RESTful ATNA 3.81"
_ACTORS = Actors("Audit Consumer", "Audit Record Repository")


@dataclass(frozen=True, kw_only=True)
class FoundEvents(Answer):
    """The events of a page. `next` is the place of the following one; `total` is that of a lone page."""

    search: Search
    shown: tuple[Kept, ...]
    next: str | None
    total: int | None

    @property
    def bare(self) -> bool:
        """Nothing was found."""
        return not self.shown


def decode(payload: FhirRequest, domain: Domain) -> Search:
    """The parameters of the URL or form, read by the table."""
    return read(payload, domain)


def encode(response: FoundEvents, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """A Bundle of type searchset, the newest event first, with a link to the next page."""
    search = response.search
    links = [{"relation": "self", "url": search.url(search.pointer)}]
    if response.next is not None:
        links.append({"relation": "next", "url": search.url(response.next)})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if response.total is not None:
        bundle["total"] = response.total
    bundle["link"] = links
    if response.shown:
        bundle["entry"] = [_entry(each, search.base) for each in response.shown]
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def _entry(kept: Kept, base: str) -> dict[str, Any]:
    return {
        "fullUrl": f"{base}/AuditEvent/{kept.name}",
        "resource": resource_of(kept),
        "search": {"mode": "match"},
    }


def target(request: Search) -> Target:
    """The patients named, if any are; the query as it came."""
    return Target(
        patients=request.patients,
        query=QueryText("AuditEvent", request.received),
        audit_log=f"{request.base}/AuditEvent",
    )


async def handle(call: Call[Search], services: Services) -> FoundEvents:
    """The next events that fit and may be read; what the index cannot answer is asked of the events."""
    search, book = call.request, services.access.trail
    place = _place(search, book.events)
    groups = search.groups
    if not call.scope.whole_trail:
        # Whose events may be read was decided on, whatever the person is called in them.
        if any(each.patients and call.scope.events_of.isdisjoint(each.patients) for each in groups):
            return FoundEvents(search=search, shown=(), next=None, total=_total(search, Page((), None)))
        groups = tuple(each for each in groups if not each.patients)
    question = Question(
        since=search.span.since,
        until=search.span.until,
        terms=groups[0].terms if groups else None,
        types=search.types,
        subtypes=search.subtypes,
        outcomes=search.outcomes,
        before=place,
        limit=search.count,
    )
    found = await read_page(book, call.scope, question, _tests(search, [each.test for each in groups]))
    following = book.events.pointer(found.place, search.about) if found.place and search.count else None
    return FoundEvents(search=search, shown=found.shown, next=following, total=_total(search, found))


def _place(search: Search, events: EventStore) -> tuple[int, int] | None:
    """Where the page begins; a link that we did not give leads nowhere."""
    if search.pointer is None:
        return None
    place = events.place(search.pointer, search.about)
    if place is None:
        text = "no page of this search begins here; follow the links of an answer, or search again"
        raise Refused(Problem(Meaning.DATA_TYPE, text, PAGE))
    return place


def _tests(search: Search, of_groups: list[Callable[..., bool]]) -> tuple[Callable[[Kept], bool], ...]:
    of_record = (*of_groups, *search.tests)
    tests: list[Callable[[Kept], bool]] = []
    if of_record:
        tests.append(lambda kept: all(test(kept.record) for test in of_record))
    if any(len(each) > 1 for each in search.spans):
        tests.append(lambda kept: search.in_time(kept.found.at))
    return tuple(tests)


def _total(search: Search, found: Page) -> int | None:
    """How many there are is not counted; it is known where they all came at once."""
    return len(found.shown) if search.pointer is None and found.place is None and search.count else None


# --- read ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventRequest:
    """The logical id in the URL."""

    id: str
    base: str


@dataclass(frozen=True, kw_only=True)
class FoundEvent(Answer):
    """The event."""

    kept: Kept


def decode_read(payload: FhirRequest, domain: Domain) -> EventRequest:  # noqa: ARG001 - the shape of a codec
    """The id in the path."""
    return EventRequest(payload.variables["id"], payload.base)


def encode_read(response: FoundEvent, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """The AuditEvent."""
    return FhirReply(200, JSON, Octets(orjson.dumps(resource_of(response.kept))))


def target_read(request: EventRequest) -> Target:
    """The event asked for, and through it those whom it is about."""
    return Target(
        named=(Naming("event", "logical-id", (request.id,)),),
        query=QueryText("AuditEvent", f"_id={request.id}".encode()),
        audit_log=f"{request.base}/AuditEvent",
    )


async def handle_read(call: Call[EventRequest], services: Services) -> FoundEvent:
    """What does not exist and what the caller may not read get the same answer."""
    found = readable(await services.access.trail.event(call.request.id), call.scope)
    if found is None:
        raise Refused(Problem(Meaning.NOT_FOUND, "no event is available at this URL", "AuditEvent"))
    return FoundEvent(kept=found)


SEARCHED: Transaction[Search, FoundEvents] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    binding=Fhir(method="GET", path="/AuditEvent", parameters=tuple(PARAMETERS.items())),
    action=Action.AUDIT_READ,
    audit=audit_use_event(_CODE, _TITLE),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
READ: Transaction[EventRequest, FoundEvent] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    binding=Fhir(method="GET", path="/AuditEvent/{id}"),
    action=Action.AUDIT_READ,
    audit=audit_use_event(_CODE, _TITLE),
    codec=Codec(decode=decode_read, encode=encode_read, refuse=refuse),
    target=target_read,
    handle=handle_read,
)
TRANSACTIONS = (SEARCHED, READ)
