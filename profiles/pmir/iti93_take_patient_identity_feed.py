"""ITI-93 Mobile Patient Identity Feed (PMIR 2:3.93), as its consumer: a FHIR message tells of a patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import EventAction, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed, PatientMerge
from profiles.pdqm.errors import FORMS, Form, outcome_reply
from profiles.pixm.rules import check_one_each, check_source, placed
from profiles.pmir.codes import FEED_RESPONSE
from profiles.pmir.wire.history import Message, Removal, read_message

_CODE, _TITLE = "ITI-93", "Mobile Patient Identity Feed"
_FORMS = MappingProxyType({**FORMS, (Meaning.UNMODIFIABLE, None): Form(405, "not-supported")})


@dataclass(frozen=True, kw_only=True)
class Received(Answer):
    """What the answering message tells: which message it answers, its own id, and when."""

    answered: str
    message_id: str
    at: datetime


def decode(payload: FhirRequest, domain: Domain) -> Message:
    """The message in the body; parameters of $process-message make no difference."""
    return read_message(payload.resource, domain)


def encode(response: Received, domain: Domain) -> FhirReply:
    """A message of one MessageHeader: taken."""
    header: dict[str, Any] = {
        "resourceType": "MessageHeader",
        "id": response.message_id,
        "eventUri": FEED_RESPONSE,
        "source": {"name": domain.affinity_namespace, "endpoint": f"{domain.base_url}/fhir/$process-message"},
        "response": {"identifier": response.answered, "code": "ok"},
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "message",
        "timestamp": response.at.astimezone(UTC).isoformat(timespec="seconds"),
        "entry": [{"fullUrl": f"urn:uuid:{response.message_id}", "resource": header}],
    }
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def refuse(problems: tuple[Problem, ...]) -> FhirReply:
    """The refusal of a message: nothing of it was done."""
    return outcome_reply(problems, _FORMS)


def target(request: Message) -> Target:
    """The patient; of a merge, who stays and who ends."""
    match request.told:
        case PatientMerge(survivor=survivor, subsumed=subsumed):
            return Target(patients=(survivor,), merged=(subsumed,))
        case Removal(identifier=identifier):
            return Target(patients=(identifier,))
        case PatientFeed(identifiers=identifiers):
            return Target(patients=identifiers)


async def handle(call: Call[Message], services: Services) -> Received:
    """Creates, changes, merges or removes. A merge is taken back by people only (405)."""
    told = call.request.told
    answer = Received(answered=call.request.message_id, message_id=str(uuid4()), at=call.at)
    try:
        match told:
            case PatientMerge():
                check_source(call, told.subsumed)
                return replace(answer, persons=await services.index.merge(call, told))
            case Removal(identifier=identifier):
                changes = await services.index.remove(call, check_source(call, identifier))
                return replace(answer, persons=changes, action=EventAction.DELETE)
            case PatientFeed():
                return await _feed(call, services, told, answer)
    except Refused as error:
        raise placed(error) from error


async def _feed(call: Call[Message], services: Services, told: PatientFeed, answer: Received) -> Received:
    own = [each for each in told.identifiers if call.node is not None and call.node.may_feed(each.root)]
    first = check_source(call, (own or told.identifiers)[0])
    check_one_each(call, told)
    known = await services.index.known(first)
    try:
        changes = await services.index.feed(call, told)
    except Refused as error:
        # What was merged or removed would come back (PMIR 2:3.93.4.1.3).
        raise placed(error, taken=Meaning.UNMODIFIABLE) from error
    return replace(answer, persons=changes, action=EventAction.UPDATE if known else EventAction.CREATE)


TRANSACTION: Transaction[Message, Received] = Transaction(
    code=_CODE,
    title=_TITLE,
    section="PMIR 2:3.93",
    actors=Actors("Patient Identity Supplier", "Patient Identity Registry"),
    binding=Fhir(method="POST", path="/$process-message"),
    action=Action.PATIENT_FEED,
    audit=patient_event(_CODE, _TITLE, EventAction.UPDATE),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
