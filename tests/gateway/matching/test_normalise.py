"""Marks, case, particles, roads, phones and dates."""

from __future__ import annotations

import pytest

from gateway.matching.normalise import (
    StopList,
    date_digits,
    family_tokens,
    fold,
    given_tokens,
    phone_digits,
    plain,
    postcode_of,
    road_of,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Müller-Weiß", "muller weiss"),
        ("SØRENSEN  Łukasz", "sorensen lukasz"),
        ("Œuvre Æbler", "oeuvre aebler"),
        ("Gonçalves", "goncalves"),
        ("O’Brien", "o brien"),  # noqa: RUF001
        ("İnci", "inci"),
        ("ﬁnk", "fink"),
        ("Иванов", "иванов"),
        (" ,;- ", ""),
    ],
)
def test_folds(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize("text", ["Müller", "Mueller", "MULLER", "Mu\u0308ller"])
def test_an_umlaut_is_its_vowel_however_it_is_written(text: str) -> None:
    assert plain(text) == "muller"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("da Silva Santos", ("silva", "santos")),
        ("van den Berg", ("berg",)),
        ("D'Angelo", ("angelo",)),
        ("El Amrani", ("amrani",)),
        ("Ben", ("ben",)),
        ("", ()),
    ],
)
def test_family_names_stand_without_particles(text: str, words: tuple[str, ...]) -> None:
    assert family_tokens(text) == words


def test_a_particle_of_families_may_be_a_given_name() -> None:
    assert given_tokens("Ben Maria da Luz") == ("ben", "maria", "luz")


@pytest.mark.parametrize("text", ["L-1234", "l 1234", "1234", "LU-1234", "L1234"])
def test_a_postcode_has_no_country(text: str) -> None:
    assert postcode_of(text) == "1234"


def test_a_foreign_postcode_keeps_its_letters() -> None:
    assert postcode_of("SW1A 1AA") == "sw1a1aa"


@pytest.mark.parametrize(
    "line", ["12, rue de la Gare", "rue de la Gare 12", "12 r. de la gare", "12, Avenue de la Gare"]
)
def test_a_road_is_its_name(line: str) -> None:
    assert road_of(line) == ("gare", "12")


@pytest.mark.parametrize("line", ["Bahnhofstraße 7a", "Bahnhofstr. 7a", "Bahnhof Strasse 7A"])
def test_a_road_ends_in_no_strasse(line: str) -> None:
    assert road_of(line) == ("bahnhof", "7a")


def test_a_road_that_has_no_other_name_keeps_it() -> None:
    assert road_of("Am Weg") == ("am", "")
    assert road_of("") == ("", "")


STOP = StopList(
    dialling=("352",), phones=frozenset({"12345678"}), new_year_step=10, dates=frozenset({"19000101"})
)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("+352 621 123 457", "21123457"),
        ("00352621123457", "21123457"),
        ("621 12 34 57", "21123457"),
        ("+352 26 12 34", "261234"),
        ("26-12-34", "261234"),
        ("+33 6 11 22 33 44", "11223344"),
        ("06 11 22 33 44", "11223344"),
        ("12345", ""),
        ("99999999", ""),
        ("12345678", ""),
        ("", ""),
    ],
)
def test_a_phone_is_its_last_digits(text: str, digits: str) -> None:
    assert phone_digits(text, STOP) == digits


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("19850317", "19850317"),
        ("198503170930", "19850317"),
        ("198503", "198503"),
        ("1985", "1985"),
        ("19850300", "198503"),
        ("19850000", "1985"),
        ("1985-03", ""),
        ("19850", ""),
        ("", ""),
    ],
)
def test_a_date_is_known_to_day_month_or_year(text: str, digits: str) -> None:
    assert date_digits(text) == digits


@pytest.mark.parametrize(
    ("date", "placeholder"),
    [("19800101", True), ("19850101", False), ("19800102", False), ("19000101", True), ("1980", False)],
)
def test_the_first_day_of_a_round_year_is_a_placeholder(date: str, *, placeholder: bool) -> None:
    assert STOP.holds_date(date) is placeholder


def test_no_day_is_a_placeholder_unless_told() -> None:
    assert not StopList().holds_date("19800101")
