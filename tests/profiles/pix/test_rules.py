"""Decoding of feeds and merges: segments, authorities, null and absent fields; V2-09."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.bindings.hl7v2 import read_message
from gateway.config import Limits
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed, PatientMerge
from gateway.record.people import PatientId
from profiles.pix.rules import checked_date, place
from profiles.pix.wire.feed import read_feed, read_merge

Adt = Callable[..., tuple[str, ...]]
OURS = "A-1^^^&2.999.1.1&ISO"
FOREIGN = "B-1^^^&2.999.9.9&ISO"


def feed(segments: tuple[str, ...], domain: Domain) -> PatientFeed:
    return read_feed(read_message("\r".join(segments).encode(), Limits()), domain)


def merge(segments: tuple[str, ...], domain: Domain) -> PatientMerge:
    return read_merge(read_message("\r".join(segments).encode(), Limits()), domain)


def problem(read: Callable[..., Any], segments: tuple[str, ...], domain: Domain) -> Problem:
    with pytest.raises(Refused) as refused:
        read(segments, domain)
    return refused.value.problems[0]


@pytest.mark.parametrize(
    ("patient", "root"),
    [
        (OURS, "2.999.1.1"),
        ("A-1^^^PASSERELLE", "2.999.1.1"),
        ("A-1^^^PASSERELLE&2.999.1.1&ISO^PI", "2.999.1.1"),
        ("A-1", "2.999.1.1"),
        ("A-1^^^", "2.999.1.1"),
        (f"{FOREIGN}~{OURS}", "2.999.1.1"),
        (f"C^^^ELSEWHERE~{OURS}~{OURS}", "2.999.1.1"),
        (f'""^^^&2.999.1.1&ISO~{OURS}', "2.999.1.1"),
        (f"C^^^&&~{OURS}", "2.999.1.1"),
        ("A-1^^^&2.999.2.1.1&ISO", "2.999.2.1.1"),
        ("A-1^^^TEST-HOSPITAL&2.999.2.1.1&ISO", "2.999.2.1.1"),
    ],
)
def test_the_identifier_of_the_affinity_domain(adt: Adt, domain: Domain, patient: str, root: str) -> None:
    assert feed(adt("A01", patient), domain).identifiers == (PatientId("A-1", root),)


@pytest.mark.parametrize(
    ("patient", "meaning", "where"),
    [
        ("", Meaning.REQUIRED_FIELD, "PID^1^3"),
        ('""', Meaning.REQUIRED_FIELD, "PID^1^3"),
        ("^^^&2.999.1.1&ISO", Meaning.REQUIRED_FIELD, "PID^1^3^1^1"),
        ('B^^^X~""^^^&2.999.1.1&ISO', Meaning.REQUIRED_FIELD, "PID^1^3^2^1"),
        (FOREIGN, Meaning.UNKNOWN_KEY, "PID^1^3^1^4"),
        ("A-1^^^ELSEWHERE", Meaning.UNKNOWN_KEY, "PID^1^3^1^4"),
        ("A-1^^^&&", Meaning.UNKNOWN_KEY, "PID^1^3^1^4"),
        ("A-1^^^&&ISO", Meaning.UNKNOWN_KEY, "PID^1^3^1^4"),
        ("A-1^^^&2.999.1.1", Meaning.UNKNOWN_KEY, "PID^1^3^1^4"),
        ("A-1^^^&2.999.1.1&DNS", Meaning.UNKNOWN_KEY, "PID^1^3^1^4"),
        ("A-1^^^PASSERELLE&2.999.9.9&ISO", Meaning.UNKNOWN_KEY, "PID^1^3^1^4"),
        ("A-1^^^PASSERELLE&2.999.2.1.1&ISO", Meaning.UNKNOWN_KEY, "PID^1^3^1^4"),
        (f"{FOREIGN}~A-1^^^ELSEWHERE&2.999.1.1&ISO", Meaning.UNKNOWN_KEY, "PID^1^3^2^4"),
        (r"A\T\1^^^&2.999.1.1&ISO", Meaning.DATA_TYPE, "PID^1^3^1^1"),
        (" A-1^^^&2.999.1.1&ISO", Meaning.DATA_TYPE, "PID^1^3^1^1"),
        ("A" * 129 + "^^^&2.999.1.1&ISO", Meaning.DATA_TYPE, "PID^1^3^1^1"),
    ],
)
def test_v2_09_identifiers_that_are_refused(
    adt: Adt, domain: Domain, patient: str, meaning: Meaning, where: str
) -> None:
    found = problem(feed, adt("A01", patient), domain)
    assert (found.meaning, found.location) == (meaning, where)


@pytest.mark.parametrize("missing", ["EVN", "PID", "PV1"])
def test_segments_are_required(adt: Adt, domain: Domain, missing: str) -> None:
    segments = tuple(line for line in adt("A01", OURS) if not line.startswith(missing))
    found = problem(feed, segments, domain)
    assert (found.meaning, found.location) == (Meaning.SEGMENT_SEQUENCE, missing)


def test_a_second_patient_is_another_message(adt: Adt, domain: Domain) -> None:
    found = problem(feed, (*adt("A01", OURS), f"PID|2||{FOREIGN}"), domain)
    assert found.meaning is Meaning.SEGMENT_SEQUENCE
    assert problem(merge, (*adt("A40", OURS, FOREIGN), "MRG|x"), domain).location == "MRG"


@pytest.mark.parametrize(
    ("line", "meaning", "where"),
    [
        ("EVN|A04|20261122", Meaning.TABLE_VALUE, "EVN^1^1"),
        ("EVN|A01", Meaning.REQUIRED_FIELD, "EVN^1^2"),
        ("PV1|1", Meaning.REQUIRED_FIELD, "PV1^1^2"),
    ],
)
def test_event_and_visit(adt: Adt, domain: Domain, line: str, meaning: Meaning, where: str) -> None:
    segments = tuple(line if each[:3] == line[:3] else each for each in adt("A01", OURS))
    found = problem(feed, segments, domain)
    assert (found.meaning, found.location) == (meaning, where)


def test_several_domains_are_taken_the_affinity_domain_first(adt: Adt, domain: Domain) -> None:
    sent = f"L^^^LOCAL~{FOREIGN}~A-2^^^&2.999.2.1.1&ISO~{OURS}~A-3^^^&2.999.1.1&ISO~{OURS}"
    assert [str(each) for each in feed(adt("A01", sent), domain).identifiers] == [
        "A-1^^^&2.999.1.1&ISO",
        "A-3^^^&2.999.1.1&ISO",
        "A-2^^^&2.999.2.1.1&ISO",
        "L^^^&2.999.2.2&ISO",
    ]


def test_an_authority_that_is_left_out_is_that_of_the_sender(adt: Adt, domain: Domain) -> None:
    head, *rest = adt("A01", "X-1")
    told = feed((head.replace("KIS|HOSP", "LIS^2.999.3^ISO|HOSP"), *rest), domain)
    assert told.identifiers == (PatientId("X-1", "2.999.2.2"),)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("PID-3", "PID^1^3"),
        ("PID[2]-3", "PID^2^3"),
        ("PID-3[2]", "PID^1^3^2"),
        ("PID-3.4", "PID^1^3^1^4"),
        ("PID[2]-5[3].1.2", "PID^2^5^3^1^2"),
    ],
)
def test_places(path: str, expected: str) -> None:
    assert place(path) == expected


@pytest.mark.parametrize(
    "value", ["1970", "197001", "19700131", "197001312359", "19700131235959.1234+0100", "1970+0100", None, ""]
)
def test_dates_of_any_precision(value: str | None) -> None:
    assert checked_date(value, "PID^1^7") == value


@pytest.mark.parametrize("value", ["197", "197013", "19700132", "0000", "1970013123", "x", "١٩٧٠"])
def test_dates_that_do_not_exist(value: str) -> None:
    with pytest.raises(Refused):
        checked_date(value, "PID^1^7")


def test_merge(adt: Adt, domain: Domain) -> None:
    told = merge(adt("A40", f"{FOREIGN}~{OURS}", "B-9^^^&2.999.9.9&ISO~A-2^^^PASSERELLE"), domain)
    assert told.survivor == PatientId("A-1", "2.999.1.1")
    assert told.subsumed == PatientId("A-2", "2.999.1.1")


def test_of_two_lists_the_pair_counts_that_differs(adt: Adt, domain: Domain) -> None:
    told = merge(adt("A40", f"N^^^NATIONAL~{OURS}", "A-2^^^PASSERELLE~N^^^NATIONAL"), domain)
    assert (told.survivor.extension, told.subsumed.extension) == ("A-1", "A-2")


@pytest.mark.parametrize(
    ("stays", "ends", "meaning", "where"),
    [
        (OURS, FOREIGN, Meaning.UNKNOWN_KEY, "MRG^1^1^1^4"),
        (FOREIGN, OURS, Meaning.UNKNOWN_KEY, "PID^1^3^1^4"),
        (OURS, "", Meaning.REQUIRED_FIELD, "MRG^1^1"),
        (OURS, "A-2^^^&2.999.2.1.1&ISO", Meaning.UNKNOWN_KEY, "MRG^1^1^1^4"),
        (f"{OURS}~L^^^LOCAL", "A-2^^^PASSERELLE~L-2^^^LOCAL", Meaning.DUPLICATE_KEY, "MRG^1^1"),
    ],
)
def test_merges_of_other_domains(
    adt: Adt, domain: Domain, stays: str, ends: str, meaning: Meaning, where: str
) -> None:
    found = problem(merge, adt("A40", stays, ends), domain)
    assert (found.meaning, found.location) == (meaning, where)
