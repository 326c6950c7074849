"""Names that sound alike share a code."""

from __future__ import annotations

import pytest

from gateway.matching.phonetics import hear_family, hear_given, sounds


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("schmitt", "schmidt"),
        ("hoffmann", "hofmann"),
        ("meyer", "maier"),
        ("ferreira", "fereira"),
        ("dupont", "dupond"),
        ("weber", "veber"),
        ("thill", "till"),
    ],
)
def test_sound_alike(one: str, other: str) -> None:
    assert set(sounds(one)) & set(sounds(other))


def test_another_script_stands_for_itself() -> None:
    assert sounds("иванов") == ("иванов",)


def test_a_cedilla_is_heard() -> None:
    assert hear_family("Gonçalves")[0] == ("goncalves", hear_family("Gonsalves")[0][1])


def test_codes_have_four_and_three_letters_and_no_twice() -> None:
    assert hear_family("Wagner-Mongelli") == (("wagner", ("AKNR", "FKNR")), ("mongelli", ("MNJL", "MNKL")))
    assert hear_given("Sebastian") == (("sebastian", ("SPS",)),)
