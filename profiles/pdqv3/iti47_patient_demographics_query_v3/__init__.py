"""ITI-47 Patient Demographics Query HL7 V3 (ITI TF-2 3.47): who fits a description, told in parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.mpi.query import DemographicsQuery
from gateway.record.domain import Domain
from gateway.record.patients import Person
from profiles.pdqv3 import codes
from profiles.pdqv3.iti47_patient_demographics_query_v3 import continuation
from profiles.pdqv3.iti47_patient_demographics_query_v3 import pages as parts
from profiles.pdqv3.wire.persons import subjects
from profiles.pdqv3.wire.query import (
    PARAMETERS,
    SCOPE,
    check_demographics_query,
    read_quantity,
    read_query,
    values,
)
from profiles.pixv3 import codes as hl7
from profiles.pixv3.rules import open_message
from profiles.pixv3.wire.answers import (
    NO_TIME,
    QUERY,
    Asked,
    Quantities,
    asked_of,
    query_answer,
    query_text,
    read_asked,
    refuse_query,
)

_ACTORS = Actors("Patient Demographics Consumer", "PD Supplier")
_SECTION = "ITI TF-2: 3.47"
_TITLE = "Patient Demographics Query HL7 V3"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemographicsRequest:
    """Who is wanted; `scopes` are the OIDs whose identifiers are wanted, `most` how many at once."""

    asked: Asked
    query: DemographicsQuery
    scopes: tuple[str, ...]
    most: int | None


@dataclass(frozen=True, kw_only=True)
class DemographicsResponse(Answer):
    """The first part of those found."""

    asked: Asked
    at: datetime
    found: tuple[Person, ...]
    scopes: tuple[str, ...] | None
    quantities: Quantities


def decode(payload: SoapPayload, domain: Domain) -> DemographicsRequest:
    """PRPA_IN201305UV02."""
    message = open_message(payload, codes.QUERY)
    check_demographics_query(message)
    return DemographicsRequest(
        asked=read_asked(message),
        query=read_query(message, domain),
        scopes=tuple(each.get("root", "") for each in values(message, SCOPE)),
        most=read_quantity(message, f"{QUERY}/initialQuantity"),
    )


def target(request: DemographicsRequest) -> Target:
    """Nobody is known yet; the query for the audit."""
    return Target(query=QueryText(str(request.asked.query_id), query_text(request.asked)))


async def handle(call: Call[DemographicsRequest], services: Services) -> DemographicsResponse:
    """Everybody who fits; more than were asked for wait for a continuation, under the id of the query."""
    request = call.request
    _require_known(call, services.domain)
    scopes = request.scopes or None
    try:
        persons = await services.index.search(call, replace(request.query, domains=scopes))
    except Refused as error:
        raise placed(error, codes.QUERY) from error
    most = request.most or len(persons)
    if len(persons) > most:
        pages = parts.pages_of(request.asked.text, most, persons)
        await parts.keep(call, services, str(request.asked.query_id), pages)
    found = persons[:most]
    return DemographicsResponse(
        asked=request.asked,
        at=call.at,
        found=found,
        scopes=scopes,
        quantities=Quantities(len(persons), len(found), len(persons) - len(found)),
        patients=tuple(each.identifiers[0] for each in found if each.identifiers),
    )


def placed(error: Refused, interaction: str) -> Refused:
    """A refusal of the search, with its place in the message."""
    return Refused(*(replace(each, location=f"/{interaction}/{PARAMETERS}") for each in error.problems))


def _require_known(call: Call[DemographicsRequest], domain: Domain) -> None:
    """Every domain that is not known, or not for this node to see, is told (case 3)."""
    name = call.node.name if call.node is not None else ""
    domains = domain.identity_domains
    unknown = [
        Problem(
            Meaning.UNKNOWN_KEY,
            "the domain is not known",
            f"/{codes.QUERY}/{PARAMETERS}/{SCOPE}[{number}]/value",
        )
        for number, root in enumerate(call.request.scopes, 1)
        if root not in domains or not domains[root].seen_by(name)
    ]
    if unknown:
        raise Refused(*unknown)


def encode(response: DemographicsResponse, domain: Domain) -> SoapReply:
    """PRPA_IN201306UV02: OK with a registrationEvent for each, or NF."""
    return query_answer(
        codes.ANSWER,
        response.asked,
        response.at,
        subjects(response.found, domain, response.scopes),
        code="OK" if response.found else "NF",
        quantities=response.quantities,
    )


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """PRPA_IN201306UV02 with an error, where nothing of the request is known."""
    return refuse_request(problems, None, NO_TIME)


def refuse_request(problems: tuple[Problem, ...], payload: object, at: datetime) -> SoapReply:
    """PRPA_IN201306UV02 with AE."""
    return refuse_query(codes.ANSWER, problems, asked_of(payload), at, Quantities())


def _soap(name: str, request: str, response: str, also: tuple[str, ...] = ()) -> Soap:
    return Soap(
        action=hl7.action(name),
        response_action=hl7.action(response),
        mtom=False,
        request=hl7.clark(request),
        response=hl7.clark(response),
        namespace=codes.PDQV3,
        also=also,
    )


ASKED: Transaction[DemographicsRequest, DemographicsResponse] = Transaction(
    code="ITI-47",
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    binding=_soap(codes.QUERY, codes.QUERY, codes.ANSWER),
    action=Action.PATIENT_QUERY,
    audit=query_event("ITI-47", "Patient Demographics Query"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse, refuse_request=refuse_request),
    target=target,
    handle=handle,
)
CONTINUED: Transaction[continuation.ContinueRequest, continuation.ContinueResponse] = Transaction(
    code="ITI-47",
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    binding=_soap(
        "QUQI_IN000003UV01_Continue",
        codes.CONTINUE,
        codes.ANSWER,
        (hl7.action("PDSupplier_QUQI_IN000003UV01_Continue"),),
    ),
    action=Action.PATIENT_QUERY,
    audit=query_event("ITI-47", "Patient Demographics Query"),
    codec=Codec(
        decode=continuation.decode_continue,
        encode=continuation.encode_continue,
        refuse=continuation.refuse_continue,
        refuse_request=continuation.refuse_continue,
    ),
    target=continuation.target,
    handle=continuation.handle_continue,
)
CANCELLED: Transaction[continuation.ContinueRequest, continuation.Cancelled] = Transaction(
    code="ITI-47",
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    binding=_soap(
        codes.CANCEL, codes.CANCEL, hl7.ACCEPT, (hl7.action("PDSupplier_QUQI_IN000003UV01_Cancel"),)
    ),
    action=Action.PATIENT_QUERY,
    audit=query_event("ITI-47", "Patient Demographics Query"),
    codec=Codec(
        decode=continuation.decode_cancel,
        encode=continuation.encode_cancel,
        refuse=continuation.refuse_cancel,
        refuse_request=continuation.refuse_cancel,
    ),
    target=continuation.target,
    handle=continuation.handle_cancel,
)
TRANSACTIONS: tuple[Transaction[Any, Any], ...] = (ASKED, CONTINUED, CANCELLED)
