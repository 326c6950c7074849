"""What is taken from an account of a person, and what counts as not told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest

from gateway.matching import MatchModel, Traits, traits_of
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.people import PatientId

Person = Callable[..., Traits]
VALID, INVALID = "1990010112385", "1990010112386"
OWN, NATIONAL = PatientId("7", "2.999.7"), "2.999.352.1"


def test_everything_told_is_normalised(model: MatchModel) -> None:
    told = Demographics(
        names=(
            PersonName(family="Müller-da Costa", given=("Ana", "Luísa")),
            PersonName(family="Weiß", use="M"),
        ),
        birth_date="198503171230",
        sex="F",
        addresses=(
            Address(postcode="9999", lines=("nowhere",), use="BA"),
            Address(postcode="L-4001", lines=("3, rue du Brill",), city="Esch-sur-Alzette", use="H"),
        ),
        telecoms=(Telecom(value="a@b.example", system="email"), Telecom(value="+352 621 000 111")),
        identifiers=(PatientId(VALID, NATIONAL), PatientId("K5", "2.999.8")),
        mothers_identifiers=(PatientId("M1", "2.999.7"),),
        mothers_maiden_name="da Costa",
        birth_place="Differdange",
        multiple_birth="Y",
        birth_order="2",
        status="VALI",
    )
    traits = traits_of(told, OWN, frozenset({NATIONAL}), model.stop)
    assert (traits.family, traits.given, traits.family_whole) == (
        ("muller", "costa"),
        ("ana", "luisa"),
        "mullerdacosta",
    )
    assert traits.other_families == (("weiss",),)
    assert (traits.birth_date, traits.full_date, traits.sex) == ("19850317", "19850317", "F")
    assert (traits.postcode, traits.street, traits.number) == ("4001", "brill", "3")
    assert (traits.locality, traits.phones) == ("esch sur alzette", frozenset({"21000111"}))
    assert (traits.matricule, traits.matricule_invalid) == (VALID, False)
    assert traits.identifiers == {PatientId("K5", "2.999.8")}
    assert (traits.mothers_identifiers, traits.mothers_name) == ({PatientId("M1", "2.999.7")}, "costa")
    assert (traits.birth_place, traits.multiple_birth, traits.birth_order) == ("differdange", True, 2)
    assert (traits.status, traits.newborn, traits.identity) == ("VALI", False, OWN)


def test_nothing_told_is_nothing_known(model: MatchModel) -> None:
    traits = traits_of(Demographics(), OWN, frozenset(), model.stop)
    assert traits == Traits(identity=OWN)


def test_is_frozen(person: Person) -> None:
    with pytest.raises(FrozenInstanceError):
        person().sex = "M"  # type: ignore[misc]


def test_the_national_register_tells_the_number_as_its_own_identifier(model: MatchModel) -> None:
    own = PatientId(VALID, NATIONAL)
    assert traits_of(Demographics(), own, frozenset({NATIONAL}), model.stop).matricule == VALID


def test_an_invalid_number_is_kept_apart(person: Person) -> None:
    traits = person(matricule=INVALID)
    assert (traits.matricule, traits.matricule_sent, traits.matricule_invalid) == (None, INVALID, True)


def test_a_number_with_blanks_is_read(person: Person) -> None:
    assert person(matricule="1990 0101 12385").matricule == VALID


def test_the_older_number_of_eleven_digits_is_another_identifier(person: Person) -> None:
    traits = person(matricule="19900101123")
    assert (traits.matricule, traits.matricule_invalid) == (None, False)
    assert traits.identifiers == {PatientId("19900101123", NATIONAL)}


@pytest.mark.parametrize("name", ["INCONNU", "Unbekannt", "N.N.", "X"])
def test_a_placeholder_is_no_name_but_can_be_found(person: Person, name: str) -> None:
    traits = person(family=name)
    assert traits.family == ()
    assert traits.family_codes == ()
    assert traits.set_aside != ()


@pytest.mark.parametrize("name", ["BEBE", "Bébé", "Nouveau-né", "Baby"])
def test_a_newborn_has_no_given_name(person: Person, name: str) -> None:
    traits = person(given=name)
    assert (traits.given, traits.newborn) == ((), True)


def test_a_word_for_a_newborn_may_be_a_family_name(person: Person) -> None:
    assert person(family="Kind").family == ("kind",)


def test_under_its_mothers_traits_a_newborn_has_neither_her_given_name_nor_her_number(person: Person) -> None:
    traits = person(matricule=VALID, status="FILI")
    assert (traits.given, traits.matricule, traits.newborn) == ((), None, True)


@pytest.mark.parametrize("date", ["19000101", "19800101"])
def test_a_placeholder_is_no_date(person: Person, date: str) -> None:
    assert person(born=date).birth_date == ""


def test_a_placeholder_that_the_national_number_confirms_is_a_date(person: Person) -> None:
    assert person(born="19900101", matricule=VALID).birth_date == "19900101"


def test_the_national_number_tells_a_date_that_is_not_told(person: Person) -> None:
    assert person(born=None, matricule="2004022900721").birth_date == "20040229"
    assert person(born="19850317", matricule="2004022900721").birth_date == "19850317"


@pytest.mark.parametrize("sex", ["O", "U", "A", "", None])
def test_only_female_and_male_are_compared(person: Person, sex: str | None) -> None:
    assert person(sex=sex).sex == ""
