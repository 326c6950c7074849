"""Who may be the person described, by the cases of ITI TF-2 3.119.4.2.2.1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning, Refused
from gateway.record.access import Scope
from gateway.record.demographics import Demographics, PersonName
from gateway.record.patients import Person, State
from gateway.record.people import PatientId

Ids = Callable[[str], PatientId]
NUMBER, OTHER_NUMBER = "1893120105732", "1990010112385"


def match(
    index: Any,
    told: Demographics,
    *identifiers: PatientId,
    only_certain: bool = False,
    most: int | None = None,
    **asking: Any,
) -> tuple[Person, ...]:
    call = index.record.asking(**asking)
    found: tuple[Person, ...] = index.record.run(
        index.record.index.match(call, told, identifiers, only_certain=only_certain, most=most)
    )
    return found


def grades(found: tuple[Person, ...]) -> list[str | None]:
    return [each.grade for each in found]


@pytest.fixture
def several(index: Any, told: Any, ids: Ids) -> Demographics:
    """Anna, somebody else with her names who was born a month before, and Bruno."""
    index.feed(told.anna, ids("xad:1"))
    index.feed(replace(told.anna, birth_date="19801124", telecoms=None, addresses=None), ids("city:2"))
    index.feed(told.bruno, ids("xad:3"))
    index.do("unlink", ids("xad:1"), ids("city:2"), "seen")
    description: Demographics = told.anna
    return description


def test_one_person_is_graded(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    (found,) = match(index, told.anna)
    assert found.identifiers == (ids("xad:1"),)
    assert (found.grade, found.probability, found.score) == ("certain", 0.9999, 100)
    assert found.demographics == told.anna


def test_several_are_graded_the_likeliest_first(index: Any, several: Demographics, ids: Ids) -> None:
    found = match(index, several)
    assert [each.identifiers for each in found] == [(ids("xad:1"),), (ids("city:2"),)]
    assert found[0].grade == "certain"
    assert found[1].grade in {"probable", "possible"}
    probabilities = [each.probability for each in found]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(each.score == round((each.probability or 0) * 100) for each in found)


def test_the_certain_one_alone_can_be_wanted(index: Any, several: Demographics, ids: Ids) -> None:
    (found,) = match(index, several, only_certain=True)
    assert (found.identifiers, found.grade) == ((ids("xad:1"),), "certain")


def test_one_that_is_not_certain_is_nobody(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    like = replace(told.anna, addresses=None, telecoms=None, birth_date="19801225")
    assert grades(match(index, like)) != ["certain"]
    assert match(index, like, only_certain=True) == ()


def test_several_that_are_certain_are_nobody(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.anna, ids("city:1"))
    index.do("unlink", ids("xad:1"), ids("city:1"), "seen")
    assert grades(match(index, told.anna)) == ["certain", "certain"]
    assert match(index, told.anna, only_certain=True) == ()


def test_several_identities_of_one_person_are_one(index: Any, told: Any, ids: Ids) -> None:
    for identity in ("xad:1", "city:1", "valley:1"):
        index.feed(told.anna, ids(identity))
    (found,) = match(index, told.anna, only_certain=True)
    assert found.identifiers == (ids("xad:1"), ids("city:1"), ids("valley:1"))


def test_no_more_are_given_than_were_asked_for(index: Any, several: Demographics, ids: Ids) -> None:
    (found,) = match(index, several, most=1)
    assert found.identifiers == (ids("xad:1"),)


def test_nobody_is_like_that(index: Any, several: Demographics) -> None:
    assert several
    stranger = Demographics(names=(PersonName(family="Okonkwo", given=("Chidi",)),), birth_date="19610203")
    assert match(index, stranger) == ()
    assert match(index, stranger, only_certain=True) == ()


def test_one_national_number_and_no_contradiction_is_a_proof(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.with_number(told.anna, OTHER_NUMBER), ids("xad:1"))
    described = replace(told.anna, addresses=None, telecoms=None)
    (found,) = match(index, described, ids(f"state:{OTHER_NUMBER}"))
    assert (found.grade, found.probability, found.score) == ("certain", 1.0, 100)


def test_an_identifier_that_is_known_is_evidence(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    described = Demographics(names=told.anna.names)
    with_identifier = match(index, described, ids("city:1"))
    assert [each.identifiers for each in with_identifier] == [(ids("city:1"),)]
    without = match(index, described)
    assert not without or (without[0].probability or 0) < (with_identifier[0].probability or 0)


def test_a_twin_is_not_certain(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    twin = replace(told.anna, names=(PersonName(family="Schmit", given=("Eva",)),))
    assert "certain" not in grades(match(index, twin))


def test_who_has_another_national_number_is_somebody_else(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.with_number(told.anna, NUMBER), ids("xad:1"))
    stranger = told.with_number(told.bruno, OTHER_NUMBER)
    assert match(index, replace(stranger, birth_date=told.anna.birth_date)) == ()


def test_a_frozen_person_is_not_certain(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.bruno, ids("xad:1"), whole=True)
    assert index.held(ids("xad:1")).identity.state is State.FROZEN
    (found,) = match(index, told.bruno)
    assert found.grade == "probable"
    assert match(index, told.bruno, only_certain=True) == ()


def test_merged_removed_and_hidden_identities_do_not_count(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.bruno, ids("xad:1"))
    index.feed(told.anna, ids("xad:2"))
    index.merge(ids("xad:1"), ids("xad:2"))
    assert match(index, told.anna) == ()
    index.do("remove", ids("xad:1"))
    assert match(index, told.bruno) == ()
    index.feed(replace(told.anna, status="CACH"), ids("city:1"))
    assert match(index, told.anna) == ()


def test_only_what_may_be_seen_is_shown(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.bruno, ids("city:1"))
    record, mpi = index.record, index.mpi
    domains = mpi.domain.identity_domains
    closed = {
        **domains,
        **{
            ids(each).root: replace(domains[ids(each).root], readers=frozenset())
            for each in ("xad:", "city:")
        },
    }
    record.index = replace(record.index, mpi=replace(mpi, domain=replace(mpi.domain, identities=closed)))
    assert match(index, told.anna) == ()
    described = Demographics(names=(PersonName(family="Ferreira"),))
    with pytest.raises(Refused):
        match(index, described, ids("city:1"))


def test_certainty_needs_that_all_were_compared(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.anna, ids("city:1"))
    record, mpi = index.record, index.mpi
    record.index = replace(record.index, mpi=replace(mpi, most=1))
    assert grades(match(index, told.anna)) == ["certain"]
    assert match(index, told.anna, only_certain=True) == ()


def test_too_little_is_refused(index: Any) -> None:
    for told in (Demographics(), Demographics(sex="F"), Demographics(names=(PersonName(family="Schmit"),))):
        with pytest.raises(Refused) as caught:
            match(index, told)
        assert [each.meaning for each in caught.value.problems] == [Meaning.TOO_WIDE]


def test_nobody_asks_without_a_decision(index: Any, told: Any) -> None:
    with pytest.raises(PermissionError):
        match(index, told.anna, scope=Scope())
