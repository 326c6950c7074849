"""EMG-2 Find Emergency Accesses: the queue of the review, and one entry of it. A transaction of ours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.record.emergencies import Emergency, Judgement, Use
from gateway.record.people import Code
from profiles.emergency.codes import REVIEWERS, SCHEME, SECTION, STATUSES
from profiles.emergency.wire.task import write_listed, write_task
from profiles.pdqm.errors import outcome_reply
from profiles.pdqm.rules import refused
from profiles.vigilance.rules import Page, Pairs, key_in_path, not_found, one, page_of, written
from profiles.vigilance.wire.values import searchset

_CODE, _TITLE, _TASK, _STATUS = "EMG-2", "Find Emergency Accesses", "Task", "status"
_PATH = f"{_TASK}/$emergencies"
_AUDIT = replace(query_event(_CODE, _TITLE), type=Code(_CODE, SCHEME, _TITLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Emergencies by what the review said; `received` is the search as it came."""

    states: frozenset[Judgement]
    page: Page
    received: Pairs
    base: str


@dataclass(frozen=True, kw_only=True)
class FoundEmergencies(Answer):
    """The emergencies of a page, and whether there are more."""

    search: Search
    emergencies: tuple[Emergency, ...]
    more: bool
    at: datetime


def decode(payload: FhirRequest, domain: Domain) -> Search:  # noqa: ARG001 - the shape of a codec
    """`status`, values separated by commas; without it all."""
    page, given = page_of(payload, _STATUS), one(payload.parameters, _STATUS)
    states: frozenset[Judgement] = frozenset(Judgement)
    if given is not None:
        wanted = given.split(",")
        if not set(wanted) <= STATUSES.keys():
            raise refused(Meaning.TABLE_VALUE, f"expected one of {', '.join(STATUSES)}", _STATUS)
        states = frozenset().union(*(STATUSES[each] for each in wanted))
    return Search(states=states, page=page, received=tuple(payload.parameters), base=payload.base)


def encode(response: FoundEmergencies, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """A Bundle of Tasks without anything about patients."""
    search, found = response.search, response.emergencies
    after = found[-1].key if response.more else None
    tasks = [write_listed(each, response.at) for each in found]
    bundle = searchset(search.base, _PATH, tasks, search.received, search.page, after)
    for each in bundle.get("entry", ()):
        each["fullUrl"] = f"{search.base}/{_TASK}/{each['resource']['id']}"
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def target(request: Search) -> Target:
    """No patient; the search as it came."""
    return Target(query=QueryText(_PATH, written(request.received).encode()))


async def handle(call: Call[Search], services: Services) -> FoundEmergencies:
    """In the order in which they began."""
    asked, store = call.request, services.access.emergencies
    found = await store.listed(asked.states, asked.page.after, asked.page.most + 1)
    shown = tuple(found[: asked.page.most])
    return FoundEmergencies(search=asked, emergencies=shown, more=len(found) > len(shown), at=call.at)


# --- one emergency -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EmergencyRequest:
    """The number in the URL."""

    key: int


@dataclass(frozen=True, kw_only=True)
class FoundEmergency(Answer):
    """An emergency with its requests."""

    emergency: Emergency
    uses: tuple[Use, ...]
    at: datetime


def decode_read(payload: FhirRequest, domain: Domain) -> EmergencyRequest:  # noqa: ARG001 - as above
    """The id in the path."""
    return EmergencyRequest(key_in_path(payload, _TASK))


def encode_read(response: FoundEmergency, domain: Domain) -> FhirReply:
    """The Task with patient, reason and requests."""
    task = write_task(response.emergency, response.uses, domain, response.at)
    return FhirReply(200, JSON, Octets(orjson.dumps(task)))


def target_read(request: EmergencyRequest) -> Target:
    """The resource asked for."""
    return Target(query=QueryText(_TASK, f"_id={request.key:x}".encode()))


async def handle_read(call: Call[EmergencyRequest], services: Services) -> FoundEmergency:
    """The patient is named in the audit."""
    store = services.access.emergencies
    found = await store.find(call.request.key)
    if found is None:
        raise not_found(_TASK)
    uses = tuple(await store.uses(found.key))
    return FoundEmergency(emergency=found, uses=uses, at=call.at, patients=(found.patient,))


SEARCHED: Transaction[Search, FoundEmergencies] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=REVIEWERS,
    binding=Fhir(method="GET", path=f"/{_PATH}"),
    action=Action.EMERGENCY_REVIEW,
    audit=_AUDIT,
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
READ: Transaction[EmergencyRequest, FoundEmergency] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=REVIEWERS,
    binding=Fhir(method="GET", path=f"/{_TASK}/{{id}}/$emergency"),
    action=Action.EMERGENCY_REVIEW,
    audit=_AUDIT,
    codec=Codec(decode=decode_read, encode=encode_read, refuse=outcome_reply),
    target=target_read,
    handle=handle_read,
)
TRANSACTIONS = (SEARCHED, READ)
