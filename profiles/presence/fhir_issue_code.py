"""PRS-1 Issue Presence Code: a patient asks for a code to give away. A transaction of ours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import EventAction, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, Target, Transaction
from gateway.record.domain import Domain
from gateway.record.people import Code, PatientId
from profiles.pdqm.errors import outcome_reply
from profiles.presence.codes import ACTORS, SCHEME, SECTION
from profiles.presence.rules import given, patient_of

_CODE, _TITLE = "PRS-1", "Issue Presence Code"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose code."""

    patient: PatientId


@dataclass(frozen=True, kw_only=True)
class Given(Answer):
    """The code, told here and nowhere else."""

    code: str
    until: datetime


def decode(payload: FhirRequest, domain: Domain) -> Asked:
    """`patient` of a Parameters resource."""
    return Asked(patient_of(given(payload, "patient"), domain))


def encode(response: Given, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """Parameters `code` and `expires`; no cache may keep it."""
    until = response.until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "code", "valueString": response.code},
            {"name": "expires", "valueInstant": until},
        ],
    }
    return FhirReply(200, JSON, Octets(orjson.dumps(told)), {"cache-control": "no-store"})


def target(request: Asked) -> Target:
    """The patient."""
    return Target(patients=(request.patient,))


async def handle(call: Call[Asked], services: Services) -> Given:
    """Only a keyed hash of the code is kept."""
    issued = await services.access.presence.issue(call, call.request.patient)
    return Given(code=issued.code, until=issued.until)


_EVENT = patient_event(_CODE, _TITLE, EventAction.CREATE)

TRANSACTION: Transaction[Asked, Given] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="POST", path="/Consent/$presence-code"),
    action=Action.RIGHTS_CHANGE,
    audit=replace(_EVENT, type=Code(_CODE, SCHEME, _TITLE)),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
