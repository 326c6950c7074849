"""The audit codes of transactions, against the table of ITI TF-2."""

from __future__ import annotations

import pytest

from gateway.declare.events import (
    FILE_AT_URI,
    AuditEvent,
    EventAction,
    ObjectKind,
    Outcome,
    audit_use_event,
    media_event,
    notification_event,
    patient_event,
    query_event,
    removal_event,
    rest_event,
    retrieve_event,
    submission_event,
)

UPDATE_SET = submission_event(
    "ITI-57", "Update Document Set", received_action=EventAction.UPDATE, sent_action=EventAction.UPDATE
)
# type, EventID and action at the responder, at the initiator, objects, responder is the source
TABLE = [
    (query_event("ITI-18", "Registry Stored Query"), "110112 E", "110112 E", "patient query", False),
    (submission_event("ITI-41", "Provide and Register Document Set-b"), "110107 C", "110106 R",
     "patient submission-set", False),
    (UPDATE_SET, "110107 U", "110106 U", "patient submission-set", False),
    (retrieve_event("ITI-43", "Retrieve Document Set"), "110106 R", "110107 C", "patient document", True),
    (patient_event("ITI-8", "Patient Identity Feed", EventAction.UPDATE), "110110 U", "110110 U",
     "patient", False),
    (notification_event("ITI-10", "PIX Update Notification", EventAction.READ), "110110 U", "110110 R",
     "patient", False),
    (
        removal_event("ITI-62", "Remove Metadata", ObjectKind.REGISTRY_OBJECT),
        "110110 D",
        "110110 D",
        "patient registry-object",
        False,
    ),
    (
        removal_event("ITI-86", "Remove Documents", ObjectKind.DOCUMENT),
        "110110 D",
        "110110 D",
        "patient document",
        False,
    ),
    (media_event("ITI-32", "Distribute Document Set on Media", creates=False), "110107 C", "110106 R",
     "patient submission-set", False),
    (media_event("ITI-32", "Distribute Document Set on Media", creates=True), "110106 R", "110107 C",
     "patient submission-set", True),
    (audit_use_event("ITI-81", "Retrieve ATNA Audit Event"), "110101 R", "110101 R", "patient query", False),
]  # fmt: skip


@pytest.mark.parametrize(("event", "received", "sent", "objects", "backward"), TABLE)
def test_events_of_transactions(
    event: AuditEvent, received: str, sent: str, objects: str, *, backward: bool
) -> None:
    assert f"{event.received.code} {event.received_action.value}" == received
    assert f"{event.sent.code} {event.sent_action.value}" == sent
    assert event.objects == {ObjectKind(word) for word in objects.split()}
    assert event.from_responder is backward
    assert event.type.scheme == "IHE Transactions"
    assert event.received.scheme == event.sent.scheme == "DCM"


def test_only_media_have_a_kind_of_medium() -> None:
    assert [event.media for event, *_ in TABLE if event.media] == [FILE_AT_URI, FILE_AT_URI]


def test_outcomes() -> None:
    assert [outcome.value for outcome in Outcome] == [0, 4, 8, 12]


def test_an_operation_on_no_record_is_restful() -> None:
    event = rest_event("ITI-94", "Subscribe to Patient Updates", EventAction.DELETE)
    assert event.received == event.sent
    assert (event.received.code, event.received_action, event.sent_action) == (
        "rest",
        EventAction.DELETE,
        EventAction.DELETE,
    )
