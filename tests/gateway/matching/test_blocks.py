"""Rows find the same person, and give nothing away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.matching import Traits
from gateway.matching.blocks import DIRECT, NAMED, Row, rows_of, wanted_of

Person = Callable[..., Traits]
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
HOME = ("4001", "3, rue du Brill")


def rows(one: Traits, key: bytes = KEY) -> frozenset[Row]:
    return rows_of(wanted_of(one, key))


def meet(one: Traits, other: Traits) -> bool:
    """Either finds the other, or neither does."""
    found = any(wanted_of(one, KEY).covers(row) for row in rows(other))
    assert found == any(wanted_of(other, KEY).covers(row) for row in rows(one))
    return found


def test_all_numbers_fit_their_columns(person: Person) -> None:
    found = rows(person(home=HOME, phone="26123456"))
    assert found
    for row in found:
        assert all(-(2**63) <= number < 2**63 for number in (row.token, row.marks.families, row.marks.givens))
        assert all(0 <= number < 2**31 for number in (row.marks.place, row.marks.year, row.marks.day))


def test_depend_on_the_key(person: Person) -> None:
    one, other = ({row.token for row in rows(person(), key)} for key in (KEY, OTHER_KEY))
    assert one.isdisjoint(other)


def test_equal_traits_have_equal_rows(person: Person) -> None:
    one, other = (
        person(family="Müller", home=HOME),
        person(family="MUELLER", home=("L-4001", "rue du Brill 3")),
    )
    assert rows(one) == rows(other)


def test_one_birthday_is_not_enough(person: Person) -> None:
    """Whoever shares the row of a day, and nothing that is marked, is passed over."""
    one, other = person(home=HOME), person("Zimmer", "Rui", home=("1234", "1, rue X"))
    assert {row.token for row in rows(one)} & {row.token for row in rows(other)}
    assert not meet(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"matricule": "1990010112385"}, {"family": "Costa", "given": "Rui", "matricule": "1990010112385"}),
        ({"phone": "26123456"}, {"family": "Costa", "given": "Rui", "born": "19700202", "phone": "26123456"}),
        ({}, {"given": "Rui"}),
        ({}, {"family": "Costa"}),
        ({"family": "Weber"}, {"family": "Veber", "given": "Rui"}),
        ({"family": "Gonçalves"}, {"family": "Gonsalves", "given": "Rui"}),
        ({"home": HOME}, {"family": "Costa", "given": "Rui", "home": HOME}),
        ({}, {"family": "Sophie", "given": "Reuter"}),
        ({}, {"born": "19851703"}),
        ({}, {"born": "1985"}),
        ({}, {"born": "19580317"}),
        ({"home": HOME}, {"born": None, "home": HOME}),
        ({"mother": "M1"}, {"family": "Costa", "given": "Bebe", "born": "19850319", "mother": "M1"}),
        ({"given": "Bebe"}, {"family": "Costa", "given": "Bebe"}),
        ({"family": "Weber", "other_family": "Costa"}, {"family": "Costa", "given": "Rui"}),
    ],
)
def test_meet(person: Person, one: dict[str, str], other: dict[str, str]) -> None:
    assert meet(person(**one), person(**other))


def test_strangers_do_not_meet(person: Person) -> None:
    assert not meet(person(home=HOME), person("Costa", "Rui", "19700202", "M", home=("1234", "1, rue X")))


@pytest.mark.parametrize("status", ["FICT", "ANOM", "CACH", "USUR", "INVA", "DESA"])
def test_who_is_nobody_has_none(person: Person, status: str) -> None:
    nobody = person(status=status)
    assert rows(nobody) == frozenset()
    assert wanted_of(nobody, KEY).tokens == ()


def test_are_few(person: Person) -> None:
    usual = person(home=HOME, phone="26123456", matricule="1990010112385")
    assert len(rows(usual)) <= 4
    wanted = wanted_of(usual, KEY)
    assert len(wanted.direct) <= DIRECT
    assert len(wanted.named) <= NAMED
