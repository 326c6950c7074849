"""ITI-104 Patient Identity Feed FHIR (PIXm 2:3.104): conditional update and delete of a Patient."""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import EventAction, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Target, Transaction
from gateway.errors import Meaning, Refused
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed, PatientMerge, PersonChange
from gateway.record.people import PatientId
from profiles.pdqm.rules import (
    REPLACED_BY,
    check_fed,
    checked_value,
    read_identifiers,
    refused,
    token_of,
)
from profiles.pdqm.wire.patient import read_demographics
from profiles.pdqm.wire.values import Json
from profiles.pixm.codes import FEED_PROFILE
from profiles.pixm.errors import refuse
from profiles.pixm.rules import check_one_each, check_source, not_source, placed, read_survivor

_CODE, _TITLE, _SECTION = "ITI-104", "Patient Identity Feed FHIR", "PIXm 2:3.104"
_ACTORS = Actors("Patient Identity Source", "Patient Identifier Cross-reference Manager")
_IDENTIFIER = "identifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """What is told under the identifier of the URL: a person, or that it ends in another identifier."""

    identifier: PatientId
    told: PatientFeed | PatientMerge
    base: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The identifier that is removed."""

    identifier: PatientId


@dataclass(frozen=True, kw_only=True)
class Taken(Answer):
    """`location` is the URL of the Patient, where it was created."""

    location: str | None = None


# --- add, revise, resolve ------------------------------------------------------------------------


def decode(payload: FhirRequest, domain: Domain) -> Fed:
    """The identifier of the URL, and the Patient."""
    identifier = _identifier(payload, domain)
    patient = payload.resource
    if patient is None or patient["resourceType"] != "Patient":
        raise refused(Meaning.DATA_TYPE, "expected a Patient resource in the body", "Patient")
    check_fed(patient)
    identifiers = read_identifiers(patient, domain)
    if identifier not in identifiers.known:
        text = "the identifier of the URL is none of those of the Patient"
        raise refused(Meaning.INVALID_REQUEST, text, "Patient.identifier")
    if any(each["type"] == REPLACED_BY for each in patient.get("link", ())):
        survivor = read_survivor(patient, domain)
        told: PatientFeed | PatientMerge = PatientMerge(survivor=survivor, subsumed=identifier, message_id="")
    else:
        told = _feed(patient, identifier, identifiers.known, identifiers.other)
    return Fed(identifier=identifier, told=told, base=payload.base)


def _identifier(payload: FhirRequest, domain: Domain) -> PatientId:
    """The identifier of the URL; nobody here is the source of a domain that is not known."""
    others = [name for name, _ in payload.parameters if name != _IDENTIFIER]
    if others:
        text = "expected identifier=<system>|<value> alone"
        raise refused(Meaning.NOT_SUPPORTED, text, others[0].partition(":")[0])
    given = [value for _, value in payload.parameters]
    if not given:
        raise refused(Meaning.MISSING_PARAMETER, "identifier is required in the URL", _IDENTIFIER)
    if len(given) > 1 or "," in given[0]:
        raise refused(
            Meaning.SEVERAL_PATIENTS, "several identifiers could match several patients", _IDENTIFIER
        )
    system, value = token_of(given[0], _IDENTIFIER)
    root = domain.root_of_system(system)
    if root is None:
        raise not_source()
    return PatientId(checked_value(value, _IDENTIFIER), root)


def _feed(
    patient: Json, identifier: PatientId, known: tuple[PatientId, ...], other: tuple[PatientId, ...]
) -> PatientFeed:
    if patient.get("active") is False:
        text = "an inactive Patient must tell who replaces it; an identifier is taken away by DELETE"
        raise refused(Meaning.METADATA_INVALID, text, "Patient.active")
    return PatientFeed(
        identifiers=tuple(dict.fromkeys((identifier, *known))),
        demographics=replace(read_demographics(patient), identifiers=other or None),
        message_id="",
        whole=True,
    )


def encode(response: Taken, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """201 with Location, or 200; an OperationOutcome says which."""
    created = response.location is not None
    issue = {
        "severity": "information",
        "code": "informational",
        "details": {"text": "created" if created else "updated"},
    }
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    headers = {"location": response.location} if response.location else {}
    return FhirReply(201 if created else 200, JSON, Octets(orjson.dumps(outcome)), headers)


def target(request: Fed) -> Target:
    """The patient; of a merge, who stays and who ends."""
    if isinstance(request.told, PatientMerge):
        return Target(patients=(request.told.survivor,), merged=(request.told.subsumed,))
    return Target(patients=request.told.identifiers)


async def handle(call: Call[Fed], services: Services) -> Taken:
    """What the Patient does not tell is deleted. A domain of another source is refused before any look-up."""
    asked = call.request
    identifier = check_source(call, asked.identifier)
    check_one_each(call, asked.told)
    try:
        if isinstance(asked.told, PatientMerge):
            return Taken(persons=await services.index.merge(call, asked.told))
        known = await services.index.known(identifier)
        changes = await services.index.feed(call, asked.told)
    except Refused as error:
        raise placed(error) from error
    location = None if known else _location(changes, identifier, asked.base)
    action = EventAction.UPDATE if known else EventAction.CREATE
    return Taken(persons=changes, location=location, action=action)


def _location(changes: tuple[PersonChange, ...], identifier: PatientId, base: str) -> str | None:
    person = next((each.person for each in changes if identifier in each.after), None)
    return None if person is None else f"{base}/Patient/{person:x}"


# --- remove --------------------------------------------------------------------------------------


def decode_removal(payload: FhirRequest, domain: Domain) -> Ended:
    """The identifier of the URL."""
    return Ended(_identifier(payload, domain))


def encode_removal(response: Taken, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """204: there is nothing to say."""
    return FhirReply(204, JSON, Octets(b""))


def target_removal(request: Ended) -> Target:
    """The identifier that ends."""
    return Target(patients=(request.identifier,))


async def handle_removal(call: Call[Ended], services: Services) -> Taken:
    """The identifier is answered to nobody any more, nor can it come again."""
    identifier = check_source(call, call.request.identifier)
    try:
        return Taken(persons=await services.index.remove(call, identifier))
    except Refused as error:
        raise placed(error, unknown=Meaning.NOT_FOUND) from error


FED: Transaction[Fed, Taken] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    binding=Fhir(method="PUT", path="/Patient", profiles=(FEED_PROFILE,), conditional=True),
    action=Action.PATIENT_FEED,
    audit=patient_event(_CODE, _TITLE, EventAction.UPDATE),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
REMOVED: Transaction[Ended, Taken] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    binding=Fhir(method="DELETE", path="/Patient", conditional=True),
    action=Action.PATIENT_FEED,
    audit=patient_event(_CODE, _TITLE, EventAction.DELETE),
    codec=Codec(decode=decode_removal, encode=encode_removal, refuse=refuse),
    target=target_removal,
    handle=handle_removal,
)
TRANSACTIONS = (FED, REMOVED)
