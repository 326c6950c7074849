"""ITI-20 Record Audit Event, FHIR feed (RESTful ATNA 3.20.4.2): another system tells one event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.audit.objects import RESOURCE_TYPES
from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import AuditEvent, EventAction, ObjectKind, rest_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Target, Transaction
from gateway.errors import Malformed, Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.events import Received
from gateway.record.people import Code
from gateway.trail.fhir_reading import read_resource
from profiles.pdqm.errors import outcome_reply

CODE, TITLE, SECTION = "ITI-20", "Record Audit Event", "RESTful ATNA 2:3.20"
ACTORS = Actors("Secure Node", "Audit Record Repository")
RESOURCE = "AuditEvent"
KIND = Code(RESOURCE, RESOURCE_TYPES, RESOURCE)
FORM = "fhir"
CREATED, HERE_BEFORE = 201, 200


@dataclass(frozen=True, slots=True)
class Told:
    """A valid AuditEvent in JSON as it came."""

    event: bytes
    base: str


@dataclass(frozen=True, kw_only=True)
class Recorded(Answer):
    """The logical id of the event; None for one that was here before."""

    name: str | None
    base: str


def event() -> AuditEvent:
    """What is told of the reception itself: a resource was created (BALP 3:5.7.4).

    It names no patients: their records were not used by it.
    """
    kinds = frozenset({ObjectKind.RESOURCE})
    created = rest_event(CODE, TITLE, EventAction.CREATE)
    return AuditEvent(
        type=created.type,
        received=created.received,
        received_action=created.received_action,
        sent=created.sent,
        sent_action=created.sent_action,
        objects=kinds,
    )


def decode(payload: FhirRequest, domain: Domain) -> Told:  # noqa: ARG001 - the shape of a codec
    """The AuditEvent in the body."""
    check(payload.resource)
    return Told(payload.body, payload.base)


def check(resource: Mapping[str, Any] | None) -> None:
    """Refused unless it is an AuditEvent that can be kept as an event; its elements are those of R4."""
    if resource is None or resource["resourceType"] != RESOURCE:
        raise Refused(Problem(Meaning.DATA_TYPE, f"expected an {RESOURCE} in the body", RESOURCE))
    try:
        read_resource(resource)
    except Malformed as error:
        raise Refused(Problem(Meaning.METADATA_INVALID, error.detail, error.location or RESOURCE)) from error


def received(event: bytes, call: Call[Any]) -> Received:
    """The event with who sent it; the exchange it came in is found by its trace."""
    sender = call.node.name if call.node is not None else None
    return Received(raw=event, form=FORM, at=call.at, sender=sender, header=(("trace", call.trace_id),))


def target(request: Told) -> Target:  # noqa: ARG001 - the shape of a declaration
    """Nobody's record is asked for."""
    return Target()


async def handle(call: Call[Told], services: Services) -> Recorded:
    """Kept once, however often it is told."""
    (taken,) = await services.access.trail.take(call.work, [received(call.request.event, call)], call.at)
    objects = ((taken.name, KIND),) if taken.name is not None else ()
    return Recorded(name=taken.name, base=call.request.base, objects=objects)


def encode(response: Recorded, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """201 with where it is read again; 200 for one that was here before."""
    if response.name is None:
        return FhirReply(HERE_BEFORE, JSON, Octets(b""))
    location = {"location": f"{response.base}/{RESOURCE}/{response.name}"}
    return FhirReply(CREATED, JSON, Octets(b""), location)


TRANSACTION: Transaction[Told, Recorded] = Transaction(
    code=CODE,
    title=TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="POST", path=f"/{RESOURCE}"),
    action=Action.AUDIT_RECORD,
    audit=event(),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
