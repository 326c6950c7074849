"""PRS-2 Present Presence Code: a professional shows the code of a patient. A transaction of ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import EventAction, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, Target, Transaction
from gateway.errors import Meaning
from gateway.record.access import Period
from gateway.record.consents import Consent
from gateway.record.domain import Domain
from gateway.record.people import Code, PatientId
from profiles.pdqm.errors import outcome_reply
from profiles.pdqm.rules import refused
from profiles.presence.codes import ACTORS, ORGANISATION, PERSON, SCHEME, SECTION
from profiles.presence.rules import given, patient_of, text_of

_CODE, _TITLE = "PRS-2", "Present Presence Code"


@dataclass(frozen=True, slots=True)
class Shown:
    """A code, and for whom: the person, or the whole organisation."""

    patient: PatientId
    code: str
    whole: bool


@dataclass(frozen=True, kw_only=True)
class Related(Answer):
    """The relation that was made."""

    consent: Consent


def decode(payload: FhirRequest, domain: Domain) -> Shown:
    """`patient`, `code` and perhaps `for` of a Parameters resource."""
    told = given(payload, "patient", "code", "for")
    whom = text_of(told, "for", PERSON)
    if whom not in {PERSON, ORGANISATION}:
        text = f"for: expected {PERSON} or {ORGANISATION}"
        raise refused(Meaning.TABLE_VALUE, text, "Parameters.parameter")
    return Shown(patient_of(told, domain), text_of(told, "code"), whom == ORGANISATION)


def encode(response: Related, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """Parameters `consent` and `period`."""
    (directive,) = response.consent.directives
    told = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "consent", "valueReference": {"reference": f"Consent/{response.consent.id}"}},
            {"name": "subject", "valueString": directive.subject},
            {"name": "period", "valuePeriod": _period(directive.period)},
        ],
    }
    return FhirReply(200, JSON, Octets(orjson.dumps(told)))


def _period(period: Period) -> dict[str, str]:
    ends = {"start": period.start, "end": period.end}
    return {
        name: at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for name, at in ends.items()
        if at is not None
    }


def target(request: Shown) -> Target:
    """The patient; the code stands nowhere."""
    return Target(patients=(request.patient,))


async def handle(call: Call[Shown], services: Services) -> Related:
    """A care relation for as long as the policy gives the role."""
    shown = call.request
    relation = await services.access.presence.redeem(call, shown.patient, shown.code, whole=shown.whole)
    return Related(consent=relation)


_EVENT = patient_event(_CODE, _TITLE, EventAction.UPDATE)

TRANSACTION: Transaction[Shown, Related] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="POST", path="/Consent/$present"),
    action=Action.PRESENCE_REDEEM,
    audit=replace(_EVENT, type=Code(_CODE, SCHEME, _TITLE)),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
