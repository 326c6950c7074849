"""IDV-2 Decide Identity Review: one person proposes, another confirms. A transaction of ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import EventAction, ObjectKind, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning, Refused
from gateway.mpi.reviewing import Outcome, Question
from gateway.record.domain import Domain
from gateway.record.people import Code
from profiles.pdqm.errors import outcome_reply
from profiles.pdqm.rules import refused
from profiles.vigilance.codes import ACTORS, SCHEME, SECTION
from profiles.vigilance.rules import key_in_path, parameters, placed, reason_of
from profiles.vigilance.wire.task import write_task

_CODE, _TITLE, _TASK = "IDV-2", "Decide Identity Review", "Task"
_OUTCOMES = {each.value: each for each in Outcome}


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What somebody says of a review, and why."""

    key: int
    outcome: Outcome
    reason: str
    base: str


@dataclass(frozen=True, kw_only=True)
class Heard(Answer):
    """The review as it stands now."""

    question: Question
    base: str


def decode(payload: FhirRequest, domain: Domain) -> Word:  # noqa: ARG001 - the shape of a codec
    """`outcome` and `reason` of a Parameters resource."""
    key = key_in_path(payload, _TASK)
    told = parameters(payload.resource, "outcome", "reason")
    if told["outcome"] not in _OUTCOMES:
        text = f"outcome: expected {', '.join(_OUTCOMES)}"
        raise refused(Meaning.TABLE_VALUE, text, "Parameters.parameter")
    outcome = _OUTCOMES[told["outcome"]]
    return Word(key=key, outcome=outcome, reason=reason_of(told), base=payload.base)


def encode(response: Heard, domain: Domain) -> FhirReply:
    """The Task with both sides."""
    return FhirReply(200, JSON, Octets(orjson.dumps(write_task(response.question, domain, response.base))))


def target(request: Word) -> Target:
    """Which review; whom it is about is known only once it is read."""
    return Target(query=QueryText(_TASK, f"_id={request.key:x}&outcome={request.outcome.value}".encode()))


async def handle(call: Call[Word], services: Services) -> Heard:
    """Takes effect when two people agree. Everybody whom the question is about is named in the audit."""
    word = call.request
    try:
        said = await services.index.decide(call, word.key, word.outcome, word.reason)
    except Refused as error:
        raise placed(error, _TASK) from error
    return Heard(
        question=said.question,
        base=word.base,
        persons=said.changes,
        patients=said.question.identifiers,
    )


_EVENT = patient_event(_CODE, _TITLE, EventAction.UPDATE)

TRANSACTION: Transaction[Word, Heard] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="POST", path="/Task/{id}/$decide"),
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
