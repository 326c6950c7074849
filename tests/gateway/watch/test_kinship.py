"""What directory and index tell of a professional and a patient, and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.record.demographics import Address, Demographics, PersonName
from gateway.record.people import PatientId
from gateway.watch.event import Kin, Subject
from gateway.watch.kinship import Home, OwnRecord, Relatives, kin_of
from gateway.watch.rule import Memory

HOME = Home(
    family="Weber",
    given="Anne Marie",
    numbers=frozenset({"1970010112345"}),
    addresses=("12, rue de la Gare$L-1234 Luxembourg$LUXEMBOURG",),
)


def patient(family: str, given: str, *lines: str, postcode: str = "1234", use: str = "") -> Demographics:
    address = (Address(lines=lines, postcode=postcode, city="Luxembourg", use=use),) if lines else ()
    return Demographics(names=(PersonName(family=family, given=(given,)),), addresses=address)


@pytest.mark.parametrize(
    ("told", "kin"),
    [
        (patient("WEBER", "Anne"), Kin.SELF_NAME),
        (patient("Wéber", "Paul"), Kin.FAMILY),
        (patient("Schmit", "Paul"), None),
        (patient("Schmit", "Paul", "rue de la gare 12"), Kin.HOUSEHOLD),
        (patient("Schmit", "Paul", "12 Rue de la Gare", postcode="L-1234"), Kin.HOUSEHOLD),
        (patient("Schmit", "Paul", "14, rue de la Gare"), None),
        (patient("Schmit", "Paul", "12, rue de la Gare", postcode="4321"), None),
        (patient("Schmit", "Paul", "12, rue de la Gare", use="B"), None),
        (Demographics(), None),
        (Demographics(identifiers=(PatientId("1970010112345", "1.3.182.4.4"),)), Kin.SELF_NUMBER),
    ],
)
def test_the_closest_thing_in_common(told: Demographics, kin: Kin | None) -> None:
    assert kin_of(HOME, told, ()) is kin


def test_a_directory_that_says_nothing_private_finds_nobody() -> None:
    assert kin_of(Home(family=""), patient("", "", "12, rue de la Gare"), ()) is None
    assert kin_of(Home(family="Weber"), patient("Weber", "Anne"), ()) is Kin.FAMILY


def looked(rule: Any, *events: Any) -> list[str]:
    memory: Memory = {}
    found = []
    for each in events:
        subject = rule.subject(each)
        if subject is not None and (one := rule.look(memory, each, subject)) is not None:
            found.append(one.explanation)
    return found


def test_the_own_record_is_told_once_a_day(seen: Any) -> None:
    own = [seen(hours=each, kin=(Kin.SELF_NAME,), patients=(1,)) for each in (0, 1, 24)]
    assert len(looked(OwnRecord(), *own)) == 2
    assert looked(OwnRecord(), seen(kin=(Kin.SELF_NUMBER,), person=Subject("patient", "0f"))) == []


def test_patients_of_the_own_name_are_told_from_three_on(seen: Any) -> None:
    rule = Relatives(limit=3)
    family = [seen(minutes=each, kin=(Kin.FAMILY,), patients=(each,)) for each in range(3)]
    assert looked(rule, *family[:2], family[1]) == []
    (text,) = looked(rule, *family)
    assert "3 records of patients of the own family name" in text
    spread = [seen(days=each, kin=(Kin.FAMILY,), patients=(each,)) for each in range(9)]
    assert looked(rule, *spread) == []


def test_somebody_at_the_own_address_is_told_at_once(seen: Any) -> None:
    (text,) = looked(Relatives(limit=3), seen(kin=(Kin.HOUSEHOLD,), patients=(1,)))
    assert "home address" in text
