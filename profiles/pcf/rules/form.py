"""What PCF demands of a Consent beside what FHIR does (PCF 3:6.6: Basic, Intermediate, Advanced)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.errors import Meaning
from profiles.pcf import codes
from profiles.pcf.errors import refused

Json = Mapping[str, Any]

STATUSES = ("active", "inactive", "entered-in-error")
_SOURCES = ("sourceAttachment", "sourceReference")
_REQUIRED = ("dateTime", "patient", "performer", "organization", "policy", "provision")
_FORBIDDEN = ("verification", "policyRule", "implicitRules", "modifierExtension")
_NOT_IN_PROVISIONS = ("action", "class", "code")
_NOT_IN_BASIC = ("dataPeriod", "data", "provision", "securityLabel")


def check(consent: Json | None) -> Json:
    """The Consent, Refused with the element unless it follows PCF, and the profile it claims."""
    if consent is None or consent["resourceType"] != "Consent":
        raise refused(Meaning.DATA_TYPE, "expected a Consent resource in the body", "Consent")
    _check_head(consent)
    _check_policy(consent)
    root = consent["provision"]
    if "type" not in root:
        raise refused(Meaning.REQUIRED_FIELD, "type is required", "Consent.provision.type")
    for place, provision in provisions(root):
        _check_provision(provision, place)
    _check_claim(consent, root)
    return consent


def provisions(root: Json) -> Iterator[tuple[str, Json]]:
    """The provision and its exceptions, each with its place."""
    yield "Consent.provision", root
    for at, each in enumerate(root.get("provision", ())):
        yield f"Consent.provision.provision[{at}]", each


def _check_head(consent: Json) -> None:
    for name in _FORBIDDEN:
        if name in consent:
            raise refused(Meaning.METADATA_INVALID, f"{name} is not allowed here", f"Consent.{name}")
    for name in _REQUIRED:
        if name not in consent:
            raise refused(Meaning.REQUIRED_FIELD, f"{name} is required", f"Consent.{name}")
    if not any(name in consent for name in _SOURCES):
        text = "sourceAttachment or sourceReference is required"
        raise refused(Meaning.REQUIRED_FIELD, text, "Consent.sourceReference")
    if consent["status"] not in STATUSES:
        text = f"expected one of {', '.join(STATUSES)}"
        raise refused(Meaning.TABLE_VALUE, text, "Consent.status")
    if not coded(consent["scope"], codes.SCOPES, codes.PRIVACY):
        text = f"expected {codes.SCOPES}#{codes.PRIVACY}"
        raise refused(Meaning.METADATA_INVALID, text, "Consent.scope")


def _check_policy(consent: Json) -> None:
    for at, each in enumerate(consent["policy"]):
        if "uri" not in each:
            raise refused(Meaning.REQUIRED_FIELD, "uri is required", f"Consent.policy[{at}].uri")


def _check_provision(provision: Json, place: str) -> None:
    for name in _NOT_IN_PROVISIONS:
        if name in provision:
            raise refused(Meaning.METADATA_INVALID, f"{name} is not allowed here", f"{place}.{name}")
    if "provision" in provision and place != "Consent.provision":
        text = "an exception has no exceptions of its own"
        raise refused(Meaning.METADATA_INVALID, text, f"{place}.provision")
    if provision.get("type", "permit") not in {"permit", "deny"}:
        raise refused(Meaning.TABLE_VALUE, "expected permit or deny", f"{place}.type")
    for at, actor in enumerate(provision.get("actor", ())):
        if not coded(actor["role"], codes.PARTICIPATION, codes.RECIPIENT):
            text = f"expected {codes.PARTICIPATION}#{codes.RECIPIENT}"
            raise refused(Meaning.METADATA_INVALID, text, f"{place}.actor[{at}].role")


def _check_claim(consent: Json, root: Json) -> None:
    """What the profile that a Consent claims leaves out."""
    claimed = set(consent.get("meta", {}).get("profile", ()))
    if codes.BASIC in claimed:
        for name in _NOT_IN_BASIC:
            if name in root:
                text = f"a Basic consent has no {name}"
                raise refused(Meaning.METADATA_INVALID, text, f"Consent.provision.{name}")
    if codes.INTERMEDIATE in claimed:
        for place, each in provisions(root):
            if "securityLabel" in each:
                text = "an Intermediate consent has no securityLabel"
                raise refused(Meaning.METADATA_INVALID, text, f"{place}.securityLabel")


def coded(concept: Json, system: str, code: str) -> bool:
    """Whether a CodeableConcept holds a code."""
    return any((each.get("system"), each.get("code")) == (system, code) for each in concept.get("coding", ()))
