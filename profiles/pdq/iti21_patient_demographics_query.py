"""ITI-21 Patient Demographics Query, HL7 v2.5 (ITI TF-2 3.21): who fits what is known of a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.bindings.hl7v2 import Message
from gateway.declare.actions import Action
from gateway.declare.bindings import Hl7Reply, Hl7v2
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem
from gateway.record.domain import Domain
from profiles.pdq.rules import Page, page
from profiles.pdq.wire.request import PersonQuery, read_query, target
from profiles.pix.wire.pid_write import pid
from profiles.pix.wire.query import query_text, refused, required_tag

_CODE = "ITI-21"
_TITLE = "Patient Demographics Query"
_SECTION = "ITI TF-2: 3.21"
_ACTORS = Actors("Patient Demographics Consumer", "Patient Demographics Supplier")
_RESPONSE = ("RSP", "K22", "RSP_K21")


@dataclass(frozen=True, kw_only=True)
class Found(Answer):
    """One page of persons."""

    page: Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """The asker wants no more of a query."""

    tag: str
    text: QueryText
    message_id: str


def decode(message: Message, domain: Domain) -> PersonQuery:
    """QPD, RCP and DSC."""
    return read_query(message, domain)


def encode(response: Found, domain: Domain) -> Hl7Reply:
    """RSP^K22: a PID for each person (cases 1 and 2), and DSC where there are more."""
    told = response.page
    persons = tuple(
        pid(each.identifiers, each.demographics, domain, number=number)
        for number, each in enumerate(told.persons, 1)
    )
    return Hl7Reply(response=_RESPONSE, segments=(*persons, *told.end))


def refuse(problems: tuple[Problem, ...]) -> Hl7Reply:
    """RSP^K22 with an ERR for each problem."""
    return Hl7Reply(problems, response=_RESPONSE)


async def handle(call: Call[PersonQuery], services: Services) -> Found:
    """Searches, or goes on where an answer ended."""
    return Found(page=await page(call, services))


# --- cancel --------------------------------------------------------------------------------------


def decode_cancel(message: Message, domain: Domain) -> Cancellation:  # noqa: ARG001 - the shape of a codec
    """QID: the tag of the query."""
    if message.segments("QID") != 1:
        raise refused(Meaning.SEGMENT_SEQUENCE, "expected one QID segment", "QID")
    tag = required_tag(message, "QID-1")
    return Cancellation(tag=tag, text=query_text(message, tag), message_id=message.value("MSH-10") or "")


def acknowledge(response: Answer, domain: Domain) -> Hl7Reply:  # noqa: ARG001 - the shape of a codec
    """An acknowledgement AA, also for a query that is not known (any more)."""
    return Hl7Reply(response.problems)


def cancel_target(cancellation: Cancellation) -> Target:
    """The message for the audit."""
    return Target(query=cancellation.text, message_id=cancellation.message_id)


async def cancel(call: Call[Cancellation], services: Services) -> Answer:
    """Forgets what is left of the query."""
    services.index.drop(call, call.request.tag)
    return Answer()


DEMOGRAPHICS_QUERY: Transaction[PersonQuery, Found] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    binding=Hl7v2(message="QBP", triggers=("Q22",), structure="QBP_Q21", version="2.5"),
    action=Action.PATIENT_QUERY,
    audit=query_event(_CODE, _TITLE),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
CANCELLED: Transaction[Cancellation, Answer] = Transaction(
    code=_CODE,
    title=_TITLE,
    section="ITI TF-2: 3.21.4.3",
    actors=_ACTORS,
    binding=Hl7v2(message="QCN", triggers=("J01",), structure="QCN_J01", version="2.5"),
    action=Action.PATIENT_QUERY,
    audit=query_event(_CODE, _TITLE),
    codec=Codec(decode=decode_cancel, encode=acknowledge, refuse=Hl7Reply),
    target=cancel_target,
    handle=cancel,
)
TRANSACTIONS: tuple[Transaction[Any, Any], ...] = (DEMOGRAPHICS_QUERY, CANCELLED)
