"""What came by syslog is served in its fields; what came as a resource is not, and is answered as it came."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from gateway.record.events import AuditRecord, Received
from gateway.record.people import Code
from gateway.stores.events import OWN, USE, Found
from gateway.trail.book import Kept
from profiles.atna.iti82_retrieve_syslog_event import FoundMessages, Search, encode, fields_of
from profiles.atna.wire.dates import read_span
from profiles.atna.wire.resources import resource_of

AT = datetime(2026, 11, 22, tzinfo=UTC)
HEADER = (("pri", "85"), ("version", "1"), ("hostname", "ward"), ("structured-data", "[x]"))


def kept(received: Received | None, trail: int = USE) -> Kept:
    record = AuditRecord(event=Code("110112", "DCM"), at=AT, outcome=4)
    found = Found(2968, 1_795_305_600_000, 255, trail, 1, 0, "110112", "ITI-18", "E", 4, 0)
    return Kept(found=found, record=record, received=received, message="<AuditMessage/>")


def received(raw: bytes, form: str, header: tuple[tuple[str, str], ...] = ()) -> Kept:
    return kept(Received(raw=raw, form=form, at=AT, header=header))


def search(**texts: tuple[str, ...]) -> Search:
    named = {name.replace("_", "-"): values for name, values in texts.items()}
    return Search(span=read_span("2026"), texts=named, received=b"", base="", host="gateway.example")


def test_a_received_message_has_the_fields_it_came_with() -> None:
    told = fields_of(received(b"<A>\xff</A>", "dicom", HEADER), "gateway.example")
    answer = encode(FoundMessages(shown=(told,), more=True), None)  # type: ignore[arg-type]
    assert (answer.status, answer.media_type) == (206, "application/json")
    assert orjson.loads(b"".join(answer.content.chunks())) == [
        {"Pri": "85", "Version": "1", "Hostname": "ward", "Msg": "<A>\ufffd</A>", "Structured_data": "[x]"}
    ]


def test_our_own_messages_are_as_they_leave() -> None:
    told = fields_of(kept(None, OWN), "gateway.example")
    assert told == {
        "pri": "84",
        "version": "1",
        "timestamp": "2026-11-22T00:00:00.000Z",
        "hostname": "gateway.example",
        "app-name": "passerelle",
        "msg-id": "IHE+RFC-3881",
        "msg": "<AuditMessage/>",
    }


def test_names_are_joined_by_and_and_values_by_or() -> None:
    message = received(b"<AuditMessage/>", "dicom", HEADER)
    assert search().fits(message)
    assert search(hostname=("desk", "war"), msg=("Audit",)).fits(message)
    assert not search(hostname=("desk",)).fits(message)
    assert not search(hostname=("ward",), procid=("1",)).fits(message)


def test_resources_are_not_served_as_syslog_and_are_answered_as_they_came() -> None:
    resource = {"resourceType": "AuditEvent", "id": "theirs", "extension": [{"url": "x"}]}
    came = received(orjson.dumps(resource), "fhir")
    assert not search().fits(came)
    assert resource_of(came) == {**resource, "id": came.name}
    assert resource_of(received(b"<AuditMessage/>", "dicom"))["outcome"] == "4"
