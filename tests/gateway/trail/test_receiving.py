"""What comes is judged: valid, marked, or none of the trail's business; and nothing is lost by it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.record.events import Received
from gateway.stores.events import INVALID, SYSTEM, USE
from gateway.trail.dicom import read_message
from gateway.trail.receiving import DICOM, PLAIN, Judged, form_of, judged, other_sender
from tests.logging_nodes import audit_xml

AT = datetime.now(UTC)
OWN, OTHERS = frozenset({"emr.example", "hospital"}), frozenset({"laboratory", "2.999.9"})


def judge(raw: bytes, message_id: str | None = None, host: str = "") -> Judged:
    header = (("hostname", host),) if host else ()
    form = form_of(raw, message_id)
    return judged(Received(raw=raw, form=form, at=AT, sender="hospital", header=header))


@pytest.mark.parametrize(
    ("raw", "message_id", "form"),
    [
        (audit_xml(), None, DICOM),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x --><AuditMessage/>", None, DICOM),
        (b"<a:AuditMessage xmlns:a='x'>", None, DICOM),
        (b"text", "IHE+RFC-3881", DICOM),
        (b"text", "DICOM+RFC3881", DICOM),
        (b"text", "TCPIN", PLAIN),
        (b"<AuditMessageSpecification>", None, PLAIN),
        (b"<AuditEvent xmlns='http://hl7.org/fhir'/>", None, PLAIN),
    ],
)
def test_an_audit_message_is_known_by_what_was_meant(raw: bytes, message_id: str | None, form: str) -> None:
    assert form_of(raw, message_id) == form


def kind(event: str, *types: str) -> bytes:
    codes = "".join(
        f'<EventTypeCode csd-code="{each}" codeSystemName="DCM" originalText="x"/>' for each in types
    )
    end = b"</EventIdentification>"
    return audit_xml(event=event).replace(end, codes.encode() + end)


@pytest.mark.parametrize(
    ("raw", "trail"),
    [
        (kind("110112"), USE),
        (kind("110114", "110122"), USE),
        (kind("110113"), USE),
        (kind("110113", "110126"), USE),
        (kind("110113", "110128"), SYSTEM),
        (kind("110113", "110129", "110131"), SYSTEM),
        (kind("110113", "110128", "110137"), USE),
        (kind("110100", "110120"), SYSTEM),
        (b"<AuditMessage>", USE),
        (b"text", SYSTEM),
    ],
)
def test_events_of_systems_alone_go_to_their_store(raw: bytes, trail: int) -> None:
    assert judge(raw).trail == trail


def test_what_breaks_the_schema_is_read_and_marked() -> None:
    found = judge(audit_xml().replace(b' UserIsRequestor="true"', b""))
    assert (found.flags, found.record.event.code) == (INVALID, "110112")
    assert "UserIsRequestor is missing" in str(found.message.fault)
    assert judge(audit_xml()).message.fault is None
    broken = judge(audit_xml()[:200])
    assert (broken.flags, broken.record.event.code, broken.record.at) == (INVALID, "", AT)
    assert b"alice" not in str(broken.message.fault).encode()


def test_markup_in_a_query_is_kept_as_text() -> None:
    inside = b"<ParticipantObjectQuery><q a='1'>x</q></ParticipantObjectQuery>"
    raw = audit_xml().replace(b"</ParticipantObjectIdent", inside + b"</ParticipantObjectIdent")
    found = judge(raw)
    assert found.flags == INVALID
    assert read_message(raw).entities[0].query == "PHEgYT0iMSI+eDwvcT4="


def test_patients_are_found_however_they_are_written() -> None:
    names = ("P1^^^&2.999.3.1&ISO", "P1^^^NAME&2.999.3.1&ISO", "urn:oid:2.999.3.1|P1")
    assert {judge(audit_xml(each)).record.patients for each in names} == {("P1^^^&2.999.3.1&ISO",)}
    for other in ("urn:oid:2.999.3.1", "http://x|P1", "|P1", "urn:oid:2.999.3.1|"):
        assert judge(audit_xml(other)).record.patients == (other,)


@pytest.mark.parametrize(
    ("host", "source", "claimed"),
    [
        ("", "emr", None),
        ("emr.example", "anything", None),
        ("EMR.example", "hospital", None),
        ("hospital.domain.example", "emr", None),
        ("laboratory", "emr", "laboratory"),
        ("elsewhere.example", "emr", "elsewhere.example"),
        ("emr.example", "Laboratory", "Laboratory"),
        ("emr.example", "2.999.9", "2.999.9"),
    ],
)
def test_a_claimed_name_is_one_of_the_sender(host: str, source: str, claimed: str | None) -> None:
    assert other_sender(judge(audit_xml(source=source), host=host), OWN, OTHERS) == claimed
