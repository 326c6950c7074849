"""Identity management through the whole pipeline: what is stored, answered and audited; V2-05 to V2-10."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

Adt = Callable[..., tuple[str, ...]]
A, B, C, D = (f"{name}^^^&2.999.1.1&ISO" for name in "ABCD")
ELSEWHERE = "X^^^&2.999.9.9&ISO"
NAME = {"pid_5": "Doe^Jo", "pv1_2": "N"}
JO = {**NAME, "pid_7": "19700131", "pid_8": "F", "pid_11": "1, rue^^Ville^^1000"}
ANN = {"pid_5": "Smith^Ann", "pid_7": "19881224", "pid_8": "F", "pv1_2": "N"}
EMPTY = (0,) * 6


def refused(answer: Any) -> tuple[str, str, str]:
    """MSA-1, ERR-3 and ERR-2."""
    assert answer.value("ERR-4") == "E"
    return answer.field("MSA-1"), answer.value("ERR-3.1"), answer.field("ERR-2")


def audited(gateway: Any) -> list[tuple[str, str]]:
    """Transaction and action of each audit message."""
    return [
        (
            re.findall(r'EventTypeCode csd-code="(ITI-\d+)"', row.message)[0],
            re.findall(r'EventActionCode="(\w)"', row.message)[0],
        )
        for row in gateway.audit()
        if "ITI-" in row.message
    ]


@pytest.mark.parametrize(("trigger", "action"), [("A28", "C"), ("A31", "U")])
def test_either_makes_a_patient_known(gateway: Any, adt: Adt, trigger: str, action: str) -> None:
    answer = gateway.send(*adt(trigger, A, **JO))
    assert (answer.field("MSA-1"), answer.field("MSH-9")) == ("AA", f"ACK^{trigger}^ACK")
    assert gateway.demographics("A").name.family == "Doe"
    assert audited(gateway) == [("ITI-30", action)]
    assert "MSH-10" in gateway.audit()[0].message


def test_every_field_is_kept_when_absent_and_deleted_when_null(
    gateway: Any, adt: Adt, every_field: Mapping[str, tuple[str, str]]
) -> None:
    gateway.send(*adt("A28", A, pv1_2="N", **dict(every_field.values())))
    full = gateway.demographics("A")
    assert [name for name in every_field if not getattr(full, name)] == []
    assert gateway.send(*adt("A31", A, **NAME)).field("MSA-1") == "AA"
    assert gateway.demographics("A") == full
    for name, (field, _) in every_field.items():
        assert gateway.send(*adt("A31", A, **{**NAME, field: '""'})).field("MSA-1") == "AA", field
        full = replace(full, **{name: None})
        if name == "names":
            assert gateway.demographics("A") == full
            full = replace(full, names=gateway.demographics("B").names if gateway.record("B") else None)
            gateway.send(*adt("A31", A, **NAME))
            full = gateway.demographics("A")
        assert gateway.demographics("A") == full, field


def test_merge_and_its_two_audit_entries(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A28", A, **JO))
    gateway.send(*adt("A28", B, **JO))
    assert gateway.send(*adt("A40", A, merged=B)).field("MSA-1") == "AA"
    assert gateway.record("B").shown.extension == "A"
    assert audited(gateway)[-2:] == [("ITI-30", "D"), ("ITI-30", "U")]
    deletion, update = (row.message for row in gateway.audit()[-2:])
    assert "B^^^&amp;2.999.1.1&amp;ISO" in deletion
    assert "A^^^&amp;2.999.1.1&amp;ISO" in update
    assert "B^^^" not in update


def test_a_merge_into_an_unknown_identifier_changes_the_identifier(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A28", B, **JO))
    assert gateway.send(*adt("A40", A, merged=B)).field("MSA-1") == "AA"
    assert gateway.record("B").shown.extension == "A"
    assert gateway.demographics("A").name.family == "Doe"


@pytest.mark.parametrize("trigger", ["A40", "A47"])
def test_an_identifier_that_is_unknown_does_nothing(gateway: Any, adt: Adt, trigger: str) -> None:
    gateway.send(*adt("A28", A, **JO))
    before = gateway.state()
    assert gateway.send(*adt(trigger, A, merged=B)).field("MSA-1") == "AA"
    assert gateway.send(*adt(trigger, C, merged=B)).field("MSA-1") == "AA"
    assert gateway.state() == before


def test_an_identifier_is_changed(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A28", B, **JO))
    assert gateway.send(*adt("A47", A, merged=B)).field("MSA-1") == "AA"
    assert gateway.record("B").shown.extension == "A"
    assert gateway.demographics("A").name.family == "Doe"
    assert audited(gateway)[-1] == ("ITI-30", "U")


def test_an_identifier_in_use_is_not_given_to_another(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A28", A, **JO))
    gateway.send(*adt("A28", B, **ANN))
    before = gateway.state()
    assert refused(gateway.send(*adt("A47", A, merged=B))) == ("AE", "205", "PID^1^3^1^1")
    assert gateway.state() == before
    assert not gateway.record("B").subsumed


@pytest.mark.parametrize(
    ("trigger", "stays", "ends", "expected"),
    [
        ("A40", A, ELSEWHERE, ("AE", "204", "MRG^1^1^1^4")),
        ("A40", ELSEWHERE, A, ("AE", "204", "PID^1^3^1^4")),
        ("A40", A, "L^^^LOCAL", ("AE", "204", "MRG^1^1^1^4")),
        ("A40", A, A, ("AE", "205", "MRG^1^1^1^1")),
        ("A40", A, C, ("AE", "205", "MRG^1^1^1^1")),
        ("A40", C, A, ("AE", "205", "PID^1^3^1^1")),
        ("A40", A, "", ("AE", "101", "MRG^1^1")),
        ("A40", "", A, ("AE", "101", "PID^1^3")),
        ("A47", C, A, ("AE", "205", "PID^1^3^1^1")),
        ("A47", D, C, ("AE", "205", "MRG^1^1^1^1")),
        ("A47", A, A, ("AE", "205", "MRG^1^1^1^1")),
    ],
)
def test_pairs_that_are_refused_leave_everything_as_it_was(
    gateway: Any, adt: Adt, trigger: str, stays: str, ends: str, expected: tuple[str, str, str]
) -> None:
    for patient in (A, B, C):
        gateway.send(*adt("A28", patient, **JO))
    gateway.send(*adt("A40", B, merged=C))
    before = gateway.state(), [gateway.record(name) for name in "ABC"]
    assert refused(gateway.send(*adt(trigger, stays, merged=ends))) == expected
    assert (gateway.state(), [gateway.record(name) for name in "ABC"]) == before
    assert gateway.audit()[-1].outcome != 0


def test_a_merged_identifier_is_not_fed(gateway: Any, adt: Adt) -> None:
    for patient in (A, B):
        gateway.send(*adt("A28", patient, **JO))
    gateway.send(*adt("A40", A, merged=B))
    before = gateway.state()
    assert refused(gateway.send(*adt("A31", B, **ANN))) == ("AE", "205", "PID^1^3^1^1")
    assert gateway.state() == before


def test_link_and_unlink(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A28", A, **JO))
    gateway.send(*adt("A28", "L^^^LOCAL", **ANN))
    assert gateway.persons() == 2
    assert gateway.send(*adt("A24", A, second="L^^^LOCAL", pid_5="Doe")).field("MSA-1") == "AA"
    assert gateway.persons() == 1
    assert gateway.record("L", "2.999.2.2").shown.extension == "L"
    assert gateway.send(*adt("A37", A, second="L^^^LOCAL", pid_5="Doe")).field("MSA-1") == "AA"
    assert gateway.persons() == 2
    assert audited(gateway)[-2:] == [("ITI-30", "U"), ("ITI-30", "U")]


@pytest.mark.parametrize("trigger", ["A24", "A37"])
def test_links_of_unknown_patients_are_no_error_and_make_nobody(gateway: Any, adt: Adt, trigger: str) -> None:
    gateway.send(*adt("A28", A, **JO))
    before = gateway.state()
    for first, second in ((A, B), (B, A), (B, C)):
        assert gateway.send(*adt(trigger, first, second=second)).field("MSA-1") == "AA"
    assert gateway.state() == before


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (A, A, ("AE", "205", "PID^2^3^1^1")),
        (A, "", ("AE", "101", "PID^2^3")),
        ("", A, ("AE", "101", "PID^1^3")),
        (ELSEWHERE, A, ("AE", "204", "PID^1^3^1^4")),
        (A, ELSEWHERE, ("AE", "204", "PID^2^3^1^4")),
    ],
)
def test_links_that_are_refused(
    gateway: Any, adt: Adt, first: str, second: str, expected: tuple[str, str, str]
) -> None:
    gateway.send(*adt("A28", A, **JO))
    before = gateway.state()
    for trigger in ("A24", "A37"):
        assert refused(gateway.send(*adt(trigger, first, second=second))) == expected
    assert gateway.state() == before


@pytest.mark.parametrize(
    ("trigger", "missing", "expected"),
    [
        ("A28", "PV1", ("AE", "100", "PV1")),
        ("A28", "PID", ("AE", "100", "PID")),
        ("A31", "EVN", ("AE", "100", "EVN")),
        ("A24", "PID", ("AE", "100", "PID")),
        ("A40", "MRG", ("AE", "100", "MRG")),
        ("A47", "MRG", ("AE", "100", "MRG")),
    ],
)
def test_segments_are_required(
    gateway: Any, adt: Adt, trigger: str, missing: str, expected: tuple[str, str, str]
) -> None:
    given = {"A24": {"second": B}, "A40": {"merged": B}, "A47": {"merged": B}}.get(trigger, NAME)
    segments = [each for each in adt(trigger, A, **given) if not each.startswith(missing)]
    assert refused(gateway.send(*segments)) == expected
    assert gateway.state() == EMPTY


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"pid_5": ""}, ("AE", "101", "PID^1^5")),
        ({"pid_5": "^Jo"}, ("AE", "101", "PID^1^5")),
        ({"pid_5": " "}, ("AE", "101", "PID^1^5")),
        ({"pid_7": "19701301"}, ("AE", "102", "PID^1^7")),
        ({"pid_8": "X"}, ("AE", "103", "PID^1^8")),
        ({"pid_24": "X"}, ("AE", "103", "PID^1^24")),
        ({"pv1_2": ""}, ("AE", "101", "PV1^1^2")),
        ({"pv1_2": "X"}, ("AE", "103", "PV1^1^2")),
        ({"control": ""}, ("AE", "101", "MSH^1^10")),
    ],
)
def test_fields_that_are_refused(
    gateway: Any, adt: Adt, given: dict[str, str], expected: tuple[str, str, str]
) -> None:
    for trigger in ("A28", "A31"):
        assert refused(gateway.send(*adt(trigger, A, **{**NAME, **given}))) == expected
    assert gateway.state() == EMPTY


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        ("", ("AE", "101", "PID^1^3")),
        (ELSEWHERE, ("AE", "204", "PID^1^3^1^4")),
        ("A^^^PASSERELLE&2.999.9.9&ISO", ("AE", "204", "PID^1^3^1^4")),
        (f"{A}~{B}", ("AE", "205", "PID^1^3^1^1")),
        (f"{ELSEWHERE}~^^^PASSERELLE", ("AE", "101", "PID^1^3^2^1")),
    ],
)
def test_v2_09_identifiers(gateway: Any, adt: Adt, patient: str, expected: tuple[str, str, str]) -> None:
    for trigger in ("A28", "A31"):
        assert refused(gateway.send(*adt(trigger, patient, **NAME))) == expected
    assert gateway.state() == EMPTY


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ADT^A28^ADT_A05", "ADT^A60^ADT_A60", ("AR", "201", "MSH^1^9^1^2")),
        ("ADT^A28^ADT_A05", "ADT^A28^ADT_A01", ("AR", "200", "MSH^1^9^1^3")),
        ("ADT^A28^ADT_A05", "MDM^T01^MDM_T01", ("AR", "200", "MSH^1^9^1^1")),
        ("|P|2.5|", "|P|2.6|", ("AR", "203", "MSH^1^12")),
        ("|P|2.5|", "|X|2.5|", ("AR", "202", "MSH^1^11")),
    ],
)
def test_v2_07_headers_that_are_not_served(
    gateway: Any, adt: Adt, old: str, new: str, expected: tuple[str, str, str]
) -> None:
    head, *rest = adt("A28", A, **NAME)
    assert refused(gateway.send(head.replace(old, new), *rest)) == expected
    assert gateway.state() == EMPTY


def test_the_version_of_the_other_feed_is_not_taken(gateway: Any, adt: Adt) -> None:
    head, *rest = adt("A28", A, **NAME)
    answer = gateway.send(head.replace("|P|2.5|", "|P|2.3.1|"), *rest)
    assert (answer.field("MSA-1"), answer.value("ERR-1.4.1")) == ("AR", "203")
    assert gateway.state() == EMPTY


@pytest.mark.parametrize("charset", ["UNICODE UTF-8", "8859/1", "8859/15"])
def test_character_sets(gateway: Any, adt: Adt, charset: str) -> None:
    letters = "éßœ€" if charset != "8859/1" else "éß"
    head, *rest = adt("A28", A, **{**NAME, "pid_5": letters})
    encoding = {"UNICODE UTF-8": "utf-8"}.get(charset, f"iso-{charset.replace('/', '-')}")
    body = "\r".join((head.replace("UNICODE UTF-8", charset), *rest)).encode(encoding)
    answer = b"".join(gateway.sealed(body).pieces)
    assert b"\rMSA|AA|" in answer
    assert answer.split(b"\r")[0].endswith(charset.encode())
    assert gateway.demographics("A").name.family == letters


@pytest.mark.parametrize(
    ("declared", "encoding"), [("8859/1", "utf-8"), ("UNICODE UTF-8", "latin-1"), ("", "utf-8")]
)
def test_v2_06_octets_against_msh_18(gateway: Any, adt: Adt, declared: str, encoding: str) -> None:
    head, *rest = adt("A31", A, **{**NAME, "pid_5": "Zoë"})
    body = "\r".join((head.replace("UNICODE UTF-8", declared), *rest)).encode(encoding)
    answer = b"".join(gateway.sealed(body).pieces)
    assert b"\rMSA|AE|" in answer
    assert b"ERR||MSH^1^18|102^" in answer
    assert gateway.state() == EMPTY


@pytest.mark.parametrize("field", ["pid_3", "pid_5", "pid_13"])
def test_v2_08_20_000_repetitions(gateway: Any, adt: Adt, field: str) -> None:
    segments = adt("A28", A, **NAME)
    changed = [
        _with_field(each, int(field[4:]), "~".join([A] * 20_000)) if each.startswith("PID") else each
        for each in segments
    ]
    answer = gateway.send(*changed)
    assert (answer.field("MSA-1"), answer.value("ERR-3.1")) == ("AE", "102")
    assert "protocol-abuse" in gateway.audit()[-1].message
    assert gateway.state() == EMPTY


def _with_field(segment: str, number: int, value: str) -> str:
    fields = [*segment.split("|"), *[""] * 40]
    fields[number] = value
    return "|".join(fields).rstrip("|")


def test_v2_10_repeated_and_changed_messages(gateway: Any, adt: Adt) -> None:
    message = adt("A28", A, control="SAME", **JO)
    first = gateway.octets(*message)
    assert gateway.octets(*message) == first
    assert refused(gateway.send(*adt("A28", B, control="SAME", **JO))) == ("AE", "205", "MSH^1^10")
    assert gateway.record("B") is None


def test_texts_and_log_hold_no_patient_data(gateway: Any, adt: Adt) -> None:
    body = gateway.octets(*adt("A28", "SECRET-1^^^&2.999.9.9&ISO", pid_5="SECRETNAME", pid_7="x"))
    assert b"MSA|AE" in body
    assert b"SECRET" not in body
    assert "SECRET" not in str(gateway.log.events)


class TestSourceOfOneDomain:
    """What a node may not feed it can neither change nor link, whether it is known or not."""

    @pytest.fixture
    def node(self, node: str) -> str:
        return f'{node}feeds = ["2.999.2.2"]\n'

    @pytest.mark.parametrize(
        ("trigger", "given", "expected"),
        [
            ("A28", NAME, ("AE", "204", "PID^1^3^1^1")),
            ("A31", NAME, ("AE", "204", "PID^1^3^1^1")),
            ("A40", {"merged": B}, ("AE", "204", "PID^1^3^1^1")),
            ("A47", {"merged": B}, ("AE", "204", "PID^1^3^1^1")),
            ("A24", {"second": "L^^^LOCAL"}, ("AE", "204", "PID^1^3^1^4")),
            ("A37", {"second": "L^^^LOCAL"}, ("AE", "204", "PID^1^3^1^4")),
        ],
    )
    def test_other_domains(
        self,
        gateway: Any,
        adt: Adt,
        trigger: str,
        given: dict[str, str],
        expected: tuple[str, str, str],
    ) -> None:
        assert refused(gateway.send(*adt(trigger, A, **given))) == expected
        assert gateway.state() == EMPTY


class TestEnrolledForEncountersOnly:
    """A40 is a message of both transactions."""

    @pytest.fixture
    def node(self, node: str) -> str:
        return node.replace('"ITI-30", ', "")

    def test_the_shared_merge_counts_as_its_own(self, gateway: Any, adt: Adt) -> None:
        for patient in (A, B):
            gateway.send(*adt("A04", patient, pid_5="Doe", pv1_19="V1"))
        assert gateway.send(*adt("A40", A, merged=B)).field("MSA-1") == "AA"
        assert gateway.record("B").subsumed
        assert audited(gateway)[-2:] == [("ITI-31", "D"), ("ITI-31", "U")]

    @pytest.mark.parametrize("trigger", ["A28", "A31", "A47", "A24", "A37"])
    def test_what_is_not_shared_is_refused(self, gateway: Any, adt: Adt, trigger: str) -> None:
        answer = gateway.send(*adt(trigger, A, **NAME))
        assert (answer.field("MSA-1"), answer.value("ERR-3.1")) == ("AR", "207")
        assert gateway.state() == EMPTY
