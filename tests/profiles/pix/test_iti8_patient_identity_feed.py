"""Feeds and merges through the whole pipeline: what is stored, answered and audited; V2-05 to V2-10."""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.bindings.hl7v2 import CLOSE
from gateway.record.people import PatientId

Adt = Callable[..., tuple[str, ...]]
DEMO = Path(__file__).parents[3] / "config" / "demo"
A = "A^^^&2.999.1.1&ISO"
B = "B^^^&2.999.1.1&ISO"
C = "C^^^&2.999.1.1&ISO"


def refused(answer: Any) -> tuple[str, str, str]:
    """MSA-1, the code, and the place in ERR-1."""
    place = "^".join(filter(None, (answer.raw(f"ERR-1.{part}") for part in (1, 2, 3))))
    return answer.field("MSA-1"), answer.value("ERR-1.4.1"), place


def actions(gateway: Any) -> list[str]:
    return [re.findall(r'EventActionCode="(\w)"', row.message)[0] for row in gateway.audit()]


@pytest.mark.parametrize(("trigger", "action"), [("A01", "C"), ("A04", "C"), ("A05", "C"), ("A08", "U")])
def test_every_trigger_makes_a_patient_known(gateway: Any, adt: Adt, trigger: str, action: str) -> None:
    answer = gateway.send(*adt(trigger, A, pid_5="Doe^Jo"))
    assert answer.field("MSA-1") == "AA"
    assert answer.field("MSH-9") == f"ACK^{trigger}"
    assert gateway.record("A") is not None
    assert gateway.demographics("A").name.family == "Doe"
    assert actions(gateway) == [action]
    assert gateway.audit()[0].outcome == 0


def test_absent_fields_keep_and_null_deletes(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A01", A, pid_5="Doe^Jo", pid_7="1970", pid_8="M", pid_13="123"))
    assert gateway.send(*adt("A08", A, pid_8="F", pid_13='""')).field("MSA-1") == "AA"
    told = gateway.demographics("A")
    assert (told.name.family, told.birth_date, told.sex, told.telecoms) == ("Doe", "1970", "F", None)


def test_every_field_is_kept_when_absent_and_deleted_when_null(
    gateway: Any, adt: Adt, every_field: Mapping[str, tuple[str, str]]
) -> None:
    gateway.send(*adt("A01", A, **dict(every_field.values())))
    full = gateway.demographics("A")
    assert [name for name in every_field if not getattr(full, name)] == []
    assert gateway.send(*adt("A08", A)).field("MSA-1") == "AA"
    assert gateway.demographics("A") == full
    for name, (field, _) in every_field.items():
        assert gateway.send(*adt("A08", A, **{field: '""'})).field("MSA-1") == "AA", field
        full = replace(full, **{name: None})
        assert gateway.demographics("A") == full, field


def test_identifiers_of_several_domains_are_one_person(gateway: Any, adt: Adt) -> None:
    answer = gateway.send(*adt("A01", f"L-1^^^LOCAL~{A}", pid_5="Doe^Jo"))
    assert answer.field("MSA-1") == "AA"
    assert gateway.record("A") is not None
    assert gateway.record("L-1", "2.999.2.2") is not None
    assert gateway.persons() == 1


def test_two_identifiers_of_one_domain_are_refused(gateway: Any, adt: Adt) -> None:
    assert refused(gateway.send(*adt("A01", f"{A}~{B}"))) == ("AE", "205", "PID^1^3")
    assert gateway.state() == (0,) * 6


def test_a01_for_a_known_patient_changes_it(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A05", A, pid_5="Doe^Jo"))
    assert gateway.send(*adt("A01", A, pid_5="Roe^Jo")).field("MSA-1") == "AA"
    assert gateway.demographics("A").name.family == "Roe"
    assert gateway.count("patient") == 1


def test_a08_without_demographics_changes_nothing(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A01", A, pid_5="Doe^Jo"))
    assert gateway.send(*adt("A08", A)).field("MSA-1") == "AA"
    assert gateway.demographics("A").name.family == "Doe"


def test_merge_and_its_two_audit_entries(gateway: Any, adt: Adt) -> None:
    for patient in (A, B):
        gateway.send(*adt("A01", patient, pid_5="Doe^Jo"))
    assert gateway.send(*adt("A40", A, B, pid_5="Ignored")).field("MSA-1") == "AA"
    ended = gateway.record("B")
    assert ended.subsumed
    assert ended.shown.extension == "A"
    assert gateway.demographics("A").name.family == "Doe"
    deletion, update = gateway.audit()[-2:]
    assert 'EventActionCode="D"' in deletion.message
    assert "B^^^&amp;2.999.1.1&amp;ISO" in deletion.message
    assert 'EventActionCode="U"' in update.message
    assert "A^^^&amp;2.999.1.1&amp;ISO" in update.message


def test_merges_chain(gateway: Any, adt: Adt) -> None:
    for patient in (A, B, C):
        gateway.send(*adt("A01", patient))
    assert gateway.send(*adt("A40", B, A)).field("MSA-1") == "AA"
    assert gateway.send(*adt("A40", C, B)).field("MSA-1") == "AA"
    assert gateway.record("A").shown.extension == "C"
    assert len(gateway.record("C").keys) == 3


def test_a_merge_before_its_patients_are_known_is_not_kept(gateway: Any, adt: Adt) -> None:
    assert refused(gateway.send(*adt("A40", A, B))) == ("AE", "204", "MRG^1^1")
    for patient in (A, B):
        gateway.send(*adt("A01", patient))
    assert not gateway.record("B").subsumed
    assert gateway.send(*adt("A40", A, B)).field("MSA-1") == "AA"


class TestSourceOfOneDomain:
    """Identifiers of domains of others are evidence, and nothing of them can be changed."""

    @pytest.fixture
    def node(self, node: str) -> str:
        return f'{node}feeds = ["2.999.2.2"]\n'

    def test_others_are_evidence_only(self, gateway: Any, adt: Adt) -> None:
        assert gateway.send(*adt("A01", f"L-1^^^LOCAL~{A}")).field("MSA-1") == "AA"
        assert gateway.record("A") is None
        assert gateway.demographics("L-1", "2.999.2.2").identifiers == (PatientId("A", "2.999.1.1"),)

    def test_nothing_of_its_own_is_refused(self, gateway: Any, adt: Adt) -> None:
        assert refused(gateway.send(*adt("A01", A))) == ("AE", "204", "PID^1^3")
        assert refused(gateway.send(*adt("A40", A, B))) == ("AE", "204", "PID^1^3")
        assert gateway.state() == (0,) * 6

    def test_an_authority_that_is_left_out_is_configured(self, gateway: Any, adt: Adt) -> None:
        head, *rest = adt("A01", "L-1")
        assert refused(gateway.send(head, *rest)) == ("AE", "204", "PID^1^3")
        answer = gateway.send(head.replace("KIS", "LIS"), *rest)
        assert answer.field("MSA-1") == "AA"
        assert gateway.record("L-1", "2.999.2.2") is not None


@pytest.mark.parametrize(
    ("stays", "ends", "expected"),
    [
        (A, "D^^^&2.999.9.9&ISO", ("AE", "204", "MRG^1^1")),
        ("D^^^&2.999.9.9&ISO", B, ("AE", "204", "PID^1^3")),
        (A, A, ("AE", "205", "MRG^1^1")),
        (A, C, ("AE", "205", "MRG^1^1")),
        (C, A, ("AE", "205", "PID^1^3")),
        (A, "D^^^&2.999.1.1&ISO", ("AE", "204", "MRG^1^1")),
        ("D^^^&2.999.1.1&ISO", A, ("AE", "204", "PID^1^3")),
    ],
)
def test_forbidden_merges_leave_the_state_unchanged(
    gateway: Any, adt: Adt, stays: str, ends: str, expected: tuple[str, str, str]
) -> None:
    for patient in (A, B, C):
        gateway.send(*adt("A01", patient))
    gateway.send(*adt("A40", B, C))
    before = [gateway.record(name) for name in "ABC"]
    assert refused(gateway.send(*adt("A40", stays, ends))) == expected
    assert [gateway.record(name) for name in "ABC"] == before
    assert gateway.audit()[-1].outcome != 0


def test_a_subsumed_identifier_is_not_fed_any_more(gateway: Any, adt: Adt) -> None:
    for patient in (A, B):
        gateway.send(*adt("A01", patient, pid_5="Doe^Jo"))
    gateway.send(*adt("A40", A, B))
    assert refused(gateway.send(*adt("A08", B, pid_5="Roe"))) == ("AE", "205", "PID^1^3")
    assert gateway.demographics("A").name.family == "Doe"


def test_v2_05_unusable_headers(gateway: Any) -> None:
    answer = gateway.sealed(b"MSH|^~^&|KIS|HOSP|REG|DOM|1||ADT^A01|1|P|2.3.1\r")
    assert b"\rMSA|AR|\r" in b"".join(answer.pieces)
    assert gateway.sealed(b"nothing like HL7") == CLOSE
    assert gateway.count("patient") == 0
    assert len(gateway.audit()) == 2


def test_v2_06_octets_against_msh_18(gateway: Any, adt: Adt) -> None:
    text = "\r".join(adt("A01", A, pid_5="Doe^Zoë"))
    for body in (
        text.replace("UNICODE UTF-8", "8859/1").encode(),
        text.encode("iso-8859-1"),
        text.replace("UNICODE UTF-8", "UNICODE UTF-16").encode(),
    ):
        assert b"\rMSA|AE|ID-1|" in b"".join(gateway.sealed(body).pieces)
    assert gateway.count("patient") == 0
    latin = text.replace("UNICODE UTF-8", "8859/1").encode("iso-8859-1")
    assert b"\rMSA|AA|ID-1\r" in b"".join(gateway.sealed(latin).pieces)
    assert gateway.demographics("A").name.given == ("Zoë",)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ADT^A01", "ADT^Z99", ("AR", "201")),
        ("ADT^A01", "MDM^T02", ("AR", "200")),
        ("|2.3.1|", "|9.9|", ("AR", "203")),
        ("|P|", "|X|", ("AR", "202")),
    ],
)
def test_v2_07_headers_that_are_not_served(
    gateway: Any, adt: Adt, old: str, new: str, expected: tuple[str, str]
) -> None:
    head, *rest = adt("A01", A)
    answer = gateway.send(head.replace(old, new), *rest)
    code = answer.value("ERR-1.4.1") or answer.value("ERR-3.1")
    assert (answer.field("MSA-1"), code) == expected
    assert gateway.count("patient") == 0


def test_v2_08_20_000_repetitions(gateway: Any, adt: Adt) -> None:
    answer = gateway.send(*adt("A01", "~".join([A] * 20_000)))
    assert (answer.field("MSA-1"), answer.value("ERR-1.4.1")) == ("AE", "102")
    assert "protocol-abuse" in gateway.audit()[-1].message


@pytest.mark.parametrize(
    ("patient", "control", "expected"),
    [
        ("", "ID", ("AE", "101", "PID^1^3")),
        ("A^^^&2.999.9.9&ISO", "ID", ("AE", "204", "PID^1^3")),
        (A, "", ("AE", "101", "MSH^1^10")),
    ],
)
def test_v2_09_missing_and_unknown_keys(
    gateway: Any, adt: Adt, patient: str, control: str, expected: tuple[str, str, str]
) -> None:
    assert refused(gateway.send(*adt("A01", patient, control=control))) == expected
    assert gateway.count("patient") == 0


def test_v2_10_the_same_message_again_is_answered_again(gateway: Any, adt: Adt) -> None:
    message = adt("A01", A, pid_5="Doe^Jo", control="SAME")
    first = gateway.octets(*message)
    assert b"MSA|AA|SAME" in first
    assert gateway.octets(*message) == first
    assert gateway.count("patient") == 1


def test_v2_10_other_content_under_the_same_control_id(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A01", A, control="SAME"))
    assert refused(gateway.send(*adt("A01", B, control="SAME"))) == ("AE", "205", "MSH^1^10")
    assert gateway.record("B") is None


def test_v2_10_another_application_counts_for_itself(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A01", A, control="SAME"))
    head, *rest = adt("A01", B, control="SAME")
    assert gateway.send(head.replace("KIS", "LIS"), *rest).field("MSA-1") == "AA"


def test_texts_and_log_hold_no_patient_data(gateway: Any, adt: Adt) -> None:
    body = gateway.octets(*adt("A01", "SECRET-1^^^&2.999.9.9&ISO", pid_5="SECRETNAME", pid_7="x"))
    assert b"MSA|AE" in body
    assert b"SECRET" not in body
    assert "SECRET" not in str(gateway.log.events)


def test_the_demonstration_tells_a_story(gateway: Any) -> None:
    files = sorted(DEMO.glob("*.hl7"))
    assert len(files) == 4
    for file in files:
        assert b"\rMSA|AA|" in b"".join(gateway.sealed(file.read_bytes()).pieces), file.name
    told = gateway.demographics("DEMO-1001")
    assert (told.name.given, told.telecoms) == (("Léonie",), None)
    assert told.addresses[0].lines == ("3, montée de l'Église",)
    assert gateway.record("DEMO-1002").shown.extension == "DEMO-1001"


@pytest.mark.parametrize("file", sorted(DEMO.glob("*.hl7")), ids=lambda file: file.stem)
def test_the_demonstration_has_valid_structures(file: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parser: Any = pytest.importorskip("hl7apy.parser")
        parsed = parser.parse_message(file.read_text(encoding="utf-8").strip().replace("\n", "\r"))
        assert parsed.name in {"ADT_A01", "ADT_A39"}
        assert parsed.validate()
