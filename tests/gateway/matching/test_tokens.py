"""Tokens find the same person, and give nothing away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.matching import Traits, blocking_tokens

Person = Callable[..., Traits]
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
HOME = ("4001", "3, rue du Brill")


def meet(one: Traits, other: Traits) -> bool:
    return not blocking_tokens(one, KEY).isdisjoint(blocking_tokens(other, KEY))


def test_are_signed_64_bit_numbers(person: Person) -> None:
    tokens = blocking_tokens(person(home=HOME, phone="26123456"), KEY)
    assert tokens
    assert all(-(2**63) <= token < 2**63 for token in tokens)


def test_depend_on_the_key(person: Person) -> None:
    assert blocking_tokens(person(), KEY).isdisjoint(blocking_tokens(person(), OTHER_KEY))


def test_equal_traits_have_equal_tokens(person: Person) -> None:
    one, other = (
        person(family="Müller", home=HOME),
        person(family="MUELLER", home=("L-4001", "rue du Brill 3")),
    )
    assert blocking_tokens(one, KEY) == blocking_tokens(other, KEY)


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
    assert blocking_tokens(nobody, KEY) == frozenset()


def test_are_few(person: Person) -> None:
    usual = person(home=HOME, phone="26123456", matricule="1990010112385")
    assert len(blocking_tokens(usual, KEY)) <= 10
