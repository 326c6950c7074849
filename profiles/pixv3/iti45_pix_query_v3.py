"""ITI-45 PIXV3 Query (ITI TF-2 3.45): what other systems call a patient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.mpi.lookup import Found
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pixv3 import codes
from profiles.pixv3.rules import (
    check_author,
    expect_code,
    expect_none,
    expect_oid,
    expect_one,
    invalid,
    open_message,
    place,
    under,
)
from profiles.pixv3.wire.answers import (
    NO_TIME,
    QUERY,
    Asked,
    asked_of,
    query_answer,
    query_text,
    read_asked,
    refuse_query,
)
from profiles.pixv3.wire.read_person import read_patient_id
from profiles.pixv3.wire.registration import NO_NAME, identifiers, namespaces, registration

PARAMETERS = f"{QUERY}/parameterList"
_IDENTIFIER = f"{PARAMETERS}/patientIdentifier"
_SOURCE = f"{PARAMETERS}/dataSource"


@dataclass(frozen=True, slots=True)
class CrossReferenceRequest:
    """Who is asked for, and in which domains: OIDs, in the order of the request."""

    asked: Asked
    patient: PatientId
    sources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CrossReferenceResponse(Answer):
    """The other identifiers; without any, nothing was found."""

    asked: Asked
    at: datetime
    identifiers: tuple[PatientId, ...] = ()


def decode(payload: SoapPayload, domain: Domain) -> CrossReferenceRequest:
    """PRPA_IN201309UV02."""
    message = open_message(payload, codes.QUERY)
    check_author(message)
    expect_one(message, QUERY)
    expect_code(message, f"{QUERY}/statusCode", {"new"})
    expect_code(message, f"{QUERY}/responsePriorityCode", {"I"}, required=False)
    omitted = ("modifyCode", "responseElementGroupId", "executionAndDeliveryTime", "parameterList/id")
    expect_none(message, *(f"{QUERY}/{each}" for each in omitted))
    expect_one(message, f"{_IDENTIFIER}/value")
    value = message.find(under(f"{_IDENTIFIER}/value"))
    where = place(message, f"{_IDENTIFIER}/value")
    patient = None if value is None else read_patient_id(value, domain, where)
    if patient is None:
        raise invalid("patientIdentifier has no root or no extension", where)
    expect_oid(message, f"{_SOURCE}/value")
    sources = message.findall(under(_SOURCE))
    values = message.findall(under(f"{_SOURCE}/value"))
    if len(values) > len(sources):
        raise invalid("a dataSource has several values, expected one", place(message, f"{_SOURCE}/value"))
    roots = tuple(each.get("root", "") for each in values)
    return CrossReferenceRequest(read_asked(message), patient, roots)


def encode(response: CrossReferenceResponse, domain: Domain) -> SoapReply:
    """PRPA_IN201310UV02: OK with one registrationEvent, or NF."""
    told = response.identifiers
    subject = ""
    if told:
        ids = identifiers(told, namespaces(domain))
        subject = registration(ids, NO_NAME, told[0].root, domain.home_community)
    return query_answer(codes.ANSWER, response.asked, response.at, subject, code="OK" if told else "NF")


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """PRPA_IN201310UV02 with an error, where nothing of the request is known."""
    return refuse_request(problems, None, NO_TIME)


def refuse_request(problems: tuple[Problem, ...], payload: object, at: datetime) -> SoapReply:
    """PRPA_IN201310UV02 with AE."""
    return refuse_query(codes.ANSWER, problems, asked_of(payload), at)


def target(request: CrossReferenceRequest) -> Target:
    """The patient, and the query for the audit."""
    query = QueryText(str(request.asked.query_id), query_text(request.asked))
    return Target(patients=(request.patient,), query=query)


async def handle(call: Call[CrossReferenceRequest], services: Services) -> CrossReferenceResponse:
    """The cases of 3.45.4.2.3. An identifier that is not known is one answer, whatever part of it is not."""
    request = call.request
    reference = await services.index.cross_reference(call, request.patient, request.sources)
    if reference.found in {Found.NOBODY, Found.NO_DOMAIN}:
        raise Refused(
            Problem(Meaning.UNKNOWN_KEY, "the identifier is not known", f"/{codes.QUERY}/{_IDENTIFIER}/value")
        )
    if reference.found is Found.NO_TARGET:
        raise Refused(*(_unknown_source(position) for position in reference.unknown))
    return CrossReferenceResponse(asked=request.asked, at=call.at, identifiers=reference.identifiers)


def _unknown_source(position: int) -> Problem:
    where = f"/{codes.QUERY}/{_SOURCE}[{position + 1}]/value"
    return Problem(Meaning.UNKNOWN_KEY, "the domain is not known", where)


TRANSACTION: Transaction[CrossReferenceRequest, CrossReferenceResponse] = Transaction(
    code="ITI-45",
    title="PIXV3 Query",
    section="ITI TF-2: 3.45",
    actors=Actors("PIX Consumer", "PIX Manager"),
    binding=Soap(
        action=codes.action(codes.QUERY),
        response_action=codes.action(codes.ANSWER),
        mtom=False,
        request=codes.clark(codes.QUERY),
        response=codes.clark(codes.ANSWER),
        namespace=codes.PIXV3,
    ),
    action=Action.PATIENT_QUERY,
    audit=query_event("ITI-45", "PIX Query"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse, refuse_request=refuse_request),
    target=target,
    handle=handle,
)
