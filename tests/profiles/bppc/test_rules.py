"""A BPPC document becomes directives, or the refusal names what does not agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Meaning, Refused
from gateway.policy.matrix import load_policy
from gateway.record.access import Period
from gateway.record.consents import Directive, Kind
from gateway.record.documents import DocumentEntry
from gateway.record.people import Code, PatientId
from gateway.rights.documents import Known
from profiles.bppc.rules import read
from tests.consentdocs import (
    BPPC,
    CLASS,
    FLOOR,
    LOINC,
    NO_EMERGENCY,
    OPT_IN,
    OPT_OUT,
    POLICIES,
    SCANNED,
    bppc,
)

PATIENT = PatientId("A-1", "2.999.1.1")
AT = datetime(2026, 3, 4, tzinfo=UTC)
SHIPPED = load_policy(Path(__file__).parents[3] / "config/policy", environment="prod")
KNOWN = Known(policies=SHIPPED.consents)
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def entry(*policies: str, **changes: Any) -> DocumentEntry:
    made = DocumentEntry(
        id="Document01",
        unique_id="2.999.7.1",
        patient=PATIENT,
        mime_type="text/xml",
        class_code=CLASS,
        type_code=CLASS,
        format_code=BPPC,
        events=tuple(Code(each, POLICIES) for each in policies),
        source_patient_id="S-1^^^&2.999.2.1&ISO",
    )
    return replace(made, **changes)


def stated(*policies: str, **told: str) -> tuple[Directive, ...]:
    return read(entry(*policies), bppc("2.999.7.1", PATIENT, *policies, **told), KNOWN, AT).directives  # type: ignore[arg-type]


def faults(item: DocumentEntry, octets: bytes) -> list[tuple[Meaning, str]]:
    with pytest.raises(Refused) as refused:
        read(item, octets, KNOWN, AT)
    assert {each.location for each in refused.value.problems} == {"Document01"}
    return [(each.meaning, each.context) for each in refused.value.problems]


def test_a_policy_becomes_what_the_domain_says_of_it() -> None:
    period = Period(START, END)
    opposed = Directive(kind=Kind.OPPOSITION, period=period)
    assert stated(OPT_OUT, low="20260101", high="20261231") == (opposed,)
    assert stated(OPT_IN) == ()
    assert stated(NO_EMERGENCY, FLOOR) == (
        Directive(kind=Kind.EMERGENCY, rank=0),
        Directive(kind=Kind.FLOOR, rank=2),
    )


def test_what_opens_ends_with_the_first_instant_of_its_last_day() -> None:
    opens = Known(policies={OPT_IN: (Directive(kind=Kind.ALLOWANCE, subject="2.999.9"),)})
    octets = bppc("2.999.7.1", PATIENT, OPT_IN, high="20261231")
    (found,) = read(entry(OPT_IN), octets, opens, AT).directives
    assert found.period.end == datetime(2026, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize("told", [{"high": "2027"}, {"low": "2027"}])
def test_what_holds_until_it_is_changed_neither_ends_nor_begins_later(told: dict[str, str]) -> None:
    ((meaning, text),) = faults(entry(FLOOR), bppc("2.999.7.1", PATIENT, FLOOR, **told))  # type: ignore[arg-type]
    assert meaning is Meaning.NOT_SUPPORTED
    assert "can neither end nor begin later" in text


def test_a_policy_that_is_not_known_is_never_passed_over() -> None:
    octets = bppc("2.999.7.1", PATIENT, OPT_OUT, "2.999.77")
    ((meaning, text),) = faults(entry(OPT_OUT, "2.999.77"), octets)
    assert meaning is Meaning.NOT_SUPPORTED
    assert text == "documentationOf/serviceEvent[2]/code: policy 2.999.77 is not one that this domain applies"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"unique_id": "2.999.7.2"}, "uniqueId differs"),
        ({"events": ()}, "eventCodeList is not the list"),
        ({"events": (Code(OPT_OUT, "2.999"),)}, "eventCodeList is not the list"),
        ({"events": (Code(OPT_OUT, POLICIES), Code(OPT_IN, POLICIES))}, "eventCodeList is not the list"),
        ({"class_code": Code("11502-2", LOINC)}, "classCode of a consent is"),
        ({"class_code": None}, "classCode of a consent is"),
        ({"type_code": Code("57016-8", "2.999")}, "typeCode differs"),
        ({"format_code": Code(BPPC.code, "2.999")}, "is of the scheme"),
        ({"format_code": SCANNED}, "has the templates"),
    ],
)
def test_metadata_that_say_something_else_are_refused(changes: dict[str, Any], fault: str) -> None:
    ((meaning, text),) = faults(entry(OPT_OUT, **changes), bppc("2.999.7.1", PATIENT, OPT_OUT))
    assert meaning is Meaning.CONTENT_MISMATCH
    assert fault in text


def test_former_class_codes_are_taken() -> None:
    former = entry(OPT_OUT, class_code=Code("Consent", "2.999.5"))
    assert read(former, bppc("2.999.7.1", PATIENT, OPT_OUT), KNOWN, AT).policies == (OPT_OUT,)


@pytest.mark.parametrize("told", [PATIENT, PatientId("S-1", "2.999.2.1")])
def test_the_patient_is_that_of_the_registry_or_of_the_source(told: PatientId) -> None:
    octets = bppc("2.999.7.1", told, OPT_OUT)
    assert read(entry(OPT_OUT), octets, KNOWN, AT).policies == (OPT_OUT,)


@pytest.mark.parametrize("told", [PatientId("A-2", "2.999.1.1"), PatientId("S-2", "2.999.2.1")])
def test_another_patient_is_refused(told: PatientId) -> None:
    ((meaning, _),) = faults(entry(OPT_OUT), bppc("2.999.7.1", told, OPT_OUT))
    assert meaning is Meaning.PATIENT_MISMATCH


def test_a_second_patient_beside_the_right_one_is_refused() -> None:
    octets = bppc("2.999.7.1", PATIENT, OPT_OUT)
    twice = octets.replace(b"<patientRole>", b'<patientRole><id root="2.999.1.1" extension="A-2"/>')
    ((meaning, _),) = faults(entry(OPT_OUT), twice)
    assert meaning is Meaning.PATIENT_MISMATCH


def test_events_of_different_times_are_refused() -> None:
    octets = bppc("2.999.7.1", PATIENT, OPT_OUT, OPT_IN)
    other = octets.replace(b'<low value="20260101"/>', b'<low value="20260201"/>', 1)
    ((_, text),) = faults(entry(OPT_OUT, OPT_IN), other)
    assert "not the same in all" in text
