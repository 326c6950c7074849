"""AuditEvents as others write them become events, and what DICOM tells is told again after FHIR."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audit.objects import document_object, patient_object, query_object
from gateway.audit.record import AuditFacts, AuditSource, Human, Participant, audit_message
from gateway.bindings import fhirtypes, fhirxml
from gateway.declare import events
from gateway.errors import Malformed
from gateway.record.events import AuditRecord
from gateway.record.people import Code, PatientId
from gateway.trail.dicom import read_message
from gateway.trail.fhir import audit_event
from gateway.trail.fhir_reading import read_json, read_resource

CORPUS = Path(os.environ.get("PASSERELLE_SHARED", Path(__file__).parents[4] / "shared")) / "corpus" / "atna"
QUERY = events.query_event("ITI-18", "Registry Stored Query")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip)
OIDS = st.lists(st.integers(0, 99999), min_size=1, max_size=5).map(
    lambda each: "2.999." + ".".join(map(str, each))
)
PATIENTS = st.builds(
    PatientId, st.text("ABCxyz0189-_/&<> é", min_size=1, max_size=20).filter(str.strip), OIDS
)
CODES = st.builds(Code, st.text("ABC123-", min_size=1, max_size=8), OIDS, TEXTS)


@st.composite
def messages(draw: st.DrawFn) -> AuditFacts:
    """Any message that this server can write."""
    event = QUERY
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(milliseconds=draw(st.integers(0, 10**12)))
    objects = [
        *(patient_object(each) for each in draw(st.lists(PATIENTS, max_size=2))),
        *(document_object(each, draw(OIDS)) for each in draw(st.lists(OIDS, max_size=2))),
        query_object("urn:uuid:1", event.type, draw(st.binary(max_size=20))),
    ]
    human = st.builds(Human, TEXTS, TEXTS, st.tuples(CODES))
    return AuditFacts(
        event=event.received,
        type=event.type,
        action=event.received_action,
        at=at,
        outcome=draw(st.sampled_from(events.Outcome)),
        source=Participant(draw(TEXTS), "10.0.0.7", is_requestor=True),
        destination=Participant("https://gateway.example/xds", "gateway.example", draw(TEXTS)),
        audit_source=AuditSource("passerelle", draw(st.none() | TEXTS)),
        human=draw(st.none() | human),
        purpose=draw(st.none() | CODES),
        description=draw(st.none() | TEXTS),
        objects=tuple(objects),
        trace_id="a" * 32,
    )


def facts_of(record: AuditRecord) -> tuple[Any, ...]:
    """What must not be lost on the way."""
    human = record.human
    return (
        (
            record.event.code,
            record.event.scheme,
            record.action,
            record.at,
            record.outcome,
            record.transaction,
        ),
        (record.patients, list(record.terms()), [(each.code, each.scheme) for each in record.purposes]),
        (human and human.user_id, record.source_id),
        [
            (each.query or None, each.role, each.type_code, each.id_type and each.id_type.code)
            for each in record.entities
        ],
    )


@given(messages())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_dicom_tells_is_told_again_after_fhir(facts: AuditFacts) -> None:
    record = read_message(audit_message(facts).encode())
    resource = audit_event(record, "19a-1")
    fhirtypes.check(resource)
    assert facts_of(read_json(orjson.dumps(resource))) == facts_of(record)


def event(**changes: Any) -> dict[str, Any]:
    """The least that R4 takes, with changes; None takes an element away."""
    found: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110112"},
        "recorded": "2026-11-22T10:00:00+01:00",
        "agent": [{"requestor": True}],
        "source": {"observer": {"display": "a cabinet"}},
    }
    return {name: value for name, value in (found | changes).items() if value is not None}


def test_the_least_is_enough() -> None:
    record = read_resource(event())
    assert (record.event, record.outcome) == (Code("110112", "DCM"), 0)
    assert record.at == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert (record.source_id, list(record.terms())) == ("a cabinet", [])


@pytest.mark.parametrize(
    "changes",
    [
        {"type": None},
        {"type": {"system": "http://dicom.nema.org/resources/ontology/DCM"}},
        {"recorded": None},
        {"recorded": "2026-11"},
        {"recorded": "yesterday"},
        {"outcome": "7"},
        {"outcome": 0},
        {"resourceType": "Patient"},
    ],
)
def test_what_no_event_can_be_kept_without(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read_resource(event(**changes))


@pytest.mark.parametrize(
    ("what", "patient"),
    [
        ({"identifier": {"system": "urn:oid:2.999.3.1", "value": "P1"}}, "P1^^^&2.999.3.1&ISO"),
        ({"identifier": {"value": "P1^^^&2.999.3.1&ISO"}}, "P1^^^&2.999.3.1&ISO"),
        ({"identifier": {"value": "P1^^^NS&2.999.3.1&ISO"}}, "P1^^^&2.999.3.1&ISO"),
        ({"reference": "Patient/7", "display": "somebody"}, "Patient/7"),
        ({"reference": "Patient/7", "identifier": {"value": "P1"}}, "P1"),
        ({"display": "P1"}, "P1"),
    ],
)
def test_patients_are_known_however_they_are_written(what: dict[str, Any], patient: str) -> None:
    kind = {"type": {"code": "1"}, "role": {"code": "1"}}
    record = read_resource(event(entity=[{"what": what, **kind}]))
    assert record.patients == (patient,)
    assert f"patient|{patient}" in set(record.terms())


@pytest.mark.parametrize("reference", ["Patient/7", "https://ehr.example/r4/Patient/7/_history/2"])
def test_a_patient_by_reference_needs_no_role(reference: str) -> None:
    assert read_resource(event(entity=[{"what": {"reference": reference}}])).patients == (reference,)


def test_codes_of_other_systems_do_not_make_a_patient() -> None:
    entity = {
        "what": {"display": "x"},
        "type": {"system": "urn:oid:2.999.5", "code": "1"},
        "role": {"code": "1"},
    }
    assert read_resource(event(entity=[entity])).patients == ()


def test_persons_and_systems_are_told_apart() -> None:
    dcm, roles = "http://dicom.nema.org/resources/ontology/DCM", "urn:oid:2.999.6"
    agents = [
        {
            "who": {"display": "app"},
            "type": {"coding": [{"system": dcm, "code": "110153"}]},
            "requestor": True,
        },
        {
            "who": {"identifier": {"system": "urn:oid:2.999.9", "value": "alice"}, "display": "Alice"},
            "role": [{"coding": [{"system": roles, "code": "GP"}]}],
            "purposeOfUse": [{"coding": [{"code": "TREAT"}]}],
            "policy": ["urn:consent:1"],
            "requestor": True,
        },
    ]
    record = read_resource(
        event(agent=agents, purposeOfEvent=[{"coding": [{"code": "TREAT"}, {"code": "ETREAT"}]}])
    )
    human = record.human
    assert human is not None
    assert (human.user_id, human.domain, human.name, human.policies) == (
        "alice",
        "urn:oid:2.999.9",
        "Alice",
        ("urn:consent:1",),
    )
    assert [str(each) for each in human.roles] == ["GP^^2.999.6"]
    assert [each.code for each in record.purposes] == ["TREAT", "ETREAT"]


def test_details_are_read_as_text_and_as_base64() -> None:
    details = [
        {"type": "a", "valueString": "one"},
        {"type": "b", "valueBase64Binary": "dHdv"},
        {"type": "c", "valueBase64Binary": "/////w=="},
    ]
    entity = read_resource(event(entity=[{"what": {"display": "x"}, "detail": details}])).entities[0]
    assert entity.details == (("a", "one"), ("b", "two"), ("c", "/////w=="))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus lies outside the repository")
def test_every_resource_of_the_corpus_is_read() -> None:
    read = 0
    for path in sorted(CORPUS.glob("*/*")):
        data = path.read_bytes()
        if path.suffix == ".json":
            resource = orjson.loads(data)
        elif b"http://hl7.org/fhir" in data:
            resource = fhirxml.read(data, size=2**20, depth=64)
        else:
            continue
        record = read_resource(resource)
        again = audit_event(record, "19a-1")
        fhirtypes.check(again)
        assert list(read_resource(again).terms()) == list(record.terms()), path.name
        read += 1
    assert read >= 40
