"""Persons with the visit that fits, from what encounter messages told (ITI TF-2 3.22.4.2.2)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

Query = Callable[..., list[str]]
Feed = Callable[..., None]
LAB = "2.999.3.1"
DOE = "@PID.5.1^Doe"


def status(answer: Any) -> tuple[str, str, str, str]:
    """MSA-1, QAK-2, ERR-2, ERR-3.1."""
    return answer.field("MSA-1"), answer.field("QAK-2"), answer.field("ERR-2"), answer.raw("ERR-3.1")


def found(answer: Any) -> list[tuple[str, str]]:
    """CX.1 of PID-3, and PV1-19, of each pair."""
    assert answer.segments("PID") == answer.segments("PV1")
    count = range(1, answer.segments("PID") + 1)
    return [(answer.raw(f"PID[{at}]-3.1"), answer.field(f"PV1[{at}]-19")) for at in count]


@pytest.fixture
def pdvq(query: Query) -> Query:
    return lambda *parameters, **given: query(*parameters, trigger="ZV1", **given)


NUMBERS = itertools.count(1)


@pytest.fixture
def visit(gateway: Any) -> Callable[..., None]:
    """visit("A01", "A1", "V1", pv1_3="W1^1"): an encounter message of version 2.5."""

    def tell(trigger: str, patient: str, number: str, family: str = "Doe", **given: str) -> None:
        fields = ["PV1", *[""] * 50]
        for name, value in {"pv1_2": "I", "pv1_19": number, **given}.items():
            fields[int(name.removeprefix("pv1_"))] = value
        structure = {"A11": "ADT_A09", "A02": "ADT_A02"}.get(trigger, "ADT_A01")
        answer = gateway.send(
            f"MSH|^~\\&|KIS|HOSP|REG|DOM|20261122||ADT^{trigger}^{structure}|V-{next(NUMBERS)}|P|2.5"
            "||||||UNICODE UTF-8",
            "EVN||20261122",
            f"PID|||{patient}^^^&2.999.1.1&ISO||{family}^{patient}||19700102|M",
            "|".join(fields).rstrip("|"),
        )
        assert answer.field("MSA-1") == "AA", answer.octets

    return tell


@pytest.fixture
def ward(visit: Callable[..., None]) -> None:
    visit(
        "A01",
        "A1",
        "V1^^^HOSP",
        pv1_3="W1^12^B",
        pv1_7="D1^Müller^Anne~D2^Weber",
        pv1_8="R1^Roth",
        pv1_9="C1^Cohn",
        pv1_10="CAR",
        pv1_17="X1^Xu",
        pv1_44="202611211030",
    )
    visit("A04", "A2", "V2", pv1_2="O", pv1_3="OPD")


@pytest.mark.usefixtures("ward")
def test_each_person_has_a_visit(gateway: Any, pdvq: Query) -> None:
    answer = gateway.send(*pdvq(DOE))
    assert status(answer) == ("AA", "OK", "", "")
    assert answer.field("MSH-9") == "RSP^ZV2^RSP_ZV2"
    assert found(answer) == [("A1", "V1^^^HOSP"), ("A2", "V2")]
    assert answer.sent("PV1") == (
        "PV1||I|W1^12^B||||D1^Müller^Anne~D2^Weber|R1^Roth|C1^Cohn|CAR|||||||X1^Xu||V1^^^HOSP"
        "|||||||||||||||||||||||||202611211030|||||||V"
    )


@pytest.mark.usefixtures("ward")
@pytest.mark.parametrize(
    "wanted",
    [
        ("@PV1.2^I",),
        ("@PV1.2.1^I",),
        ("@PV1.3^W1",),
        ("@PV1.3.1.1^W1", "@PV1.3.2^12"),
        ("@PV1.7.1^D1", "@PV1.7.2.1^muller"),
        ("@PV1.7.2^MÜL*",),
        ("@PV1.7.2^Weber",),
        ("@PV1.8.1^R1",),
        ("@PV1.9.2^Cohn",),
        ("@PV1.10^CAR",),
        ("@PV1.17.1^X1",),
        ("@PV1.19.1^V1",),
        ("@PV1.19.1^V1", "@PV1.19.4.1^HOSP"),
        ("@PV1.7.1^D1", "@PV1.7.1^D2"),
    ],
)
def test_who_has_no_such_visit_is_left_out(gateway: Any, pdvq: Query, wanted: Sequence[str]) -> None:
    assert found(gateway.send(*pdvq(DOE, *wanted))) == [("A1", "V1^^^HOSP")]


@pytest.mark.usefixtures("ward")
@pytest.mark.parametrize(
    "wanted",
    [
        ("@PV1.2^E",),
        ("@PV1.3^w1",),
        ("@PV1.7.1^D1", "@PV1.7.2^Weber"),
        ("@PV1.2^O", "@PV1.3^W1"),
        ("@PV1.19.1^V",),
        ("@PV1.19.1^V1", "@PV1.19.4.1^OTHER"),
    ],
)
def test_nobody_has_such_a_visit(gateway: Any, pdvq: Query, wanted: Sequence[str]) -> None:
    answer = gateway.send(*pdvq(DOE, *wanted))
    assert (status(answer), found(answer)) == (("AA", "NF", "", ""), [])


def test_of_whom_no_visit_is_known_none_is_told(gateway: Any, feed: Feed, pdvq: Query) -> None:
    feed("A1", pid_5="Doe^Jo", pid_7="19700102", pid_8="M")
    answer = gateway.send(*pdvq(DOE))
    assert found(answer) == [("A1", "")]
    assert answer.sent("PV1") == "PV1||N"
    assert found(gateway.send(*pdvq(DOE, "@PV1.2^N"))) == []


def test_the_newest_visit_that_stands_is_told(gateway: Any, visit: Callable[..., None], pdvq: Query) -> None:
    visit("A01", "A1", "V1", pv1_3="W1")
    visit("A02", "A1", "V1", pv1_3="W2")
    assert gateway.send(*pdvq(DOE)).field("PV1-3") == "W2"
    visit("A01", "A3", "V3")
    visit("A11", "A3", "V3")
    assert found(gateway.send(*pdvq(DOE))) == [("A1", "V1"), ("A3", "")]
    assert found(gateway.send(*pdvq(DOE, "@PV1.2^I"))) == [("A1", "V1")]


@pytest.mark.usefixtures("ward")
def test_the_visits_of_a_merged_identifier_are_the_survivors(
    gateway: Any, adt: Callable[..., Sequence[str]], pdvq: Query
) -> None:
    merged = adt("A40", "A2^^^&2.999.1.1&ISO", "A1^^^&2.999.1.1&ISO")
    assert gateway.send(*merged).field("MSA-1") == "AA"
    assert found(gateway.send(*pdvq(DOE, "@PV1.19.1^V1"))) == [("A2", "V1^^^HOSP")]


@pytest.mark.usefixtures("ward")
def test_a_visit_of_an_identity_that_is_not_named_is_not_told(gateway: Any, feed: Feed, pdvq: Query) -> None:
    feed("A1", lab="L1", pid_5="Doe^A1", pid_7="19700102", pid_8="M")
    answer = gateway.send(*pdvq(DOE, "@PID.5.2^A1", targets="^^^LAB"))
    assert found(answer) == [("L1", "")]


@pytest.mark.parametrize(
    ("parameter", "place", "code"),
    [
        ("@PV1.4^R", "QPD^1^3^2^1", "103"),
        ("@PV1.3.10^x", "QPD^1^3^2^1", "103"),
        ("@PV1.2^X", "QPD^1^3^2^2", "103"),
        ("@PV2.3^x", "QPD^1^3^2^1", "103"),
        ("@PID.9^x", "QPD^1^3^2^1", "103"),
        ("@PV1.3^", "QPD^1^3^2^2", "101"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    gateway: Any, pdvq: Query, parameter: str, place: str, code: str
) -> None:
    answer = gateway.send(*pdvq(DOE, parameter))
    assert answer.field("MSH-9") == "RSP^ZV2^RSP_ZV2"
    assert status(answer) == ("AE", "AE", place, code)


def test_an_unknown_domain_is_refused(gateway: Any, pdvq: Query) -> None:
    assert status(gateway.send(*pdvq(DOE, targets="^^^NOWHERE"))) == ("AE", "AE", "QPD^1^8^1", "204")


def test_an_answer_comes_in_parts(gateway: Any, visit: Callable[..., None], pdvq: Query) -> None:
    """Who has no such visit takes no place in a part."""
    for number in range(1, 6):
        visit("A04" if number % 2 else "A01", f"A{number}", f"V{number}", pv1_2="O" if number % 2 else "I")
    first = gateway.send(*pdvq(DOE, "@PV1.2^O", rcp="2^RD"))
    assert found(first) == [("A1", "V1"), ("A3", "V3")]
    second = gateway.send(*pdvq(DOE, "@PV1.2^O", rcp="2^RD", pointer=first.field("DSC-1")))
    assert (found(second), second.segments("DSC")) == ([("A5", "V5")], 0)


def test_the_audit_has_the_query(gateway: Any, pdvq: Query) -> None:
    gateway.send(*pdvq(DOE))
    row = gateway.audit()[-1]
    assert (row.transaction, row.outcome) == ("ITI-22", 0)
    assert 'csd-code="ITI-22"' in row.message
