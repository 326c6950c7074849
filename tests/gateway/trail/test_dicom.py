"""What we write as an audit message is read again with all its facts, as an event and as FHIR."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from gateway.audit.objects import decision_object, document_object, patient_object, query_object
from gateway.audit.record import AuditFacts, AuditSource, Human, Participant, audit_message
from gateway.declare import events
from gateway.errors import Malformed
from gateway.record.people import Code, PatientId
from gateway.trail.dicom import read_message
from gateway.trail.fhir import audit_event

AT = datetime(2026, 11, 22, 10, 0, 0, 123000, tzinfo=UTC)
PATIENT = PatientId("P<1>&", "2.999.3.1")
ITI18 = events.query_event("ITI-18", "Registry Stored Query")


def message() -> bytes:
    facts = AuditFacts(
        event=ITI18.received,
        type=ITI18.type,
        action=ITI18.received_action,
        at=AT,
        outcome=events.Outcome.SUCCESS,
        source=Participant("http://reply.example", "10.0.0.7", is_requestor=True),
        destination=Participant("https://gateway.example/xds", "gateway.example", "4711"),
        audit_source=AuditSource("passerelle", "integration"),
        human=Human("2.999.9^alice", "<alice@issuer>", (Code("PHYSICIAN", "2.999.1.1", "Physician"),)),
        purpose=Code("TREAT", "2.999.1.3", "Treatment"),
        objects=(
            patient_object(PATIENT),
            query_object("urn:uuid:1", ITI18.type, b"<AdhocQuery/>"),
            document_object("2.999.7.1", "2.999.8"),
            decision_object("PERMIT", "P7", "2026.1"),
        ),
        trace_id="a" * 32,
    )
    return audit_message(facts).encode()


def test_what_was_written_is_read() -> None:
    record = read_message(message())
    assert (record.event.code, record.transaction, record.action, record.outcome) == (
        "110112",
        "ITI-18",
        "E",
        0,
    )
    assert (record.at, record.source_id, record.source_site) == (AT, "passerelle", "integration")
    assert record.patients == (str(PATIENT),)
    assert record.human is not None
    assert (record.human.user_id, record.human.name) == ("2.999.9^alice", "<alice@issuer>")
    assert [each.code for each in record.purposes] == ["TREAT"]
    decision = next(each for each in record.entities if each.role == "13")
    assert decision.detail("reason") == "PERMIT"
    assert f"patient|{PATIENT}" in set(record.terms())
    assert {"agent|2.999.9^alice", "entity|2.999.7.1"} <= set(record.terms())


def test_it_is_a_valid_resource() -> None:
    resource = audit_event(read_message(message()), "19a-1")
    found = AuditEvent.model_validate(resource)
    assert found.type.code == "110112"
    patient = next(each for each in resource["entity"] if each.get("role", {}).get("code") == "1")
    assert patient["what"]["identifier"]["system"] == "urn:oid:2.999.3.1"
    assert patient["what"]["identifier"]["value"] == "P<1>&"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<AuditMessage>", b"<Other>"),
        (b'EventOutcomeIndicator="0"', b'EventOutcomeIndicator="3"'),
        (b'EventDateTime="2026', b'EventDateTime="when'),
        (b"<EventID csd-code", b"<EventID other"),
        (b"<AuditMessage>", b'<!DOCTYPE a [<!ENTITY b "c">]><AuditMessage>'),
    ],
)
def test_what_is_no_event_is_refused(old: bytes, new: bytes) -> None:
    data = message().replace(old, new)
    if new == b"<Other>":
        data = data.replace(b"</AuditMessage>", b"</Other>")
    with pytest.raises(Malformed):
        read_message(data)
