"""ITI-78 Mobile Patient Demographics Query (PDQm 2:3.78): search and read of Patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.mpi.lookup import reader
from gateway.record.domain import Domain
from gateway.record.patients import Person
from gateway.record.people import PatientId
from profiles.pdqm.codes import PATIENT_PROFILE
from profiles.pdqm.errors import outcome_reply
from profiles.pdqm.iti78_mobile_patient_demographics_query.bundle import entry, searchset, told_in
from profiles.pdqm.iti78_mobile_patient_demographics_query.continuing import Continued
from profiles.pdqm.iti78_mobile_patient_demographics_query.parameters import PARAMETERS
from profiles.pdqm.iti78_mobile_patient_demographics_query.search import (
    COUNT,
    PAGE,
    Search,
    read,
    written,
)
from profiles.pdqm.rules import key_of
from profiles.pdqm.wire.patient import write_patient

_CODE, _TITLE, _SECTION = "ITI-78", "Mobile Patient Demographics Query", "PDQm 2:3.78"
_ACTORS = Actors("Patient Demographics Consumer", "Patient Demographics Supplier")


@dataclass(frozen=True, kw_only=True)
class FoundPersons(Answer):
    """How many match and those of the page; `survivors` took the place of some. `next` points further."""

    search: Search
    total: int
    shown: tuple[Person, ...] = ()
    survivors: tuple[Person, ...] = ()
    next: str | None = None
    roots: tuple[str, ...] = ()


def decode(payload: FhirRequest, domain: Domain) -> Search:
    """The parameters of the URL or form, read by the table."""
    return read(payload, domain)


def encode(response: FoundPersons, domain: Domain) -> FhirReply:
    """A Bundle of type searchset."""
    search, roots = response.search, response.roots
    entries = [entry(each, domain, search.base, roots) for each in response.shown]
    entries += [entry(each, domain, search.base, roots, "include") for each in response.survivors]
    following = written(((PAGE, response.next), (COUNT, str(search.count)))) if response.next else None
    bundle = searchset(
        response.total,
        entries,
        self_url=search.url,
        next_url=f"{search.base}/Patient?{following}" if following else None,
    )
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def target(request: Search) -> Target:
    """No patient is named before it is found; the query as it came."""
    return Target(query=QueryText("Patient", request.received))


async def handle(call: Call[Search], services: Services) -> FoundPersons:
    """All that match, page by page. A domain that the caller may not see is not known to it (case 4)."""
    if call.request.pointer is not None:
        return await _continue(call, services, call.request.pointer)
    roots = _roots(call, services)
    domains = roots if call.request.systems is not None else None
    found = await _search(call, services, domains)
    found, survivors = await _with_merged(call, services, found)
    return await _page(call, services, Continued(len(found), domains), found, survivors)


def _roots(call: Call[Search], services: Services) -> tuple[str, ...]:
    """The domains whose identifiers are answered."""
    name, chosen = reader(call), call.request.systems
    seen = tuple(root for root, each in services.domain.identity_domains.items() if each.seen_by(name))
    if chosen is None:
        return seen
    if not set(chosen) <= set(seen):
        raise Refused(Problem(Meaning.UNKNOWN_KEY, "targetSystem not found", "targetSystem"))
    return tuple(dict.fromkeys(root for root in chosen if root is not None))


async def _search(
    call: Call[Search], services: Services, domains: tuple[str, ...] | None
) -> tuple[Person, ...]:
    """Everyone who fits one of the queries, once."""
    found: dict[int, Person] = {}
    for query in call.request.queries:
        for each in await services.index.search(call, replace(query, domains=domains)):
            found.setdefault(each.key, each)
    return tuple(each for each in found.values() if _has_telecoms(each, call.request))


def _has_telecoms(person: Person, search: Search) -> bool:
    held = {(each.system, each.value) for each in person.demographics.telecoms or ()}
    values = {value for _, value in held}
    return all(
        any((system, value) in held if system else value in values for system, value in group)
        for group in search.telecoms
    )


async def _with_merged(
    call: Call[Search], services: Services, found: tuple[Person, ...]
) -> tuple[tuple[Person, ...], tuple[Person, ...]]:
    """Where an identifier was merged into another: its Patient, inactive, and who took its place (6c)."""
    asked = [await services.index.resolve(call, each) for each in call.request.named]
    asked += [await services.index.person(call, each) for each in call.request.keys]
    merged = [each for each in asked if each is not None and each.replaced_by is not None]
    if not merged:
        return found, ()
    gone = {each.key for each in merged}
    kept = tuple(each for each in found if each.key not in {other.replaced_by for other in merged})
    survivors = [
        survivor
        for key in dict.fromkeys(each.replaced_by for each in merged if each.replaced_by is not None)
        if (survivor := await services.index.person(call, key)) is not None
    ]
    return (*(each for each in kept if each.key not in gone), *merged), tuple(survivors)


async def _continue(call: Call[Search], services: Services, pointer: str) -> FoundPersons:
    """The next page of an earlier search. Who was found then and is gone is left out."""
    kept = await services.index.resume(call, pointer)
    if kept is None:
        text = "this page is not kept any more; search again"
        raise Refused(Problem(Meaning.GONE, text, PAGE))
    continued, keys = Continued.read(kept[0]), kept[1]
    count = call.request.count
    shown = await services.index.persons(call, keys[:count], continued.domains)
    following = await _keep(call, services, continued, keys[count:])
    return _answer(call, services, continued, shown, (), following)


async def _page(
    call: Call[Search],
    services: Services,
    continued: Continued,
    found: tuple[Person, ...],
    survivors: tuple[Person, ...],
) -> FoundPersons:
    count = call.request.count
    following = (
        await _keep(call, services, continued, [each.key for each in found[count:]]) if count else None
    )
    return _answer(call, services, continued, found[:count], survivors if count else (), following)


async def _keep(
    call: Call[Search], services: Services, continued: Continued, keys: Sequence[int]
) -> str | None:
    return await services.index.keep(call, continued.written(), keys) if keys else None


def _answer(
    call: Call[Search],
    services: Services,
    continued: Continued,
    shown: tuple[Person, ...],
    survivors: tuple[Person, ...],
    following: str | None,
) -> FoundPersons:
    seen = continued.domains if continued.domains is not None else _seen(call, services)
    return FoundPersons(
        search=call.request,
        total=continued.total,
        shown=shown,
        survivors=survivors,
        next=following,
        roots=seen,
        patients=named(shown),
    )


def _seen(call: Call[Search], services: Services) -> tuple[str, ...]:
    name = reader(call)
    return tuple(root for root, each in services.domain.identity_domains.items() if each.seen_by(name))


def named(persons: Sequence[Person]) -> tuple[PatientId, ...]:
    """One identifier of each person, for the audit."""
    return tuple(each.identifiers[0] for each in persons if each.identifiers)


# --- read ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PatientRequest:
    """The logical id in the URL."""

    id: str
    base: str


@dataclass(frozen=True, kw_only=True)
class FoundPatient(Answer):
    """The person, inactive where it became part of another."""

    person: Person
    further: tuple[PatientId, ...]
    base: str


def decode_read(payload: FhirRequest, domain: Domain) -> PatientRequest:  # noqa: ARG001 - the shape of a codec
    """The id in the path."""
    return PatientRequest(payload.variables["id"], payload.base)


def encode_read(response: FoundPatient, domain: Domain) -> FhirReply:
    """The Patient."""
    patient = write_patient(response.person, domain, response.base, response.further)
    return FhirReply(200, JSON, Octets(orjson.dumps(patient)))


def target_read(request: PatientRequest) -> Target:
    """The resource asked for."""
    return Target(query=QueryText("Patient", f"_id={request.id}".encode()))


async def handle_read(call: Call[PatientRequest], services: Services) -> FoundPatient:
    """What does not exist and what the caller may not see get the same answer."""
    name, key = reader(call), key_of(call.request.id)
    person = await services.index.person(call, key) if key is not None else None
    if person is None:
        raise Refused(Problem(Meaning.NOT_FOUND, "no patient is available at this URL", "Patient"))
    seen = [root for root, each in services.domain.identity_domains.items() if each.seen_by(name)]
    return FoundPatient(
        person=person,
        further=told_in(person, seen),
        base=call.request.base,
        patients=named((person,)),
    )


SEARCHED: Transaction[Search, FoundPersons] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    binding=Fhir(
        method="GET",
        path="/Patient",
        parameters=tuple((name, each.type) for name, each in PARAMETERS.items()),
        profiles=(PATIENT_PROFILE,),
    ),
    action=Action.PATIENT_QUERY,
    audit=query_event(_CODE, _TITLE),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
READ: Transaction[PatientRequest, FoundPatient] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    binding=Fhir(method="GET", path="/Patient/{id}", profiles=(PATIENT_PROFILE,)),
    action=Action.PATIENT_QUERY,
    audit=query_event(_CODE, _TITLE),
    codec=Codec(decode=decode_read, encode=encode_read, refuse=outcome_reply),
    target=target_read,
    handle=handle_read,
)
TRANSACTIONS = (SEARCHED, READ)
