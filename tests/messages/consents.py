"""Consents in FHIR, of a patient at the portal."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace

import orjson

from gateway.declare.bindings import Raw
from gateway.declare.transaction import AnyTransaction
from tests.housing import PATIENT, House
from tests.messages.fhir import resource_raw


def decision(house: House, *exceptions: dict[str, object], **changes: object) -> dict[str, object]:
    """A Consent of the first known patient: a permit with exceptions."""
    who = {"system": f"urn:oid:{house.settings.domain.affinity_oid}", "value": PATIENT}
    provision = {"type": "permit", **({"provision": list(exceptions)} if exceptions else {})}
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [scope]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"identifier": who},
        "dateTime": "2026-01-01",
        "performer": [{"identifier": who}],
        "organization": [{"display": "Portal"}],
        "sourceReference": {"display": "portal"},
        "policy": [{"uri": "https://profiles.ihe.net/ITI/PCF/Policy-basic-normal"}],
        "provision": provision,
        **changes,
    }


def consent_raw(
    house: House, method: str, path: str, resource: object = None, query: str = "", **how: str
) -> Raw:
    """A request of the first known patient at the portal; `how` may name another partner, role or patient."""
    partner, role = how.get("partner", "patient-portal"), how.get("role", "patient")
    acting = house.partner(partner, role)
    patient = acting.full_id(how.get("patient", PATIENT)) if role == "patient" else None
    token = base64.urlsafe_b64encode(acting.assertion(patient)).rstrip(b"=")
    raw = resource_raw(house, method, path, query, resource)
    headers = {**raw.headers, "authorization": f"Bearer {token.decode()}"}
    if "if_match" in how:
        headers["if-match"] = how["if_match"]
    return house.peer(replace(raw, headers=headers), partner)


def any_consent_raw(house: House, transaction: AnyTransaction) -> Raw:
    """An ITI-108; what is read, changed or ended was said before."""
    method, path = transaction.binding.method, transaction.binding.path
    said = decision(house, {"type": "deny", "purpose": [{"system": REASONS, "code": "HOPERAT"}]})
    if path == "/Consent":
        query = f"patient.identifier=urn:oid:{house.settings.domain.affinity_oid}%7C{PATIENT}"
        return consent_raw(house, method, path, said if method == "POST" else None, query * (method == "GET"))
    answer = asyncio.run(house.call("fhir", consent_raw(house, "POST", "/Consent", said)))
    made = orjson.loads(b"".join(answer.pieces))
    path = path.replace("{id}", made["id"]).replace("{version}", "1")
    return consent_raw(house, method, path, made if method == "PUT" else None)


REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
