"""What is read of a BPPC document, and when a time as HL7 writes it begins and ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.errors import Malformed
from gateway.record.people import Code, PatientId
from profiles.bppc.wire import read_document, span_of
from tests.consentdocs import OPT_IN, OPT_OUT, POLICIES, bppc

PATIENT = PatientId("A-1", "2.999.1.1")


def test_a_document_is_read() -> None:
    found = read_document(bppc("2.999.7.1^a", PATIENT, OPT_OUT, OPT_IN, low="2026", high="20270131"))
    assert not found.faults
    assert found.unique_id == "2.999.7.1^a"
    assert found.patients == (PATIENT,)
    assert [each.policy for each in found.events] == [Code(OPT_OUT, POLICIES), Code(OPT_IN, POLICIES)]
    assert found.events[0].high is not None
    assert found.events[0].high.after == datetime(2027, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("<ClinicalDocument", "<Clinical", "the root element"),
        ('<id root="2.999.7.1"/>', "", "ClinicalDocument/id"),
        ('<id root="2.999.7.1"/>', '<id root="2.999.7.1"/><id root="2.999.7.2"/>', "ClinicalDocument/id"),
        ("<recordTarget>", "<recordTarget/><recordTarget>", "2 recordTarget"),
        ('"1.3.6.1.4.1.19376.1.5.3.1.2.6"', '"2.999"', "no documentationOf/serviceEvent has the template"),
        ('<id root="2.999.10.100"/>', '<id root="2.999.10.100" extension="1"/>', "serviceEvent[1]/id"),
        ('code="2.999.10.1"', 'code="opt-out"', "serviceEvent[1]/code"),
        ('code="2.999.10.1"', 'nullFlavor="NI" code="2.999.10.1"', "serviceEvent[1]/code"),
        ('codeSystem="2.999.10"', "", "serviceEvent[1]/code"),
        ('<low value="2026"/>', "", "serviceEvent[1]/effectiveTime"),
        ('<low value="2026"/>', '<low value="2026"/><width value="1"/>', "serviceEvent[1]/effectiveTime"),
        ('<low value="2026"/>', '<low value="20261301"/>', "serviceEvent[1]/effectiveTime"),
        ('<low value="2026"/>', '<low value="2026"/><high value="2025"/>', "high is before low"),
        ('<low value="2026"/>', '<low value="2026"/><high nullFlavor="UNK"/>', "no point in time"),
    ],
)
def test_whatever_is_missing_is_named(old: str, new: str, fault: str) -> None:
    text = bppc("2.999.7.1", PATIENT, OPT_OUT, low="2026").decode()
    assert old in text
    end = text.replace("</ClinicalDocument>", "</Clinical>") if new == "<Clinical" else text
    (found, *_) = read_document(end.replace(old, new).encode()).faults
    assert fault in found


def test_a_stylesheet_says_nothing() -> None:
    told = b'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="CDA.xsl"?>'
    plain = bppc("2.999.7.1", PATIENT, OPT_OUT)
    assert read_document(told + plain) == read_document(plain)


@pytest.mark.parametrize("text", [b"", b"no", b"<!DOCTYPE a><a/>", b"<?a b?><ClinicalDocument/>"])
def test_what_is_no_safe_xml_is_not_read(text: bytes) -> None:
    with pytest.raises(Malformed):
        read_document(text)


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2026", "2026-01-01T00:00", "2027-01-01T00:00"),
        ("202612", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("202602", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("20260228", "2026-02-28T00:00", "2026-03-01T00:00"),
        ("2026022810+0100", "2026-02-28T09:00", "2026-02-28T10:00"),
        ("202602281030-0500", "2026-02-28T15:30", "2026-02-28T15:31"),
        ("20260228103045.123", "2026-02-28T10:30:45", "2026-02-28T10:30:46"),
    ],
)
def test_a_time_lasts_as_long_as_it_was_told_exactly(text: str, first: str, after: str) -> None:
    found = span_of(text)
    assert found is not None
    assert found.first == datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert found.after == datetime.fromisoformat(after).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "26", "20260230", "2026-01-01", "20261", "202601012500", "9999"])
def test_anything_else_is_no_time(text: str) -> None:
    assert span_of(text) is None
