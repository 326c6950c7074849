"""RESTful transactions have the form of BALP, as the examples of the guides have it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.audit.objects import patient_object, query_object
from gateway.audit.record import AuditFacts, AuditSource, Human, Participant, audit_message
from gateway.bindings import fhirtypes
from gateway.declare import events
from gateway.declare.events import AuditEvent, EventAction
from gateway.record.people import PatientId
from gateway.trail.balp import patterned_event
from gateway.trail.dicom import read_message
from gateway.trail.fhir import audit_event
from gateway.trail.fhir_reading import read_resource

PATIENT = PatientId("P1", "2.999.3.1")


def resource(event: AuditEvent, *, made: Any = patterned_event) -> dict[str, Any]:
    peer, here = Participant("app", "10.0.0.7", is_requestor=True), Participant("https://us", "us", "4711")
    facts = AuditFacts(
        event=event.received,
        type=event.type,
        action=event.received_action,
        at=datetime(2026, 11, 22, tzinfo=UTC),
        outcome=events.Outcome.SUCCESS,
        source=here if event.from_responder else peer,
        destination=peer if event.from_responder else here,
        audit_source=AuditSource("passerelle"),
        human=Human("alice", "<alice@issuer>"),
        objects=(patient_object(PATIENT), query_object("DocumentReference", event.type, b"status=current")),
        trace_id="a" * 32,
    )
    found: dict[str, Any] = made(read_message(audit_message(facts).encode()), "1-1")
    fhirtypes.check(found)
    return found


def kinds(found: dict[str, Any]) -> list[str]:
    return [each["type"]["coding"][0]["code"] for each in found["agent"]]


@pytest.mark.parametrize(
    ("event", "subtypes", "agents"),
    [
        (events.query_event("ITI-67", "F"), ["search", "ITI-67"], ["IRCP", "110153", "110152"]),
        (events.retrieve_event("ITI-68", "R"), ["read", "ITI-68"], ["IRCP", "110153", "110152"]),
        (
            events.patient_event("ITI-104", "F", EventAction.UPDATE),
            ["update", "ITI-104"],
            ["AUT", "110153", "110152"],
        ),
        (
            events.patient_event("ITI-104", "F", EventAction.DELETE),
            ["delete", "ITI-104"],
            ["AUT", "110150", "custodian"],
        ),
        (
            events.rest_event("ITI-94", "S", EventAction.CREATE),
            ["create", "ITI-94"],
            ["AUT", "110153", "110152"],
        ),
    ],
)
def test_patterns(event: AuditEvent, subtypes: list[str], agents: list[str]) -> None:
    found = resource(event)
    assert found["type"]["code"] == "rest"
    assert [each["code"] for each in found["subtype"]] == subtypes
    assert kinds(found) == agents
    assert found["source"]["observer"] == {"identifier": {"value": "https://us"}}
    patient, query, request = found["entity"]
    assert patient["what"]["identifier"]["value"] == "P1"
    assert "what" not in query
    assert query["query"]
    assert (request["type"]["code"], request["what"]["identifier"]["value"]) == ("XrequestId", "a" * 32)
    assert read_resource(found).patients == (str(PATIENT),)
    assert read_resource(found).transaction == event.type.code


@pytest.mark.parametrize(
    "event",
    [
        events.query_event("ITI-18", "Q"),
        events.submission_event("ITI-65", "P"),
        events.authentication_event("ITI-40", "A"),
    ],
)
def test_others_are_the_message_in_fhir(event: AuditEvent) -> None:
    assert resource(event) == resource(event, made=audit_event)
