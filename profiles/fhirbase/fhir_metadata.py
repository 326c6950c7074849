"""Reads the CapabilityStatement: GET [base]/metadata (FHIR R4 http 3.1.0.8, ITI TF-2 Appendix Z.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.bindings.capability import capability_statement
from gateway.bindings.fhirfault import Issue, operation_outcome
from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import QUERY, AuditEvent, EventAction, ObjectKind
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Profile, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem
from gateway.record.domain import Domain
from gateway.record.people import Code

_UNAVAILABLE, _FORBIDDEN = 503, 403


@dataclass(frozen=True, slots=True)
class CapabilitiesRequest:
    """Asks what the service at `base` can do."""

    base: str


@dataclass(frozen=True, kw_only=True)
class Capabilities(Answer):
    """A CapabilityStatement resource."""

    statement: Mapping[str, Any] = field(default_factory=dict)


def decode(payload: FhirRequest, domain: Domain) -> CapabilitiesRequest:  # noqa: ARG001 - the shape of a codec
    """Parameters (`mode`) make no difference: there is one statement."""
    return CapabilitiesRequest(payload.base)


def encode(response: Capabilities, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """The statement as JSON."""
    return FhirReply(200, JSON, Octets(orjson.dumps(response.statement)))


def refuse(problems: tuple[Problem, ...]) -> FhirReply:
    """An OperationOutcome: the only refusals are those of a system without the right, or of a busy server."""
    busy = problems[0].meaning is Meaning.BUSY
    issues = [Issue("transient" if busy else "forbidden", each.context) for each in problems]
    outcome = orjson.dumps(operation_outcome(issues))
    return FhirReply(_UNAVAILABLE if busy else _FORBIDDEN, JSON, Octets(outcome))


def target(request: CapabilitiesRequest) -> Target:  # noqa: ARG001 - the shape of a declaration
    """No record; the audit tells that the statement was asked for."""
    return Target(query=QueryText("CapabilityStatement", b"metadata"))


_AUDIT = AuditEvent(
    type=Code("capabilities", "http://hl7.org/fhir/restful-interaction", "read capabilities"),
    received=QUERY,
    received_action=EventAction.READ,
    sent=QUERY,
    sent_action=EventAction.READ,
    objects=frozenset({ObjectKind.QUERY}),
)


def transaction_over(profiles: Sequence[Profile]) -> Transaction[CapabilitiesRequest, Capabilities]:
    """The declaration for a server that speaks these profiles."""
    served = tuple(transaction for profile in profiles for transaction in profile.transactions)

    async def handle(call: Call[CapabilitiesRequest], services: Services) -> Capabilities:  # noqa: ARG001
        return Capabilities(statement=capability_statement(served, call.request.base, call.at))

    return Transaction(
        code="FHIR-METADATA",
        title="Read Capabilities",
        section="FHIR R4: http 3.1.0.8",
        actors=Actors("FHIR Client", "FHIR Server"),
        binding=Fhir(method="GET", path="/metadata"),
        action=Action.METADATA_READ,
        audit=_AUDIT,
        codec=Codec(decode=decode, encode=encode, refuse=refuse),
        target=target,
        handle=handle,
    )
