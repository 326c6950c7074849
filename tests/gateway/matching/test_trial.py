from __future__ import annotations

from itertools import islice

from conformance.population.generate import MATRICULE_ROOT, population
from gateway.config import shipped
from gateway.matching import Traits, load_model, traits_of
from gateway.matching.trial import Index, known_pairs, random_pairs

MODEL = load_model(shipped("matching/model.toml"))


def records(count: int) -> list[tuple[int, Traits]]:
    taken = islice(population(count, 4), count)
    return [
        (each.person, traits_of(each.told, each.identity, frozenset({MATRICULE_ROOT}), MODEL.stop))
        for each in taken
    ]


def test_finds_who_may_be_the_same_and_few_others() -> None:
    index = Index()
    (first, traits), *others = records(60)
    for person, each in others:
        index.add(each, person)
    index.add(traits, first)
    places, capped = index.near(traits)
    assert traits in [index.traits[place] for place in places]
    assert len(places) < 30
    assert not capped


def test_gives_all_members_of_a_person_that_one_was_found_of() -> None:
    index = Index()
    told = records(40)
    for person, each in told:
        index.add(each, person)
    person = told[0][0]
    place = index.persons.index(person)
    assert list(index.clusters([place])) == [person]
    assert index.clusters([place])[person] == [each for number, each in told if number == person]


def test_assigns_a_copy_to_its_person_without_adding_it() -> None:
    index = Index()
    told = next((person, each) for person, each in records(40) if each.matricule)
    index.add(told[1], told[0])
    assert index.assign(told[1], MODEL).person == told[0]
    assert len(index) == 1


def test_knows_pairs_by_label_or_by_national_number() -> None:
    a, b, c = Traits(matricule="1"), Traits(matricule="1"), Traits()
    assert list(known_pairs([a, b, c])) == [(a, b)]
    assert list(known_pairs([a, b, c], ["x", None, "x"])) == [(a, c)]


def test_draws_the_same_random_pairs_again() -> None:
    told = [each for _, each in records(50)]
    first = list(random_pairs(told, 100))
    assert first == list(random_pairs(told, 100))
    assert 90 < len(first) <= 100
    assert all(a is not b for a, b in first)
