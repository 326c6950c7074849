"""ITI-56 Patient Location Query (ITI TF-2 3.56): in which communities a patient has records."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from gateway import schemas
from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import ActionMismatch, Problem, SchemaInvalid
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pixv3.wire.read_person import read_patient_id
from profiles.pixv3.wire.text import echo, patient_ii
from profiles.xcpd import codes

_REQUEST = f"{{{codes.XCPD}}}PatientLocationQueryRequest"
_RESPONSE = f"{{{codes.XCPD}}}PatientLocationQueryResponse"


@dataclass(frozen=True, slots=True)
class LocationRequest:
    """Whose records are looked for."""

    patient: PatientId
    text: str


@dataclass(frozen=True, kw_only=True)
class LocationResponse(Answer):
    """The name of the patient in this community; None when it has no records of him."""

    asked: PatientId | None = None
    known: PatientId | None = None


def decode(payload: SoapPayload, domain: Domain) -> LocationRequest:
    """PatientLocationQueryRequest; a fault for what is none."""
    element = payload.element
    if element.tag != _REQUEST:
        found = etree.QName(element).localname
        raise ActionMismatch(
            f"the Body holds {found}, the action promises PatientLocationQueryRequest", location="Body"
        )
    schemas.validate(codes.SCHEMA, element)
    place = "RequestedPatientId"
    value = element.find(f"{{{codes.XCPD}}}{place}")
    patient = None if value is None else read_patient_id(value, domain, place)
    if patient is None:
        raise SchemaInvalid(f"{place} has no root or no extension", location=place)
    return LocationRequest(patient, echo(element, ""))


def encode(response: LocationResponse, domain: Domain) -> SoapReply:
    """PatientLocationQueryResponse: our community, or nothing."""
    located = ""
    if response.known is not None and response.asked is not None:
        located = (
            "<PatientLocationResponse>"
            f"<HomeCommunityId>urn:oid:{domain.home_community}</HomeCommunityId>"
            f"{patient_ii('CorrespondingPatientId', response.known)}"
            f"{patient_ii('RequestedPatientId', response.asked)}</PatientLocationResponse>"
        )
    return _response(located)


def _response(content: str) -> SoapReply:
    name = "PatientLocationQueryResponse"
    return SoapReply((f'<{name} xmlns="{codes.XCPD}">{content}</{name}>'.encode(),))


def refuse(problems: tuple[Problem, ...]) -> SoapReply:  # noqa: ARG001 - the answer has no errors
    """Who may not ask learns of no community; the answer has no place for a reason."""
    return _response("")


def target(request: LocationRequest) -> Target:
    """The patient asked for."""
    query = QueryText("PatientLocationQuery", request.text.encode())
    return Target(patients=(request.patient,), query=query)


async def handle(call: Call[LocationRequest], services: Services) -> LocationResponse:
    """Known here is who has an identifier of the affinity domain: records are kept under that."""
    asked = call.request.patient
    person = await services.index.resolve(call, asked)
    known = person.identifiers if person is not None and person.active else ()
    affinity = next((each for each in known if services.domain.accepts(each.root)), None)
    return LocationResponse(asked=asked, known=affinity)


TRANSACTION: Transaction[LocationRequest, LocationResponse] = Transaction(
    code="ITI-56",
    title="Patient Location Query",
    section="ITI TF-2: 3.56",
    actors=Actors("Initiating Gateway", "Responding Gateway"),
    binding=Soap(
        action="urn:ihe:iti:2009:PatientLocationQuery",
        response_action="urn:ihe:iti:2009:PatientLocationQueryResponse",
        mtom=False,
        request=_REQUEST,
        response=_RESPONSE,
        namespace=codes.XCPD,
    ),
    action=Action.PATIENT_QUERY,
    audit=query_event("ITI-56", "Patient Location Query"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
