"""ITI-9 PIX Query, HL7 v2.5 (ITI TF-2 3.9): what other systems call a patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.bindings.hl7v2 import Message
from gateway.declare.actions import Action
from gateway.declare.bindings import Hl7Reply, Hl7v2, Segment
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem
from gateway.mpi.lookup import Found
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pix.wire.authority import Authority, is_identifier, qualified
from profiles.pix.wire.query import query_text, refused, require_query, sent_repetitions

_CODE = "ITI-9"
_TITLE = "PIX Query"
_RESPONSE = ("RSP", "K23", "RSP_K23")
_NO_NAME = ("", ("", "", "", "", "", "", "S"))
"""PID-5 of every answer: the name itself is not told (ITI TF-2 3.9.4.2.2.6)."""

_IDENTIFIER, _AUTHORITY = "QPD^1^3^1^1", "QPD^1^3^1^4"


@dataclass(frozen=True, slots=True, kw_only=True)
class PixQuery:
    """The identifier asked for, and the domains whose identifiers are wanted: OIDs, None for unknown ones."""

    asked: PatientId
    targets: tuple[str | None, ...]
    text: QueryText
    message_id: str


@dataclass(frozen=True, kw_only=True)
class CrossReferenced(Answer):
    """The other identifiers of the patient, those of one domain together."""

    identifiers: tuple[PatientId, ...]


def decode(message: Message, domain: Domain) -> PixQuery:
    """QPD-3 and QPD-4. What is not known here is for the index to say, in the order of the standard."""
    tag = require_query(message)
    return PixQuery(
        asked=_asked(message, domain),
        targets=tuple(
            Authority.at(message, f"QPD-4[{number}].4").root(domain)
            for number in sent_repetitions(message, "QPD-4")
        ),
        text=query_text(message, tag),
        message_id=message.value("MSH-10") or "",
    )


def _asked(message: Message, domain: Domain) -> PatientId:
    if len(sent_repetitions(message, "QPD-3")) > 1:
        raise refused(Meaning.DATA_TYPE, "QPD-3 has several repetitions, expected one", "QPD^1^3")
    authority, value = Authority.at(message, "QPD-3.4"), message.value("QPD-3.1")
    if not authority.sent:
        raise refused(Meaning.REQUIRED_FIELD, "QPD-3 has no assigning authority", _AUTHORITY)
    if not value:
        raise refused(Meaning.REQUIRED_FIELD, "QPD-3 has no identifier", _IDENTIFIER)
    if not is_identifier(value):
        raise refused(
            Meaning.DATA_TYPE, "QPD-3 has delimiters in its identifier, or is too long", _IDENTIFIER
        )
    return PatientId(value, authority.root(domain) or "")


def encode(response: CrossReferenced, domain: Domain) -> Hl7Reply:
    """RSP^K23: PID with nothing but identifiers, or none at all (cases 1, 2 and 6)."""
    if not response.identifiers:
        return Hl7Reply(response=_RESPONSE)
    listed = tuple(qualified(each, domain) for each in response.identifiers)
    person = Segment("PID", ("", "", listed, "", _NO_NAME))
    return Hl7Reply(response=_RESPONSE, segments=(person,))


def refuse(problems: tuple[Problem, ...]) -> Hl7Reply:
    """RSP^K23 with the first problem: the response has room for one (cases 3 to 5)."""
    return Hl7Reply(problems[:1], response=_RESPONSE)


def target(query: PixQuery) -> Target:
    """The patient asked for, and the query for the audit."""
    known = (query.asked,) if query.asked.root else ()
    return Target(patients=known, query=query.text, message_id=query.message_id)


async def handle(call: Call[PixQuery], services: Services) -> CrossReferenced:
    """Asks the index; refused as cases 3 to 5 of ITI TF-2 3.9.4.2.3 say."""
    query = call.request
    told = await services.index.cross_reference(call, query.asked, query.targets)
    match told.found:
        case Found.KNOWN:
            return CrossReferenced(identifiers=told.identifiers)
        case Found.NO_DOMAIN:
            raise refused(Meaning.UNKNOWN_KEY, "the domain of the identifier is not known", _AUTHORITY)
        case Found.NOBODY:
            raise refused(Meaning.UNKNOWN_PATIENT, "the identifier is not known in its domain", _IDENTIFIER)
        case Found.NO_TARGET:
            place = f"QPD^1^4^{told.unknown[0] + 1}"
            raise refused(Meaning.UNKNOWN_KEY, "a domain whose identifiers are wanted is not known", place)


PIX_QUERY: Transaction[PixQuery, CrossReferenced] = Transaction(
    code=_CODE,
    title=_TITLE,
    section="ITI TF-2: 3.9",
    actors=Actors(
        "Patient Identifier Cross-reference Consumer", "Patient Identifier Cross-reference Manager"
    ),
    binding=Hl7v2(message="QBP", triggers=("Q23",), structure="QBP_Q21", version="2.5"),
    action=Action.PATIENT_QUERY,
    audit=query_event(_CODE, _TITLE),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
TRANSACTIONS: tuple[Transaction[Any, Any], ...] = (PIX_QUERY,)
