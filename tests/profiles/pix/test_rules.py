"""Decoding of feeds and merges: segments, authorities, null and absent fields; V2-09."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.bindings.hl7v2 import read_message
from gateway.config import Limits
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.patients import Demographics, PatientFeed, PatientMerge
from gateway.record.people import PatientId
from profiles.pix.rules import checked_date
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
    ("patient", "meaning", "place"),
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
        (f"{OURS}~A-2^^^&2.999.1.1&ISO", Meaning.DUPLICATE_KEY, "PID^1^3"),
        (f"{OURS}~A-1^^^&2.999.2.1.1&ISO", Meaning.DUPLICATE_KEY, "PID^1^3"),
        (r"A\T\1^^^&2.999.1.1&ISO", Meaning.DATA_TYPE, "PID^1^3^1^1"),
        (" A-1^^^&2.999.1.1&ISO", Meaning.DATA_TYPE, "PID^1^3^1^1"),
        ("A" * 129 + "^^^&2.999.1.1&ISO", Meaning.DATA_TYPE, "PID^1^3^1^1"),
    ],
)
def test_v2_09_identifiers_that_are_refused(
    adt: Adt, domain: Domain, patient: str, meaning: Meaning, place: str
) -> None:
    found = problem(feed, adt("A01", patient), domain)
    assert (found.meaning, found.location) == (meaning, place)


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
    ("line", "meaning", "place"),
    [
        ("EVN|A04|20261122", Meaning.TABLE_VALUE, "EVN^1^1"),
        ("EVN|A01", Meaning.REQUIRED_FIELD, "EVN^1^2"),
        ("PV1|1", Meaning.REQUIRED_FIELD, "PV1^1^2"),
    ],
)
def test_event_and_visit(adt: Adt, domain: Domain, line: str, meaning: Meaning, place: str) -> None:
    segments = tuple(line if each[:3] == line[:3] else each for each in adt("A01", OURS))
    found = problem(feed, segments, domain)
    assert (found.meaning, found.location) == (meaning, place)


def test_demographics(adt: Adt, domain: Domain) -> None:
    told = feed(
        adt(
            "A08",
            OURS,
            pid_5="Doe&van^Zoë^M~Alias",
            pid_7="19720229",
            pid_8="F",
            pid_11=r"1, rue A\T\B^^Ville^^L-0000^LUX~other",
            pid_13="^PRN^PH^^352^^000001",
        ),
        domain,
    )
    assert told.demographics == Demographics(
        family="Doe",
        given="Zoë",
        birth_date="19720229",
        sex="F",
        address=r"1, rue A\T\B^^Ville^^L-0000^LUX",
        telephone="^PRN^PH^^352^^000001",
    )
    assert (told.trigger, told.sender) == ("A08", "HOSP|KIS")


def test_absent_keeps_and_null_deletes(adt: Adt, domain: Domain) -> None:
    assert feed(adt("A08", OURS), domain).demographics == Demographics()
    null = dict.fromkeys(("pid_5", "pid_7", "pid_8", "pid_11", "pid_13"), '""')
    assert feed(adt("A08", OURS, **null), domain).demographics == Demographics(
        family="", given="", birth_date="", sex="", address="", telephone=""
    )


def test_a_name_replaces_the_whole_name(adt: Adt, domain: Domain) -> None:
    told = feed(adt("A08", OURS, pid_5="Doe"), domain).demographics
    assert (told.family, told.given) == ("Doe", "")


@pytest.mark.parametrize(
    ("given", "meaning", "place"),
    [
        ({"pid_7": "19700229"}, Meaning.DATA_TYPE, "PID^1^7"),
        ({"pid_7": "1970-02-01"}, Meaning.DATA_TYPE, "PID^1^7"),
        ({"pid_8": "X"}, Meaning.TABLE_VALUE, "PID^1^8"),
        ({"pid_8": "FM"}, Meaning.TABLE_VALUE, "PID^1^8"),
        ({"pid_5": "A" * 1_001}, Meaning.DATA_TYPE, "PID^1^5"),
        ({"pid_11": "A" * 1_001}, Meaning.DATA_TYPE, "PID^1^11"),
    ],
)
def test_values_that_are_refused(
    adt: Adt, domain: Domain, given: dict[str, str], meaning: Meaning, place: str
) -> None:
    found = problem(feed, adt("A01", OURS, **given), domain)
    assert (found.meaning, found.location) == (meaning, place)
    assert not set(given.values()) & {found.context}


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


@pytest.mark.parametrize(
    ("stays", "ends", "meaning", "place"),
    [
        (OURS, FOREIGN, Meaning.UNKNOWN_KEY, "MRG^1^1^1^4"),
        (FOREIGN, OURS, Meaning.UNKNOWN_KEY, "PID^1^3^1^4"),
        (OURS, "", Meaning.REQUIRED_FIELD, "MRG^1^1"),
        (OURS, "A-2^^^&2.999.2.1.1&ISO", Meaning.UNKNOWN_KEY, "MRG^1^1^1^4"),
    ],
)
def test_merges_of_other_domains(
    adt: Adt, domain: Domain, stays: str, ends: str, meaning: Meaning, place: str
) -> None:
    found = problem(merge, adt("A40", stays, ends), domain)
    assert (found.meaning, found.location) == (meaning, place)
