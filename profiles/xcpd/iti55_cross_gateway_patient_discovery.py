"""ITI-55 Cross Gateway Patient Discovery (ITI TF-2 3.55): whether a patient is known in this community."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem
from gateway.record.domain import Domain
from gateway.record.patients import Person
from profiles.pixv3 import codes as hl7
from profiles.pixv3.rules import ALWAYS, NEVER, open_message, place, refused, under
from profiles.pixv3.wire.answers import (
    NO_TIME,
    QUERY,
    Asked,
    accept,
    asked_of,
    query_answer,
    query_text,
    read_asked,
    refuse_query,
)
from profiles.xcpd import codes
from profiles.xcpd.wire.discovery import (
    Sought,
    attributes_wanted,
    check_discovery,
    matches,
    no_answer,
    read_sought,
    wanted,
)

_CODE = "ITI-55"
_TITLE = "Cross Gateway Patient Discovery"
_MOST = 20
_SURE = "certain"
_EITHER = frozenset({ALWAYS, NEVER})
"""What senders ask for; the answer comes on the same connection either way."""


@dataclass(frozen=True, slots=True)
class DiscoveryRequest:
    """Whom another community means; `home` is ours."""

    asked: Asked
    sought: Sought
    home: str


@dataclass(frozen=True, kw_only=True)
class DiscoveryResponse(Answer):
    """Who was found; or which attributes would help."""

    asked: Asked
    at: datetime
    found: tuple[Person, ...] = ()
    wanted: tuple[str, ...] = ()


def decode(payload: SoapPayload, domain: Domain) -> DiscoveryRequest:
    """PRPA_IN201305UV02. Answers are not deferred here: priority D is refused."""
    message = open_message(payload, codes.QUERY, accept=_EITHER)
    check_discovery(message)
    priority = message.find(under(f"{QUERY}/responsePriorityCode"))
    if priority is not None and priority.get("code") == "D":
        raise refused(
            Meaning.UNSUPPORTED_PROCESSING,
            "Unsupported processing mode",
            place(message, f"{QUERY}/responsePriorityCode"),
        )
    home = f"urn:oid:{domain.home_community}"
    return DiscoveryRequest(read_asked(message), read_sought(message, domain), home)


def decode_deferred(payload: SoapPayload, domain: Domain) -> NoReturn:  # noqa: ARG001
    """A request whose answer is to come later: refused as a whole (3.55.4.2.3)."""
    open_message(payload, codes.QUERY, accept=_EITHER)
    raise refused(
        Meaning.UNSUPPORTED_PROCESSING,
        "Unsupported processing mode",
        f"/{codes.QUERY}/{QUERY}/responsePriorityCode",
    )


def target(request: DiscoveryRequest) -> Target:
    """The query for the audit; patients are told of in the answer (3.55.5)."""
    details = ((codes.HOME_DETAIL, request.home),)
    return Target(query=QueryText(str(request.asked.query_id), query_text(request.asked), details))


async def handle(call: Call[DiscoveryRequest], services: Services) -> DiscoveryResponse:
    """Whoever is meant for sure; where nobody is, but somebody might be, what would help to be sure."""
    asked, sought = call.request.asked, call.request.sought
    found = await _candidates(call, services)
    sure = tuple(each for each in found if each.grade in {None, _SURE} and each.score >= sought.least)
    if sure or not found:
        named = tuple(each.identifiers[0] for each in sure)
        return DiscoveryResponse(asked=asked, at=call.at, found=sure, patients=named)
    return DiscoveryResponse(asked=asked, at=call.at, wanted=wanted(sought.told))


async def _candidates(call: Call[DiscoveryRequest], services: Services) -> tuple[Person, ...]:
    sought, index = call.request.sought, services.index
    if sought.described:
        found = await index.match(call, sought.told, sought.identifiers, only_certain=False, most=_MOST)
        return tuple(each for each in found if each.active and each.identifiers)
    known = [await index.resolve(call, each) for each in sought.identifiers]
    persons = {each.key: each for each in known if each is not None and each.active and each.identifiers}
    return tuple(persons.values())


def encode(response: DiscoveryResponse, domain: Domain) -> SoapReply:
    """PRPA_IN201306UV02, cases 1 to 4 of 3.55.4.2.2.4."""
    return query_answer(
        codes.ANSWER,
        response.asked,
        response.at,
        matches(response.found, domain),
        code="OK" if response.found or response.wanted else "NF",
        reason=attributes_wanted(response.wanted) if response.wanted else "",
    )


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """PRPA_IN201306UV02 with an error, where nothing of the request is known."""
    return refuse_request(problems, None, NO_TIME)


def refuse_request(problems: tuple[Problem, ...], payload: object, at: datetime) -> SoapReply:
    """PRPA_IN201306UV02, case 5: why there is no answer."""
    meanings = {each.meaning for each in problems if not each.warning}
    reason = ""
    if Meaning.BUSY in meanings:
        reason = no_answer(codes.BUSY)
    elif meanings & _UNANSWERED:
        reason = no_answer(codes.NOT_AVAILABLE)
    elif not meanings & _SENDERS:
        reason = no_answer(codes.INTERNAL)
    return refuse_query(codes.ANSWER, problems, asked_of(payload), at, reason=reason)


_UNANSWERED = frozenset({Meaning.NOT_PERMITTED, Meaning.TOO_WIDE, Meaning.TOO_MANY_RESULTS})
_SENDERS = frozenset(
    {
        Meaning.INVALID_REQUEST,
        Meaning.UNSUPPORTED_PROCESSING,
        Meaning.DATA_TYPE,
        Meaning.TABLE_VALUE,
        Meaning.REQUIRED_FIELD,
    }
)


def refuse_deferred(
    problems: tuple[Problem, ...], payload: object = None, at: datetime = NO_TIME
) -> SoapReply:
    """MCCI_IN000002UV01 with AE."""
    return accept(problems, asked_of(payload).wrapper, at, "A", hl7.QUERY_ERRORS)


def _soap(name: str, response: str, answered: str) -> Soap:
    return Soap(
        action=f"{hl7.action(codes.QUERY)}:{name}",
        response_action=answered,
        mtom=False,
        request=hl7.clark(codes.QUERY),
        response=hl7.clark(response),
        namespace=codes.XCPD,
    )


_ACTORS = Actors("Initiating Gateway", "Responding Gateway")
TRANSACTION: Transaction[DiscoveryRequest, DiscoveryResponse] = Transaction(
    code=_CODE,
    title=_TITLE,
    section="ITI TF-2: 3.55",
    actors=_ACTORS,
    binding=_soap(codes.TRANSACTION, codes.ANSWER, f"{hl7.action(codes.ANSWER)}:{codes.TRANSACTION}"),
    action=Action.PATIENT_QUERY,
    audit=query_event(_CODE, _TITLE),
    codec=Codec(decode=decode, encode=encode, refuse=refuse, refuse_request=refuse_request),
    target=target,
    handle=handle,
)
DEFERRED: Transaction[DiscoveryRequest, DiscoveryResponse] = Transaction(
    code=_CODE,
    title=f"{_TITLE}, deferred",
    section="ITI TF-2: 3.55.6",
    actors=_ACTORS,
    binding=_soap(codes.DEFERRED, hl7.ACCEPT, hl7.action(hl7.ACCEPT)),
    action=Action.PATIENT_QUERY,
    audit=query_event(_CODE, _TITLE),
    codec=Codec(
        decode=decode_deferred, encode=encode, refuse=refuse_deferred, refuse_request=refuse_deferred
    ),
    target=target,
    handle=handle,
)
