"""Each level of each trait, and that the order of the two does not matter."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.matching import Levels, Traits, compare
from gateway.matching.compare import LEVELS
from gateway.record.people import PatientId

Person = Callable[..., Traits]
HOME = ("4001", "3, rue du Brill")


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("Ferreira", "FERREIRA", 0),
        ("Silva Santos", "Santos-Silva", 0),
        ("da Silva", "Silva", 0),
        ("Silva Santos", "Santos", 1),
        ("Desmet", "De Smet", 1),
        ("Schmitt", "Schmidt", 2),
        ("Silva Santos", "Silva Costa", 2),
        ("Weber", "Veber", 2),
        ("Thill", "Tihlo", 3),
        ("Weber", "Costa", 4),
        ("", "Costa", -1),
    ],
)
def test_family(person: Person, one: str, other: str, level: int) -> None:
    assert compare(person(family=one), person(family=other)).family == level


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("Anna Maria", "Anna Maria", 0),
        ("Anna Maria", "Anna", 1),
        ("Anna", "Anne", 2),
        ("J", "Jean", 2),
        ("Sophie", "Soohie", 2),
        ("Luc", "Lux", 3),
        ("Luc", "Marc", 4),
        ("", "Marc", -1),
    ],
)
def test_given(person: Person, one: str, other: str, level: int) -> None:
    assert compare(person(given=one), person(given=other)).given == level


def test_a_maiden_name_is_a_name(person: Person) -> None:
    married, before = person(family="Weber", other_family="Costa"), person(family="Costa")
    assert compare(married, before).family == compare(before, married).family == 1


def test_names_in_each_others_place(person: Person) -> None:
    levels = compare(person(family="Reuter", given="Sophie"), person(family="Sophie", given="Reuter"))
    assert (levels.family, levels.given) == (5, 5)


def test_half_swapped_is_not_swapped(person: Person) -> None:
    levels = compare(person(family="Reuter", given="Sophie"), person(family="Sophie", given="Paul"))
    assert (levels.family, levels.given) == (4, 4)


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("19850317", "19850317", 0),
        ("19850304", "19850403", 1),
        ("19850317", "19850318", 1),
        ("19850317", "19853017", 1),
        ("19850317", "19850325", 2),
        ("19850317", "19920317", 2),
        ("19850317", "19850101", 2),
        ("19850317", "1985", 2),
        ("198503", "198503", 2),
        ("19850317", "1986", 3),
        ("19850317", "19920318", 3),
        (None, "19850317", -1),
    ],
)
def test_birth_date(person: Person, one: str | None, other: str, level: int) -> None:
    assert compare(person(born=one), person(born=other)).birth_date == level


@pytest.mark.parametrize(("one", "other", "level"), [("F", "F", 0), ("F", "M", 1), ("F", "O", -1)])
def test_sex(person: Person, one: str, other: str, level: int) -> None:
    assert compare(person(sex=one), person(sex=other)).sex == level


@pytest.mark.parametrize(
    ("other", "level"),
    [
        (("L-4001", "rue du Brill 3"), 0),
        (("4001", "5, rue du Brill"), 1),
        (("4001", "rue du Brill"), 1),
        (("4010", "3, rue du Brill"), 1),  # the place is the same: the code is mistyped
        (("4001", "3, rue de l'Alzette"), 2),
        (("1234", "3, rue de l'Alzette"), 3),
        (None, -1),
    ],
)
def test_address(person: Person, other: tuple[str, str] | None, level: int) -> None:
    assert compare(person(home=HOME), person(home=other)).address == level


@pytest.mark.parametrize(
    ("other", "level"), [("621 000 111", 0), ("621 000 112", 1), ("99999999", -1), (None, -1)]
)
def test_phone(person: Person, other: str | None, level: int) -> None:
    assert compare(person(phone="+352 621 000 111"), person(phone=other)).phone == level


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("1990010112385", "1990010112385", 0),
        ("1990010112385", "2004022900721", 1),
        ("1990010112385", "1990010112386", 2),
        ("1990010112386", "1990010112386", 2),
        ("1990010112385", "1990010112937", -1),  # invalid, and more than a digit away
        ("1990010112385", None, -1),
    ],
)
def test_matricule(person: Person, one: str, other: str | None, level: int) -> None:
    assert compare(person(matricule=one), person(matricule=other)).matricule == level


def test_mother(person: Person) -> None:
    child = person(mother="M1", mothers_maiden_name="Costa")
    assert compare(child, person(mother="M1")).mother == 0
    assert compare(child, person(mothers_maiden_name="da Costa")).mother == 1
    assert compare(child, person(mothers_maiden_name="Weber")).mother == 2
    assert compare(child, person(mother="M2", mothers_maiden_name="Costa")).mother == 3
    assert compare(child, person()).mother == -1


def test_birth_place_and_order(person: Person) -> None:
    child = person(birth_place="Esch", birth_order="1")
    assert compare(child, person(birth_place="ESCH", birth_order="1"))[8:10] == (0, 0)
    assert compare(child, person(birth_place="Ettelbruck", birth_order="2"))[8:10] == (1, 1)
    assert compare(child, person())[8:10] == (-1, -1)


def test_identifier(person: Person) -> None:
    card, own = PatientId("K5", "2.999.8"), PatientId("9", "2.999.9")
    holder = person(identifiers=(card, own))
    assert compare(holder, person(identifiers=(card,))).identifier == 0
    assert compare(holder, person(identity=own)).identifier == 0
    assert compare(person(identity=own), holder).identifier == 0
    assert compare(holder, person(identifiers=(PatientId("K6", "2.999.8"),))).identifier == -1


names = st.lists(
    st.sampled_from(["anna", "anne", "maria", "mria", "j", "jean", "reuter", "ruter"]), max_size=3
)
dates = st.sampled_from(["", "1985", "198503", "19850317", "19851703", "19850101", "19920318"])
people = st.builds(
    lambda family, given_names, other, born, sex, phones, number, street: Traits(
        family=tuple(family),
        given=tuple(given_names),
        family_whole="".join(family),
        other_families=(tuple(other),) if other else (),
        birth_date=born,
        sex=sex,
        phones=frozenset(phones),
        matricule=number,
        postcode="4001",
        street=street,
    ),
    names,
    names,
    names,
    dates,
    st.sampled_from(["", "F", "M"]),
    st.lists(st.sampled_from(["26123456", "26123457"]), max_size=2),
    st.sampled_from([None, "1990010112385", "2004022900721"]),
    st.text("abc", max_size=6),
)


@given(people, people)
def test_the_order_does_not_matter(one: Traits, other: Traits) -> None:
    assert compare(one, other) == compare(other, one)


@given(people, people)
def test_every_level_is_one_of_its_trait(one: Traits, other: Traits) -> None:
    levels = compare(one, other)
    assert all(-1 <= level < count for level, count in zip(levels, LEVELS, strict=True))


@given(people)
def test_a_person_is_like_oneself(one: Traits) -> None:
    levels = compare(one, one)
    assert levels.birth_date in ({0} if one.full_date else {-1, 2})
    assert {levels.family, levels.given, levels.sex, levels.phone, levels.matricule} <= {0, -1}


def test_levels_say_missing_unless_told() -> None:
    assert set(Levels()) == {-1}
