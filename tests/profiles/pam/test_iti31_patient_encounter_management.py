"""Encounters through the whole pipeline: every trigger, steps and their cancels, ZBE, what is refused."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from profiles.pam.rules import CANCELS, STATES

Adt = Callable[..., tuple[str, ...]]
A, B, C = (f"{name}^^^&2.999.1.1&ISO" for name in "ABC")
V1 = {"pid_5": "Doe^Jo", "pv1_19": "V1^^^HOSP"}
EMPTY = (0,) * 6
TRIGGERS = sorted({*STATES, *CANCELS, "A08", "Z99", "A40", "A44"})
MADE_BY = {trigger: next(iter(sorted(made, reverse=trigger == "A11"))) for trigger, made in CANCELS.items()}


def refused(answer: Any) -> tuple[str, str, str]:
    """MSA-1, ERR-3 and ERR-2."""
    assert answer.value("ERR-4") == "E"
    return answer.field("MSA-1"), answer.value("ERR-3.1"), answer.field("ERR-2")


def audited(gateway: Any) -> list[tuple[str, str]]:
    return [
        (
            re.findall(r'EventTypeCode csd-code="(ITI-\d+)"', row.message)[0],
            re.findall(r'EventActionCode="(\w)"', row.message)[0],
        )
        for row in gateway.audit()
        if "ITI-" in row.message
    ]


def zbe(number: str, action: str = "INSERT", origin: str = "", historic: str = "N") -> str:
    return f"{number}^KIS|20261122||{action}|{historic}|{origin}"


@pytest.mark.parametrize("trigger", sorted(STATES))
def test_every_movement_and_its_answer(gateway: Any, adt: Adt, trigger: str) -> None:
    gateway.send(*adt("A04", A, **V1))
    answer = gateway.send(*adt(trigger, A, pv1_3="Ward^2", **V1))
    assert (answer.field("MSA-1"), answer.field("MSH-9")) == ("AA", f"ACK^{trigger}^ACK")
    (visit,) = gateway.visits("A")
    assert (visit.trigger, visit.step) == (trigger, 2)
    assert visit.state == (STATES[trigger] or "active")
    assert visit.facts.location == "Ward^2"
    created = trigger in {"A01", "A04", "A05"}
    assert audited(gateway)[-1] == ("ITI-31", "C" if created else "U")


@pytest.mark.parametrize("trigger", sorted(CANCELS))
def test_every_cancel_leads_back(gateway: Any, adt: Adt, trigger: str) -> None:
    for made in sorted(CANCELS[trigger]):
        number = {**V1, "pv1_19": f"V-{made}"}
        gateway.send(*adt("A05" if made != "A05" else "A01", A, pv1_3="First", **number))
        before = gateway.visits("A")[0]
        gateway.send(*adt(made, A, pv1_3="Second", **number))
        assert gateway.send(*adt(trigger, A, **number)).field("MSA-1") == "AA", made
        after = gateway.visits("A")[0]
        assert (after.facts, after.state, after.trigger) == (before.facts, before.state, before.trigger)
        assert after.step == 3
    assert audited(gateway)[-1] == ("ITI-31", "U")


@pytest.mark.parametrize(("trigger", "made"), [("A11", "A01"), ("A11", "A04"), ("A38", "A05")])
def test_the_cancel_of_the_first_movement_cancels_the_visit(
    gateway: Any, adt: Adt, trigger: str, made: str
) -> None:
    gateway.send(*adt(made, A, **V1))
    assert gateway.send(*adt(trigger, A, **V1)).field("MSA-1") == "AA"
    assert gateway.visits("A")[0].state == "cancelled"
    before = gateway.state()
    assert refused(gateway.send(*adt(trigger, A, **V1))) == ("AE", "204", "PV1^1^19")
    assert gateway.state() == before
    gateway.send(*adt("A01", A, **V1))
    assert gateway.visits("A")[0].state == "active"


def test_all_that_is_told_of_a_visit(gateway: Any, adt: Adt) -> None:
    answer = gateway.send(
        *adt(
            "A01",
            A,
            **V1,
            pv1_3="Ward^2^1",
            pv1_7="1^House^Greg~2^Wilson",
            pv1_8="3^Cuddy",
            pv1_9="4^Foreman",
            pv1_10="CAR",
            pv1_11="Hall",
            pv1_17="5^Chase",
            pv1_44="202611221000",
            pv1_45="20261123",
        )
    )
    assert answer.field("MSA-1") == "AA"
    (visit,) = gateway.visits("A")
    assert visit.number == "V1^^^HOSP"
    facts = visit.facts
    assert (facts.patient_class, facts.location, facts.service) == ("I", "Ward^2^1", "CAR")
    assert facts.attending == ("1^House^Greg", "2^Wilson")
    assert (facts.referring, facts.consulting, facts.admitting) == (
        ("3^Cuddy",),
        ("4^Foreman",),
        ("5^Chase",),
    )
    assert (facts.temporary_location, facts.admitted_at, facts.discharged_at) == (
        "Hall",
        "202611221000",
        "20261123",
    )
    assert gateway.send(*adt("A08", A, **V1, pv1_3='""', pv1_7='""')).field("MSA-1") == "AA"
    (visit,) = gateway.visits("A")
    assert (visit.facts.location, visit.facts.attending, visit.facts.service) == (None, None, "CAR")
    assert visit.trigger == "A01"


def test_nothing_of_a_visit_is_readable_in_the_database(gateway: Any, adt: Adt, tmp_path: Any) -> None:
    gateway.send(*adt("A01", A, **V1, pv1_3="SECRETWARD", pv1_7="1^SECRETDOCTOR"))
    octets = b"".join(path.read_bytes() for path in tmp_path.glob("passerelle.db*"))
    assert b"SECRET" not in octets
    assert gateway.visits("A")[0].facts.location == "SECRETWARD"


def test_the_account_stands_for_a_visit_without_number(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A04", A, pid_5="Doe", pid_18="ACC-1^^^ANICPA"))
    assert [visit.number for visit in gateway.visits("A")] == ["ACC-1^^^ANICPA"]
    assert gateway.send(*adt("A03", A, pid_18="ACC-1^^^ANICPA")).field("MSA-1") == "AA"
    assert gateway.visits("A")[0].state == "finished"


def test_visits_follow_a_merge_and_the_newest_comes_first(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A01", A, **V1))
    gateway.send(*adt("A01", B, **{**V1, "pv1_19": "V2"}))
    gateway.send(*adt("A40", A, merged=B))
    assert {visit.number for visit in gateway.visits("A")} == {"V1^^^HOSP", "V2"}
    before = gateway.state()
    assert refused(gateway.send(*adt("A03", B, **V1))) == ("AE", "204", "PID^1^3^1^1")
    assert gateway.state() == before


def test_a_message_of_no_visit_feeds_the_index_only(gateway: Any, adt: Adt) -> None:
    assert gateway.send(*adt("A08", A, pid_5="Doe", pv1_2="N")).field("MSA-1") == "AA"
    assert gateway.record("A") is not None
    assert gateway.visits("A") == []


@pytest.mark.parametrize("trigger", ["A02", "A03", "A06", "A11", "A15", "A21", "A54"])
def test_movements_tell_nothing_of_the_person(gateway: Any, adt: Adt, trigger: str) -> None:
    gateway.send(*adt("A01", A, **V1))
    gateway.send(*adt(trigger, A, **{**V1, "pid_5": "Other^Name"}))
    assert gateway.demographics("A").name.family == "Doe"
    before = gateway.state()
    assert refused(gateway.send(*adt(trigger, C, **V1))) == ("AE", "204", "PID^1^3^1^1")
    assert gateway.state() == before


# --- movements with an id ------------------------------------------------------------------------


def test_a_movement_is_cancelled_by_its_id(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A01", A, zbe=zbe("M1"), pv1_3="First", **V1))
    gateway.send(*adt("A02", A, zbe=zbe("M2"), pv1_3="Second", **V1))
    gateway.send(*adt("A02", A, zbe=zbe("M3"), pv1_3="Third", **V1))
    for number in ("M1", "M2", "M9"):
        before = gateway.state()
        answer = gateway.send(*adt("A12", A, zbe=zbe(number, "CANCEL", "A02"), **V1))
        assert refused(answer) == ("AE", "204", "ZBE^1^1")
        assert gateway.state() == before
    for number, location in (("M3", "Second"), ("M2", "First")):
        answer = gateway.send(*adt("A12", A, zbe=zbe(number, "CANCEL", "A02"), **V1))
        assert answer.field("MSA-1") == "AA"
        assert gateway.visits("A")[0].facts.location == location
    assert gateway.visits("A")[0].movement == "M1^KIS"


def test_a_movement_is_corrected(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A01", A, zbe=zbe("M1"), pv1_3="First", **V1))
    gateway.send(*adt("A02", A, zbe=zbe("M2"), pv1_3="Secnod", **V1))
    answer = gateway.send(*adt("Z99", A, zbe=zbe("M2", "UPDATE", "A02"), pv1_3="Second", **V1))
    assert answer.field("MSA-1") == "AA"
    visit = gateway.visits("A")[0]
    assert (visit.facts.location, visit.movement, visit.trigger) == ("Second", "M2^KIS", "A02")
    gateway.send(*adt("Z99", A, zbe=zbe("M1", "UPDATE", "A01", "Y"), pv1_3="Frist", **V1))
    assert gateway.visits("A")[0].facts.location == "Second"
    answer = gateway.send(*adt("Z99", A, zbe=zbe("M9", "UPDATE", "A02"), **V1))
    assert refused(answer) == ("AE", "204", "ZBE^1^1")
    gateway.send(*adt("A12", A, zbe=zbe("M2", "CANCEL", "A02"), **V1))
    assert gateway.visits("A")[0].facts.location == "First"


def test_what_happened_before_does_not_change_how_it_stands(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A01", A, zbe=zbe("M1"), pv1_3="First", **V1))
    gateway.send(*adt("A02", A, zbe=zbe("M0", historic="Y"), pv1_3="Before", **V1))
    visit = gateway.visits("A")[0]
    assert (visit.facts.location, visit.movement) == ("First", "M1^KIS")


def test_the_same_movement_is_not_inserted_twice(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A01", A, zbe=zbe("M1"), **V1))
    before = gateway.state()
    assert refused(gateway.send(*adt("A02", A, zbe=zbe("M1"), **V1))) == ("AE", "205", "ZBE^1^1")
    assert gateway.state() == before


@pytest.mark.parametrize(
    ("trigger", "segment", "expected"),
    [
        ("A01", "|20261122||INSERT|N", ("AE", "101", "ZBE^1^1")),
        ("A01", "M1|||INSERT|N", ("AE", "101", "ZBE^1^2")),
        ("A01", "M1|2026-11||INSERT|N", ("AE", "102", "ZBE^1^2")),
        ("A01", "M1|20261122|x|INSERT|N", ("AE", "102", "ZBE^1^3")),
        ("A01", "M1|20261122|||N", ("AE", "101", "ZBE^1^4")),
        ("A01", "M1|20261122||CANCEL|N", ("AE", "103", "ZBE^1^4")),
        ("A01", "M1|20261122||DELETE|N", ("AE", "103", "ZBE^1^4")),
        ("A01", "M1|20261122||INSERT", ("AE", "101", "ZBE^1^5")),
        ("A01", "M1|20261122||INSERT|X", ("AE", "103", "ZBE^1^5")),
        ("A11", "M1|20261122||INSERT|N", ("AE", "103", "ZBE^1^4")),
        ("A11", "M1|20261122||CANCEL|N", ("AE", "101", "ZBE^1^6")),
        ("A11", "M1|20261122||CANCEL|N|A02", ("AE", "103", "ZBE^1^6")),
        ("Z99", "M1|20261122||INSERT|N", ("AE", "103", "ZBE^1^4")),
        ("Z99", "M1|20261122||UPDATE|N", ("AE", "101", "ZBE^1^6")),
        ("Z99", "M1|20261122||UPDATE|N|A11", ("AE", "103", "ZBE^1^6")),
        ("Z99", None, ("AE", "100", "ZBE")),
        ("A01", "M1|20261122||INSERT|N\rZBE|M2|20261122||INSERT|N", ("AE", "100", "ZBE")),
    ],
)
def test_zbe(
    gateway: Any, adt: Adt, trigger: str, segment: str | None, expected: tuple[str, str, str]
) -> None:
    given = V1 if segment is None else {**V1, "zbe": segment}
    assert refused(gateway.send(*adt(trigger, A, **given))) == expected
    assert gateway.state() == EMPTY


# --- accounts of the wrong patient ---------------------------------------------------------------


def test_a_visit_goes_over_to_the_right_patient(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A01", A, **V1, pv1_3="Ward"))
    gateway.send(*adt("A01", B, **{**V1, "pv1_19": "V2"}))
    answer = gateway.send(*adt("A44", B, merged=A, mrg_3="V1^^^HOSP"))
    assert answer.field("MSA-1") == "AA"
    assert [visit.state for visit in gateway.visits("A")] == ["cancelled"]
    moved = next(visit for visit in gateway.visits("B") if visit.number == "V1^^^HOSP")
    assert moved.facts.location == "Ward"
    assert audited(gateway)[-1] == ("ITI-31", "U")


@pytest.mark.parametrize(
    ("to", "wrong", "account", "expected"),
    [
        (B, A, "", ("AE", "101", "MRG^1^3")),
        (C, A, "V1^^^HOSP", ("AE", "204", "PID^1^3^1^1")),
        (B, A, "V1^^^HOSP", ("AE", "205", "MRG^1^3")),
        (B, "L^^^LOCAL", "V1^^^HOSP", ("AE", "204", "MRG^1^1^1^4")),
    ],
)
def test_accounts_that_do_not_move(
    gateway: Any, adt: Adt, to: str, wrong: str, account: str, expected: tuple[str, str, str]
) -> None:
    for patient in (A, B):
        gateway.send(*adt("A01", patient, **V1))
    before = gateway.state()
    assert refused(gateway.send(*adt("A44", to, merged=wrong, mrg_3=account))) == expected
    assert gateway.state() == before


def test_an_account_nobody_told_of_has_nothing_to_move(gateway: Any, adt: Adt) -> None:
    for patient in (A, B):
        gateway.send(*adt("A04", patient, **V1))
    before = gateway.state()
    assert gateway.send(*adt("A44", B, merged=A, mrg_3="V9")).field("MSA-1") == "AA"
    assert gateway.state() == before


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "given", "expected"),
    [
        ("A01", {"pv1_19": ""}, ("AE", "101", "PV1^1^19")),
        ("A01", {"pv1_2": ""}, ("AE", "101", "PV1^1^2")),
        ("A01", {"pv1_2": "X"}, ("AE", "103", "PV1^1^2")),
        ("A01", {"pv1_44": "20261301"}, ("AE", "102", "PV1^1^44")),
        ("A03", {"pv1_45": "x"}, ("AE", "102", "PV1^1^45")),
        ("A01", {"pv1_3": "x" * 1_001}, ("AE", "102", "PV1^1^3")),
        ("A01", {"pv1_7": "1~" + "x" * 1_001}, ("AE", "102", "PV1^1^7^2")),
        ("A01", {"pv1_19": "x" * 513}, ("AE", "102", "PV1^1^19")),
        ("A04", {"pid_5": ""}, ("AE", "101", "PID^1^5")),
        ("A15", {"pv1_42": ""}, ("AE", "101", "PV1^1^42")),
    ],
)
def test_fields_that_are_refused(
    gateway: Any, adt: Adt, trigger: str, given: dict[str, str], expected: tuple[str, str, str]
) -> None:
    assert refused(gateway.send(*adt(trigger, A, **{**V1, **given}))) == expected
    assert gateway.state() == EMPTY


@pytest.mark.parametrize("trigger", ["A15", "A26"])
def test_a_pending_transfer_tells_when(gateway: Any, adt: Adt, trigger: str) -> None:
    head, _, *rest = adt(trigger, A, **V1)
    assert refused(gateway.send(head, "EVN||20261122", *rest)) == ("AE", "101", "EVN^1^3")


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_v2_09_identifiers_of_nobody_and_of_other_domains(gateway: Any, adt: Adt, trigger: str) -> None:
    more = {"merged": B, "mrg_3": "V1"} if trigger in {"A40", "A44"} else V1
    if trigger == "Z99":
        more = {**V1, "zbe": zbe("M1", "UPDATE", "A01")}
    for patient, expected in (
        ("", ("AE", "101", "PID^1^3")),
        ("X^^^&2.999.9.9&ISO", ("AE", "204", "PID^1^3^1^4")),
        ("A^^^PASSERELLE&2.999.9.9&ISO", ("AE", "204", "PID^1^3^1^4")),
    ):
        assert refused(gateway.send(*adt(trigger, patient, **more))) == expected
    assert gateway.state() == EMPTY


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_v2_06_and_08_octets_and_repetitions(gateway: Any, adt: Adt, trigger: str) -> None:
    given = {"merged": B, "mrg_3": "V1"} if trigger in {"A40", "A44"} else V1
    segments = adt(trigger, A, **given)
    body = "\r".join((*segments, "NTE|1||é")).encode("latin-1")
    assert b"ERR||MSH^1^18|102^" in b"".join(gateway.sealed(body).pieces)
    wide = gateway.send(*segments, "NTE|1||" + "x~" * 20_000)
    assert (wide.field("MSA-1"), wide.value("ERR-3.1")) == ("AE", "102")
    assert "protocol-abuse" in gateway.audit()[-1].message
    assert gateway.state() == EMPTY


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ADT^A02^ADT_A02", "ADT^A02^ADT_A01", ("AR", "200", "MSH^1^9^1^3")),
        ("ADT^A02^ADT_A02", "ADT^A60^ADT_A60", ("AR", "201", "MSH^1^9^1^2")),
        ("ADT^A02^ADT_A02", "MDM^T01^MDM_T01", ("AR", "200", "MSH^1^9^1^1")),
        ("|P|2.5|", "|P|2.7|", ("AR", "203", "MSH^1^12")),
    ],
)
def test_v2_07_headers_that_are_not_served(
    gateway: Any, adt: Adt, old: str, new: str, expected: tuple[str, str, str]
) -> None:
    head, *rest = adt("A02", A, **V1)
    assert refused(gateway.send(head.replace(old, new), *rest)) == expected


def test_v2_10_a_repeated_movement_counts_once(gateway: Any, adt: Adt) -> None:
    gateway.send(*adt("A01", A, **V1))
    message = adt("A02", A, control="SAME", **V1)
    first = gateway.octets(*message)
    assert gateway.octets(*message) == first
    assert gateway.count("visit") == 2


class TestSourceOfOneDomain:
    """Visits hang on identifiers of the node's own domains."""

    @pytest.fixture
    def node(self, node: str) -> str:
        return f'{node}feeds = ["2.999.2.2"]\n'

    def test_other_domains(self, gateway: Any, adt: Adt) -> None:
        assert gateway.send(*adt("A01", f"{A}~L^^^LOCAL", **V1)).field("MSA-1") == "AA"
        assert gateway.record("A") is None
        assert len(gateway.visits("L", "2.999.2.2")) == 1
        before = gateway.state()
        assert refused(gateway.send(*adt("A02", A, **V1))) == ("AE", "204", "PID^1^3^1^4")
        assert gateway.state() == before
