"""The scenes in which the patient decides who may see what (ITI-108)."""

from __future__ import annotations

from typing import Any

import httpx

from gateway.cli.demo.actors import Cast, expect
from gateway.cli.demo.scenes import expect_exactly
from gateway.cli.demo.screen import Notes
from gateway.cli.persons import ROLES

_IRCP = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
_PRIVACY = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}


async def hide_prescription(cast: Cast) -> Notes:
    """One document from one person, by a Consent."""
    response = await cast.patient.tell("POST", "/Consent", cast.papers.patient, _consent(cast))
    expect(response.status_code == httpx.codes.CREATED, f"HTTP {response.status_code}: {response.text[:300]}")
    return (f"ITI-108, Consent of the profile Intermediate, version {response.json()['meta']['versionId']}",)


async def hidden_until_taken_back(cast: Cast) -> Notes:
    """It holds with the next request, and ends with the next one."""
    papers, patient = cast.papers, cast.patient
    expect_exactly(await cast.pharmacist.find(papers.patient), [])
    asked = f"/Consent?patient.identifier={_system(cast)}%7C{papers.patient}&status=active"
    (entry,) = (await patient.tell("GET", asked, papers.patient)).json()["entry"]
    ended = await patient.tell("DELETE", f"/Consent/{entry['resource']['id']}", papers.patient)
    expect(ended.status_code == httpx.codes.NO_CONTENT, f"HTTP {ended.status_code}")
    expect_exactly(await cast.pharmacist.find(papers.patient), [papers.prescription])
    return ("ITI-18, 0 of 4 with the very next request; she ends the Consent, and he sees 1 of 4 again",)


def _system(cast: Cast) -> str:
    return f"urn:oid:{cast.patient.acting.endpoints.patient_id_root}"


def _consent(cast: Cast) -> dict[str, Any]:
    """All is permitted but this document to this person."""
    who = {"identifier": {"system": _system(cast), "value": cast.papers.patient}}
    pharmacist = {"identifier": {"system": "urn:passerelle:subject", "value": ROLES["pharmacist"][0]}}
    document = {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{cast.papers.prescription.unique_id}"}
    hidden = {
        "type": "deny",
        "actor": [{"role": {"coding": [_IRCP]}, "reference": pharmacist}],
        "data": [{"meaning": "instance", "reference": {"identifier": document}}],
    }
    return {
        "resourceType": "Consent",
        "meta": {
            "profile": ["https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consentIntermediate"]
        },
        "status": "active",
        "scope": {"coding": [_PRIVACY]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": who,
        "dateTime": "2026-11-02",
        "performer": [who],
        "organization": [{"display": "Test Patient Portal"}],
        "sourceReference": {"display": "what the patient said in the portal"},
        "policy": [{"uri": "https://profiles.ihe.net/ITI/PCF/Policy-basic-normal"}],
        "provision": {"type": "permit", "provision": [hidden]},
    }
