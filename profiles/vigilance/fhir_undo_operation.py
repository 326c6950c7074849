"""IDV-4 Undo Identity Operation: back to what was before, exactly or not at all. A transaction of ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import EventAction, ObjectKind, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Refused
from gateway.mpi.remembering import Done
from gateway.record.domain import Domain
from gateway.record.people import Code
from profiles.pdqm.errors import outcome_reply
from profiles.vigilance.codes import ACTORS, SCHEME, SECTION
from profiles.vigilance.rules import key_in_path, parameters, placed, reason_of
from profiles.vigilance.wire.provenance import write_provenance

_CODE, _TITLE, _PROVENANCE = "IDV-4", "Undo Identity Operation", "Provenance"


@dataclass(frozen=True, slots=True)
class Undoing:
    """Which operation, and why it was wrong."""

    key: int
    reason: str
    base: str


@dataclass(frozen=True, kw_only=True)
class Undone(Answer):
    """The operation by which the other was taken back."""

    operation: Done
    base: str


def decode(payload: FhirRequest, domain: Domain) -> Undoing:  # noqa: ARG001 - the shape of a codec
    """`reason` of a Parameters resource."""
    key = key_in_path(payload, _PROVENANCE)
    return Undoing(key, reason_of(parameters(payload.resource, "reason")), payload.base)


def encode(response: Undone, domain: Domain) -> FhirReply:
    """The Provenance of the undoing."""
    resource = write_provenance(response.operation, domain, response.base)
    return FhirReply(200, JSON, Octets(orjson.dumps(resource)))


def target(request: Undoing) -> Target:
    """Which operation; whom it moved is known only once it is read."""
    return Target(query=QueryText(_PROVENANCE, f"_id={request.key:x}".encode()))


async def handle(call: Call[Undoing], services: Services) -> Undone:
    """All identities that are moved back are named in the audit, and subscribers are told."""
    try:
        back = await services.index.take_back(call, call.request.key, call.request.reason)
    except Refused as error:
        raise placed(error, _PROVENANCE) from error
    return Undone(
        operation=back.done,
        base=call.request.base,
        persons=back.changes,
        patients=back.done.identifiers,
    )


_EVENT = patient_event(_CODE, _TITLE, EventAction.UPDATE)

TRANSACTION: Transaction[Undoing, Undone] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="POST", path="/Provenance/{id}/$undo"),
    action=Action.PATIENT_LINK,
    audit=replace(
        _EVENT,
        type=Code(_CODE, SCHEME, _TITLE),
        objects=frozenset({ObjectKind.PATIENT, ObjectKind.QUERY}),
    ),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
