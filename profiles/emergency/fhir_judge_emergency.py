"""EMG-3 Judge Emergency Access: accepted, or abuse, with a reason. A transaction of ours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import EventAction, ObjectKind, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.record.emergencies import Emergency, Judgement, Use
from gateway.record.people import Code
from profiles.emergency.codes import REVIEWERS, SCHEME, SECTION
from profiles.emergency.wire.task import write_task
from profiles.pdqm.errors import outcome_reply
from profiles.pdqm.rules import refused
from profiles.vigilance.rules import key_in_path, not_found, parameters, reason_of

_CODE, _TITLE, _TASK = "EMG-3", "Judge Emergency Access", "Task"
_OUTCOMES = {each.value: each for each in (Judgement.ACCEPTED, Judgement.ABUSE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What somebody says of an emergency, and why."""

    key: int
    outcome: Judgement
    reason: str


@dataclass(frozen=True, kw_only=True)
class Judged(Answer):
    """The emergency as it stands now."""

    emergency: Emergency
    uses: tuple[Use, ...]
    at: datetime


def decode(payload: FhirRequest, domain: Domain) -> Word:  # noqa: ARG001 - the shape of a codec
    """`outcome` and `reason` of a Parameters resource."""
    key = key_in_path(payload, _TASK)
    told = parameters(payload.resource, "outcome", "reason")
    if told["outcome"] not in _OUTCOMES:
        raise refused(
            Meaning.TABLE_VALUE, f"outcome: expected {', '.join(_OUTCOMES)}", "Parameters.parameter"
        )
    return Word(key=key, outcome=_OUTCOMES[told["outcome"]], reason=reason_of(told))


def encode(response: Judged, domain: Domain) -> FhirReply:
    """The Task with the outcome."""
    task = write_task(response.emergency, response.uses, domain, response.at)
    return FhirReply(200, JSON, Octets(orjson.dumps(task)))


def target(request: Word) -> Target:
    """Which emergency; whom it is about is known only once it is read."""
    return Target(query=QueryText(_TASK, f"_id={request.key:x}&outcome={request.outcome.value}".encode()))


async def handle(call: Call[Word], services: Services) -> Judged:
    """Said once; nobody judges an emergency of his own."""
    word, store = call.request, services.access.emergencies
    found = await store.find(word.key)
    if found is None:
        raise not_found(_TASK)
    if found.claimant.subject == call.principal.subject:
        raise refused(Meaning.NOT_PERMITTED, "somebody else must judge it: it is your own", _TASK)
    if found.judgement is not Judgement.OPEN:
        raise refused(Meaning.DUPLICATE_IN_REGISTRY, "it was judged already", _TASK)
    await store.judge(call.work, found.key, word.outcome, call.principal.subject, word.reason, call.at)
    judged = replace(
        found,
        judgement=word.outcome,
        judged_by=call.principal.subject,
        judged_at=call.at,
        judged_why=word.reason,
    )
    uses = tuple(await store.uses(found.key))
    return Judged(emergency=judged, uses=uses, at=call.at, patients=(found.patient,))


_EVENT = patient_event(_CODE, _TITLE, EventAction.UPDATE)

TRANSACTION: Transaction[Word, Judged] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=REVIEWERS,
    binding=Fhir(method="POST", path=f"/{_TASK}/{{id}}/$judge-emergency"),
    action=Action.EMERGENCY_REVIEW,
    audit=replace(
        _EVENT,
        type=Code(_CODE, SCHEME, _TITLE),
        objects=frozenset({ObjectKind.PATIENT, ObjectKind.QUERY}),
    ),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
