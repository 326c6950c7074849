"""One index behind HL7 v2 and FHIR: what one form tells, the other answers (ITI-8, 78, 83, 104)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import orjson

from gateway.declare.bindings import Raw, Sealed

House = Any


def call(house: House, form: str, raw: Raw) -> Sealed:
    return asyncio.run(house.call(form, raw))


def json(answer: Sealed) -> Any:
    return orjson.loads(b"".join(answer.pieces))  # type: ignore[arg-type]


def system(house: House) -> str:
    return f"urn:oid:{house.settings.domain.affinity_oid}"


def put(house: House, words: SimpleNamespace, value: str, **more: Any) -> Sealed:
    told = {
        "resourceType": "Patient",
        "identifier": [{"system": system(house), "value": value}],
        "name": [{"family": "ACROSS", "given": ["Forms"]}],
        "birthDate": "1980-02-03",
        **more,
    }
    raw = words.fhir(house, "/Patient", f"identifier={system(house)}%7C{value}")
    headers = {**raw.headers, "content-type": "application/fhir+json"}
    return call(house, "fhir", replace(raw, method="PUT", headers=headers, body=orjson.dumps(told)))


def asked(house: House, words: SimpleNamespace, value: str) -> int:
    raw = words.fhir(house, "/Patient/$ihe-pix", f"sourceIdentifier={system(house)}%7C{value}")
    return call(house, "fhir", raw).status


def found(house: House, words: SimpleNamespace, query: str) -> list[dict[str, Any]]:
    answer = json(call(house, "fhir", words.fhir(house, "/Patient", query)))
    return [each["resource"] for each in answer.get("entry", ())]


def accepted(answer: Sealed) -> bool:
    return b"MSA|AA" in b"".join(answer.pieces)  # type: ignore[arg-type]


def test_fed_by_hl7_and_asked_by_fhir(ready: House, words: SimpleNamespace) -> None:
    assert asked(ready, words, words.PATIENT) == 200
    assert asked(ready, words, "FRESH") == 404
    (patient,) = found(ready, words, f"identifier={system(ready)}%7C{words.PATIENT}")
    assert patient["name"][0]["family"] == "TEST"
    assert (patient["gender"], patient["birthDate"]) == ("female", "1970-01-01")


def test_fed_by_fhir_and_updated_by_hl7(ready: House, words: SimpleNamespace) -> None:
    assert put(ready, words, "FRESH", address=[{"city": "Esch"}]).status == 201
    assert accepted(call(ready, "hl7v2", words.hl7(ready, "A08", "FRESH")))
    (patient,) = found(ready, words, f"identifier={system(ready)}%7CFRESH")
    assert (patient["name"][0]["family"], patient["birthDate"]) == ("TEST", "1970-01-01")
    assert patient["address"][0]["city"] == "Esch", "HL7 v2 leaves what it does not send"


def test_merged_by_hl7_and_seen_in_fhir(ready: House, words: SimpleNamespace) -> None:
    assert put(ready, words, "FRESH").status == 201
    assert accepted(call(ready, "hl7v2", words.hl7(ready, "A40", words.PATIENT, "FRESH")))
    assert asked(ready, words, "FRESH") == 404
    ended, survivor = found(ready, words, f"identifier={system(ready)}%7CFRESH")
    assert (ended["active"], ended["link"][0]["type"]) == (False, "replaced-by")
    assert survivor["identifier"][0]["value"] == words.PATIENT
    assert put(ready, words, "FRESH").status == 409


def test_merged_by_fhir_and_refused_by_hl7(ready: House, words: SimpleNamespace) -> None:
    assert put(ready, words, "FRESH").status == 201
    link = {"other": {"identifier": {"system": system(ready), "value": words.PATIENT}}, "type": "replaced-by"}
    assert put(ready, words, "FRESH", active=False, link=[link]).status == 200
    assert not accepted(call(ready, "hl7v2", words.hl7(ready, "A08", "FRESH")))


def test_the_record_of_a_patient_fed_by_fhir_can_be_written(ready: House, words: SimpleNamespace) -> None:
    query = f"patient.identifier={system(ready)}%7CFRESH&status=current"
    assert put(ready, words, "FRESH").status == 201
    answer = call(ready, "fhir", words.fhir(ready, "/DocumentReference", query))
    assert (answer.status, json(answer)["total"]) == (200, 0)
