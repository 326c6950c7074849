"""A Consent resource as it is kept and answered (PCF 2:3.108.4, FHIR R4 Consent)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from gateway.errors import Meaning
from gateway.record.consents import Consent
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pcf import codes
from profiles.pcf.errors import refused
from profiles.pcf.rules.form import provisions
from profiles.pcf.wire.own import kind_of
from profiles.pcf.wire.provisions import write_provisions
from profiles.pcf.wire.values import write_subject
from profiles.pdqm.rules import checked_value, key_of

Json = Mapping[str, Any]

_OURS = ("id", "meta", "status")
"""Elements that are for us to set, or tell of those."""


# --- who it is about -----------------------------------------------------------------------------


def read_patient(patient: Json, domain: Domain) -> PatientId | int:
    """The identifier of the patient, or the logical id of its Patient."""
    place = "Consent.patient"
    told = patient.get("identifier")
    if told is None:
        key = key_of(patient.get("reference", "").rpartition("Patient/")[2])
        if key is None:
            raise refused(Meaning.REQUIRED_FIELD, "expected an identifier, or Patient/<id>", place)
        return key
    root = domain.root_of_system(told.get("system", ""))
    if root is None or "value" not in told:
        text = "expected an identifier of a domain that is known here, with system and value"
        raise refused(Meaning.UNKNOWN_KEY, text, f"{place}.identifier")
    return PatientId(checked_value(told["value"], f"{place}.identifier.value"), root)


# --- what is kept --------------------------------------------------------------------------------


def check_categories(consent: Json) -> None:
    """A category of our code system tells of a kind that a provision has."""
    kinds = {kind_of(each, place) for place, each in provisions(consent["provision"])} - {None}
    held = {each.value for each in kinds if each is not None}
    for at, concept in enumerate(consent["category"]):
        for each in concept.get("coding", ()):
            if each.get("system") == codes.DIRECTIVE and each.get("code") not in held:
                text = "a category that no provision has"
                raise refused(Meaning.METADATA_INVALID, text, f"Consent.category[{at}]")


def kept(consent: Json) -> dict[str, Any]:
    """What of a resource is stored as it came."""
    form = dict(consent)
    form.pop("id", None)
    meta = {
        name: each
        for name, each in consent.get("meta", {}).items()
        if name not in {"versionId", "lastUpdated", "source"}
    }
    form.pop("meta", None)
    return {**form, **({"meta": meta} if meta else {})}


def resource_of(consent: Consent, domain: Domain) -> dict[str, Any]:
    """The resource that a version is answered with; what came in another form is written as one."""
    form = dict(consent.form)
    if form.get("resourceType") != "Consent":
        form = written(consent, domain)
    meta = {
        "versionId": str(consent.version),
        "lastUpdated": consent.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        **form.get("meta", {}),
    }
    rest = {name: each for name, each in form.items() if name not in {*_OURS, "resourceType"}}
    head = {"resourceType": "Consent", "id": consent.id, "meta": meta}
    return {**head, **rest, "status": consent.status.value}


def written(consent: Consent, domain: Domain) -> dict[str, Any]:
    """A Consent that says what the directives say."""
    author, provision = consent.author, write_provisions(consent.directives)
    kinds = sorted({_kind(each) for each in provision.get("provision", ())} - {""})
    system = domain.identity_domains[consent.patient.root].system
    own = [{"coding": [{"system": codes.DIRECTIVE, "code": each}]} for each in kinds]
    return {
        "resourceType": "Consent",
        "meta": {"profile": [_profile(provision)]},
        "scope": {"coding": [{"system": codes.SCOPES, "code": codes.PRIVACY}]},
        "category": [{"coding": [{"system": codes.LOINC, "code": codes.CONSENT_DOCUMENT}]}, *own],
        "patient": {"identifier": {"system": system, "value": consent.patient.extension}},
        "dateTime": consent.at.astimezone(UTC).isoformat(timespec="seconds"),
        "performer": [{**write_subject(author.subject), "display": author.name}],
        "organization": [
            write_subject(author.organisation) if author.organisation else {"display": "Passerelle"}
        ],
        "sourceReference": {"display": author.by},
        "policy": [{"uri": codes.POLICY_NORMAL}],
        "provision": provision,
    }


def _kind(provision: Json) -> str:
    kind = kind_of(provision, "")
    return kind.value if kind is not None else ""


def _profile(provision: Json) -> str:
    exceptions = provision.get("provision", ())
    if any("securityLabel" in each for each in exceptions):
        return codes.ADVANCED
    return codes.INTERMEDIATE if exceptions else codes.BASIC
