from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from conformance.population.generate import MATRICULE_ROOT, SourceRecord, population
from conformance.population.matricule import luhn, matricule, verhoeff
from conformance.population.records import Rates

PERSONS = 4000


@pytest.fixture(scope="module")
def records() -> list[SourceRecord]:
    return list(population(PERSONS, 1))


@pytest.mark.parametrize("number", ["1893120105732", "1990010112385", "2004022900721"])
def test_makes_the_published_numbers(number: str) -> None:
    assert matricule(number[:8], int(number[8:11])) == number


def test_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    first = list(population(50, 7))
    assert list(population(50, 7)) == first
    assert [each.told for each in population(50, 8)] != [each.told for each in first]


def test_has_every_person_with_one_to_five_records(records: list[SourceRecord]) -> None:
    counts = Counter(each.person for each in records)
    assert set(counts) == set(range(1, PERSONS + 1))
    assert set(counts.values()) == {1, 2, 3, 4, 5}
    assert 2.3 < len(records) / PERSONS < 2.6


def test_repeats_no_identity_and_no_persons_matricule(records: list[SourceRecord]) -> None:
    assert len({each.identity for each in records}) == len(records)
    holders: dict[str, set[int]] = {}
    for each in records:
        for identifier in each.told.identifiers or ():
            holders.setdefault(identifier.extension, set()).add(each.person)
    shared = sum(len(each) > 1 for each in holders.values())
    assert shared < len(records) * 0.002


def test_streams() -> None:
    assert next(islice(population(10**9, 1), 3, None)).person >= 1


def _part(records: list[SourceRecord], wanted: object) -> float:
    return sum(map(wanted, records)) / len(records)  # type: ignore[arg-type]


def test_keeps_the_rates_of_what_is_missing(records: list[SourceRecord]) -> None:
    rates = Rates()
    assert abs(_part(records, lambda r: not r.told.identifiers) - rates.matricule_missing) < 0.03
    assert abs(_part(records, lambda r: not r.told.telecoms) - rates.phone_missing) < 0.03
    assert abs(_part(records, lambda r: not r.told.addresses) - rates.address_missing) < 0.01
    assert 0.001 < _part(records, lambda r: not r.told.birth_date) < 0.007


def test_mistypes_few_matricules(records: list[SourceRecord]) -> None:
    numbers = [
        each.extension for r in records for each in r.told.identifiers or () if each.root == MATRICULE_ROOT
    ]
    wrong = [n for n in numbers if n[11:] != luhn(n[:11]) + verhoeff(n[:11])]
    assert 0 < len(wrong) < len(numbers) * 0.006


def test_writes_half_a_percent_of_the_names_the_wrong_way_round_only_when_told() -> None:
    perfect = Rates(names_swapped=0, family_typo=0, given_typo=0)
    swapped = Rates(names_swapped=1, family_typo=0, given_typo=0)
    straight = next(iter(population(1, 5, perfect))).told.name
    turned = next(iter(population(1, 5, swapped))).told.name
    assert turned.family == " ".join(straight.given)
    assert turned.given == (straight.family,)


def test_has_multiple_births_newborns_and_namesakes() -> None:
    records = list(population(20_000, 2))
    assert sum(r.told.multiple_birth == "Y" for r in records) > 5
    assert sum(r.told.status == "FILI" for r in records) > 5


def test_tells_nothing_of_the_person_in_the_record(records: list[SourceRecord]) -> None:
    record = next(r for r in records if r.person == 3999)
    assert "3999" not in repr(record.told)
    assert "3999" not in record.identity.extension
