"""What fits a query and how far, criterion by criterion."""

from __future__ import annotations

import pytest

from gateway.matching.normalise import StopList
from gateway.mpi.fitting import begins, born_between, born_fits, criteria_of, days_of, degree, person_degree
from gateway.mpi.query import Criterion, DateRange, DemographicsQuery, Field, NameWanted
from gateway.record.demographics import Address, Demographics, PersonName, Telecom

DIALLING = StopList(dialling=("352",))
TOLD = Demographics(
    names=(
        PersonName(family="Müller", given=("Anne-Marie", "Zoé")),
        PersonName(family="da Silva", given=("Ana",), use="M"),
    ),
    birth_date="19801224",
    sex="F",
    addresses=(
        Address(
            lines=("12, rue de la Gare", "2e étage"), city="Esch", state="L", postcode="L-4040", country="LU"
        ),
        Address(lines=("1 High Street",), city="Trier", postcode="54290"),
    ),
    telecoms=(Telecom(value="+352 621 123 456"), Telecom(value="Ana@example.org", system="email")),
    mothers_maiden_name="Ferreira",
    account="A77^^^NS&2.999.8&ISO",
    birth_order="2",
)


def fitting(query: DemographicsQuery, told: Demographics) -> int:
    return degree(criteria_of(query, DIALLING), told)


def fit(**wanted: object) -> int:
    return fitting(DemographicsQuery(**wanted), TOLD)  # type: ignore[arg-type]


def named(*names: NameWanted) -> int:
    return fit(names=(names,))


def told_by(field: Field, *values: str, exact: bool = False) -> int:
    return fit(criteria=(Criterion(field=field, values=values, exact=exact),))


@pytest.mark.parametrize(
    ("wanted", "text", "share"),
    [
        ("müller", "Müller", 100),
        ("MULLER", "Müller", 100),
        ("mull", "Müller", 66),
        ("Mueller", "Müller", 100),
        ("Muller", "Mueller", 100),
        ("Mue", "Muller", 33),
        ("uller", "Müller", 0),
        ("silva", "da Silva", 100),
        ("dasilva", "da Silva", 100),
        ("da sil", "da Silva", 71),
        ("anne", "Anne-Marie", 100),
        ("annema", "Anne-Marie", 66),
        ("obrien", "O'Brien", 100),
        ("", "Müller", 0),
        ("-", "-", 0),
        ("Müllers", "Müller", 0),
    ],
)
def test_text_is_compared_from_the_beginning_of_a_word(wanted: str, text: str, share: int) -> None:
    assert begins(wanted, text) == share


def test_no_criterion_fits_everybody() -> None:
    assert fit() == 100


def test_family_and_given_name_must_stand_in_one_name() -> None:
    assert named(NameWanted(family="Müller", given=("Zoe",))) == 100
    assert named(NameWanted(family="Silva", given=("Ana",))) == 100
    assert named(NameWanted(family="Silva", given=("Zoe",))) == 0


def test_all_given_names_must_fit() -> None:
    assert named(NameWanted(given=("Marie", "Zoe"))) == 100
    assert named(NameWanted(given=("Marie", "Lea"))) == 0


def test_one_of_a_group_is_enough_and_every_group_must_fit() -> None:
    lopes, muller, silva = (NameWanted(family=each) for each in ("Lopes", "Muller", "Silva"))
    assert fit(names=((lopes, muller),)) == 100
    assert fit(names=((muller,), (silva,))) == 100
    assert fit(names=((muller,), (lopes,))) == 0


def test_exact_compares_the_whole_of_a_name_as_it_was_sent() -> None:
    assert named(NameWanted(family="Müller", exact=True)) == 100
    assert named(NameWanted(family="Muller", exact=True)) == 0
    assert named(NameWanted(family="Silva", exact=True)) == 0
    assert named(NameWanted(given=("Zoé",), exact=True)) == 100
    assert named(NameWanted(given=("Zoe",), exact=True)) == 0
    assert named(NameWanted(given=("Anne-Marie Zoé",), exact=True)) == 100


def test_the_degree_is_that_of_what_fits_least() -> None:
    assert named(NameWanted(family="Müll", given=("Zo",))) == 66
    assert (
        fit(names=((NameWanted(family="Mül"),),), criteria=(Criterion(field=Field.SEX, values=("F",)),)) == 50
    )


@pytest.mark.parametrize(
    ("field", "value", "share"),
    [
        (Field.SEX, "F", 100),
        (Field.SEX, "M", 0),
        (Field.CITY, "esch", 100),
        (Field.CITY, "Es", 50),
        (Field.CITY, "Gare", 0),
        (Field.STATE, "L", 100),
        (Field.COUNTRY, "lu", 100),
        (Field.STREET, "Rue de la gare", 100),
        (Field.STREET, "12 rue", 100),
        (Field.STREET, "High", 100),
        (Field.POSTCODE, "4040", 100),
        (Field.POSTCODE, "L-40", 50),
        (Field.POSTCODE, "040", 0),
        (Field.ADDRESS, "Trier", 100),
        (Field.ADDRESS, "etage", 100),
        (Field.ADDRESS, "Paris", 0),
        (Field.TELECOM, "621123456", 100),
        (Field.TELECOM, "00352 621 12 34 56", 100),
        (Field.TELECOM, "621", 0),
        (Field.TELECOM, "ana@EXAMPLE.org", 100),
        (Field.MOTHERS_MAIDEN_NAME, "ferr", 50),
        (Field.MOTHERS_MAIDEN_NAME, "Silva", 0),
        (Field.ACCOUNT, "A77", 100),
        (Field.ACCOUNT, "A77^^^NS", 100),
        (Field.ACCOUNT, "A77^^^&2.999.8&ISO", 100),
        (Field.ACCOUNT, "A77^^^OTHER&2.999.9&ISO", 0),
        (Field.ACCOUNT, "A7", 0),
        (Field.BIRTH_ORDER, "02", 100),
        (Field.BIRTH_ORDER, "1", 0),
        (Field.MULTIPLE_BIRTH, "Y", 100),
        (Field.DECEASED, "N", 100),
        (Field.DECEASED, "Y", 0),
        (Field.ACTIVE, "Y", 100),
        (Field.ACTIVE, "N", 0),
        (Field.CITY, "", 0),
        (Field.SEX, "", 0),
        (Field.BIRTH_ORDER, "", 0),
    ],
)
def test_each_field_has_its_rule(field: Field, value: str, share: int) -> None:
    assert told_by(field, value) == share


def test_one_of_the_values_is_enough_and_every_criterion_must_fit() -> None:
    assert told_by(Field.CITY, "Paris", "Esch") == 100
    assert told_by(Field.CITY) == 0
    city, sex = Criterion(field=Field.CITY, values=("Esch",)), Criterion(field=Field.SEX, values=("M",))
    assert fit(criteria=(city, sex)) == 0


@pytest.mark.parametrize(
    ("field", "value", "fits"),
    [
        (Field.CITY, "Esch", True),
        (Field.CITY, "esch", False),
        (Field.POSTCODE, "L-4040", True),
        (Field.POSTCODE, "4040", False),
        (Field.STREET, "12, rue de la Gare", True),
        (Field.TELECOM, "+352 621 123 456", True),
        (Field.TELECOM, "+352621123456", False),
        (Field.MOTHERS_MAIDEN_NAME, "Ferreira", True),
    ],
)
def test_exact_compares_the_whole_of_a_text(field: Field, value: str, fits: bool) -> None:  # noqa: FBT001
    assert told_by(field, value, exact=True) == (100 if fits else 0)


def test_death_is_told_by_its_time_too() -> None:
    dead = Demographics(deceased_at="20260101")
    query = DemographicsQuery(criteria=(Criterion(field=Field.DECEASED, values=("Y",)),))
    assert fitting(query, dead) == 100


def test_an_empty_account_fits_no_criterion() -> None:
    for field in Field:
        query = DemographicsQuery(criteria=(Criterion(field=field, values=("X",)),))
        assert fitting(query, Demographics()) == 0
    assert fitting(DemographicsQuery(names=((NameWanted(family="A"),),)), Demographics()) == 0


# --- birth dates ---------------------------------------------------------------------------------


def between(low: str | None, high: str | None) -> tuple[DateRange, ...]:
    return (DateRange(low=low, high=high),)


@pytest.mark.parametrize(
    ("low", "high", "told", "fits"),
    [
        ("19801224", "19801224", "19801224", True),
        ("19801224", "19801224", "198012240930", True),
        ("19801223", "19801223", "19801224", False),
        ("19801201", "19801231", "198012", True),
        ("19801201", "19801230", "198012", False),
        ("19800101", "19801231", "1980", True),
        ("19800201", "19800229", "198002", True),
        ("19801224", "19801224", "1980", False),
        (None, "19801224", "1980", True),
        ("19810101", None, "1980", False),
        ("19801231", None, "1980", True),
        ("19801224", "19801224", None, False),
        ("19801224", "19801224", "unknown", False),
    ],
)
def test_a_birth_date_must_lie_in_the_range(
    low: str | None,
    high: str | None,
    told: str | None,
    fits: bool,  # noqa: FBT001
) -> None:
    assert born_fits(between(low, high), told) is fits


def test_all_ranges_must_hold() -> None:
    ranges = (DateRange(low="19800101"), DateRange(high="19801231"))
    assert born_between(ranges) == ("19800101", "19801231")
    assert born_fits(ranges, "19801224")
    assert not born_fits((*ranges, DateRange(low="19801225")), "19801224")


def test_a_range_can_be_left_out() -> None:
    outside = (DateRange(low="19801224", high="19801224", outside=True),)
    assert not born_fits(outside, "19801224")
    assert born_fits(outside, "19801225")
    assert born_fits(outside, "1980")
    assert born_between(outside) == (None, None)


@pytest.mark.parametrize(
    ("digits", "days"),
    [
        ("1980", ("19800101", "19801231")),
        ("198002", ("19800201", "19800229")),
        ("198102", ("19810201", "19810228")),
        ("198099", ("19809901", "19809931")),
        ("19801224", ("19801224", "19801224")),
    ],
)
def test_a_month_or_a_year_is_all_its_days(digits: str, days: tuple[str, str]) -> None:
    assert days_of(digits) == days


# --- persons -------------------------------------------------------------------------------------


def test_a_person_fits_as_its_best_account_or_as_its_golden_record_does() -> None:
    named_so, born_then = Demographics(names=TOLD.names), Demographics(birth_date="19801224")
    query = DemographicsQuery(names=((NameWanted(family="Müller"),),), born=between("19801224", "19801224"))
    tests = criteria_of(query, DIALLING)
    assert person_degree(tests, [named_so, born_then], lambda: TOLD) == 100
    assert person_degree(tests, [named_so, born_then], lambda: named_so) == 0
    assert person_degree(tests, [born_then, TOLD], lambda: born_then) == 100


def test_no_golden_record_is_put_together_for_a_criterion_that_no_account_meets() -> None:
    def never() -> Demographics:
        raise AssertionError("nobody said so")

    tests = criteria_of(DemographicsQuery(names=((NameWanted(family="Lopes"),),)), DIALLING)
    assert person_degree(tests, [TOLD, TOLD], never) == 0
