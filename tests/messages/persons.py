"""Persons in FHIR: PIXm, PDQm, feeds, and who is told of changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson

from gateway.declare.bindings import Raw
from gateway.declare.transaction import AnyTransaction
from tests.housing import OTHER, PATIENT, TOLD_AT, House
from tests.messages.fhir import fhir, resource_raw


def person_raw(house: House, transaction: AnyTransaction) -> Raw:
    """PIXm and PDQm about the first known patient; a feed tells of a new one, a removal ends the other."""
    binding, system = transaction.binding, f"urn:oid:{house.settings.domain.affinity_oid}"
    fresh = {
        "resourceType": "Patient",
        "identifier": [{"system": system, "value": "FRESH"}],
        "name": [{"family": "TEST", "given": ["CONTRACT"]}],
        "birthDate": "1970-01-01",
    }
    told = [{"name": "sourceIdentifier", "valueString": f"{system}|{PATIENT}"}]
    keys = house._query(f"SELECT person FROM patient WHERE extension = '{PATIENT}'")  # noqa: S608
    return {
        ("GET", "/Patient/$ihe-pix"): lambda: fhir(
            house, binding.path, f"sourceIdentifier={system}%7C{PATIENT}"
        ),
        ("POST", "/Patient/$ihe-pix"): lambda: resource_raw(
            house, "POST", binding.path, "", {"resourceType": "Parameters", "parameter": told}
        ),
        ("PUT", "/Patient"): lambda: resource_raw(
            house, "PUT", "/Patient", f"identifier={system}%7CFRESH", fresh
        ),
        ("DELETE", "/Patient"): lambda: resource_raw(
            house, "DELETE", "/Patient", f"identifier={system}%7C{OTHER}"
        ),
        ("GET", "/Patient"): lambda: fhir(house, "/Patient", f"identifier={system}%7C{PATIENT}"),
        ("GET", "/Patient/{id}"): lambda: fhir(house, f"/Patient/{int(str(keys[0][0])):x}"),
        ("POST", "/Patient/$match"): lambda: resource_raw(house, "POST", binding.path, "", fresh),
        ("POST", "/$process-message"): lambda: resource_raw(
            house, "POST", binding.path, "", patient_message(fresh)
        ),
    }[binding.method, binding.path]()


def subscription_raw(house: House, transaction: AnyTransaction) -> Raw:
    """ITI-94 of the tester; what is read, changed or ended was asked for before."""
    asked = {
        "resourceType": "Subscription",
        "status": "requested",
        "contact": [{"system": "phone", "value": "+352 621 000 000"}],
        "reason": "to know patients",
        "criteria": "Patient",
        "channel": {"type": "message", "endpoint": TOLD_AT, "payload": "application/fhir+json"},
    }

    def raw(method: str, path: str) -> Raw:
        made = resource_raw(house, method, path, "", asked if method in {"POST", "PUT"} else None)
        headers = {name: value for name, value in made.headers.items() if name != "authorization"}
        return house.peer(replace(made, headers=headers), "tester")

    if transaction.binding.method == "POST":
        return raw("POST", "/Subscription")
    answer = asyncio.run(house.call("fhir", raw("POST", "/Subscription")))
    made = orjson.loads(b"".join(answer.pieces))
    return raw(transaction.binding.method, f"/Subscription/{made['id']}")


def patient_message(patient: dict[str, object]) -> dict[str, object]:
    """A feed by message (ITI-93) of a new patient."""
    header = {
        "resourceType": "MessageHeader",
        "id": "1",
        "eventUri": "urn:ihe:iti:pmir:2019:patient-feed",
        "source": {"endpoint": "http://source.example/fhir"},
        "destination": [{"endpoint": "https://localhost:8443/fhir"}],
        "focus": [{"reference": "urn:uuid:3c6a3a1e-2a39-4d1c-8a4b-6f4a1f6f2d11"}],
    }
    told = {"resource": patient, "request": {"method": "POST", "url": "Patient"}}
    history = {"resourceType": "Bundle", "type": "history", "entry": [told]}
    entries = [{"resource": header}, {"fullUrl": header["focus"][0]["reference"], "resource": history}]
    return {"resourceType": "Bundle", "type": "message", "entry": entries}
