"""Demographics queries on both databases: what each criterion finds, who is hidden, what is too wide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning
from gateway.mpi import search
from gateway.mpi.query import DemographicsQuery, Field
from gateway.record.access import Scope
from gateway.record.demographics import PersonName
from gateway.record.patients import State
from gateway.record.people import PatientId
from tests.gateway.mpi.searching import AFFINITY, CITY, STATE, VALLEY, Asking, born, having, named, populate

# --- one by one ----------------------------------------------------------------------------------


@pytest.fixture
def anna(index: Any, told: Any, ids: Callable[[str], PatientId]) -> PatientId:
    identity = ids("xad:1")
    index.feed(told.with_number(told.anna, "1893120105732"), identity)
    return identity


@pytest.mark.parametrize(
    "wanted",
    [
        named("Schmit"),
        named("SCHMÍT", "anna"),
        named("Schmit", exact=True),
        named("", "Marie"),
        named("Sc", "An"),
        born("19801224", "19801224"),
        born("19801201", "19801231"),
        born("19800101", None),
        having(Field.SEX, "F"),
        having(Field.CITY, "esch"),
        having(Field.POSTCODE, "4040"),
        having(Field.TELECOM, "621123456"),
        having(Field.ACTIVE, "Y"),
        named("Schmit") | born("19801224", "19801224") | having(Field.SEX, "F"),
        {},
    ],
)
def test_every_criterion_finds_alone(ask: Asking, anna: PatientId, wanted: dict[str, Any]) -> None:
    assert ask.ids(**wanted) == {anna}


@pytest.mark.parametrize(
    "wanted",
    [
        named("Weber"),
        named("Schmit", "Bruno"),
        born("19801225", "19801225"),
        having(Field.SEX, "M"),
        having(Field.ACTIVE, "N"),
        having(Field.TELECOM, "621123499"),
        named("Schmit") | having(Field.CITY, "Trier"),
        {"domains": ()},
        {"domains": (CITY,)},
        {"domains": ("2.999.666",)},
        {"person": 12345},
        {"least": 100} | named("Schm"),
    ],
)
def test_nobody_else_is_found(ask: Asking, anna: PatientId, wanted: dict[str, Any]) -> None:
    assert anna
    assert ask.persons(**wanted) == ()


def test_an_identifier_is_one_of_the_person_or_one_that_its_source_told(
    ask: Asking, anna: PatientId, ids: Callable[[str], PatientId]
) -> None:
    number = ids("state:1893120105732")
    assert ask.ids(identifiers=((anna,),)) == {anna}
    assert ask.ids(identifiers=((number,),)) == {anna}
    assert ask.ids(identifiers=((ids("xad:2"), anna),)) == {anna}
    assert ask.ids(identifiers=((anna,), (number,))) == {anna}
    assert ask.ids(identifiers=((anna,), (ids("xad:2"),))) == set()
    assert ask.ids(identifiers=((anna,),), **named("Schmit")) == {anna}
    assert ask.ids(identifiers=((anna,),), **named("Weber")) == set()
    assert ask.refusal(identifiers=(tuple(ids(f"xad:{each}") for each in range(33)),)) is Meaning.TOO_WIDE


def test_a_person_is_found_by_logical_id(ask: Asking, anna: PatientId) -> None:
    (found,) = ask.persons(identifiers=((anna,),))
    assert [each.key for each in ask.persons(person=found.key)] == [found.key]
    assert ask.persons(person=found.key, **named("Weber")) == ()


def test_identities_of_one_person_are_searched_each_by_its_own_account(
    ask: Asking, index: Any, told: Any, ids: Callable[[str], PatientId]
) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(replace(told.anna, names=(PersonName(family="Weber", given=("Anna",)),)), ids("city:1"))
    index.do("link", ids("xad:1"), ids("city:1"), "seen")
    both = (ids("xad:1"), ids("city:1"))
    for family in ("Schmit", "Weber"):
        (found,) = ask.persons(**named(family, "Anna"))
        assert found.identifiers == both
        assert found.demographics.name.family == "Schmit"


def test_a_golden_record_that_nobody_told_in_full_is_found(
    ask: Asking, index: Any, told: Any, ids: Callable[[str], PatientId]
) -> None:
    index.feed(replace(told.anna, birth_date=None), ids("xad:1"))
    index.feed(replace(told.anna, names=(PersonName(family="Weber"),), birth_date="19811224"), ids("city:1"))
    index.do("link", ids("xad:1"), ids("city:1"), "seen")
    (found,) = ask.persons(**named("Schmit") | born("19811224", "19811224"))
    assert found.demographics.birth_date == "19811224"


def test_merged_and_removed_identities_are_not_found(
    ask: Asking, index: Any, told: Any, ids: Callable[[str], PatientId]
) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.bruno, ids("xad:2"))
    index.merge(ids("xad:1"), ids("xad:2"))
    assert ask.persons(identifiers=((ids("xad:2"),),)) == ()
    assert ask.persons(**named("Ferreira")) == ()
    assert ask.ids(**named("Schmit")) == {ids("xad:1")}
    index.do("remove", ids("xad:1"))
    assert ask.persons(**named("Schmit")) == ()
    assert ask.persons(identifiers=((ids("xad:1"),),)) == ()


def test_a_frozen_identity_is_found(
    ask: Asking, index: Any, told: Any, ids: Callable[[str], PatientId]
) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.bruno, ids("xad:1"), whole=True)
    assert index.held(ids("xad:1")).identity.state is State.FROZEN
    assert ask.ids(**named("Ferreira")) == {ids("xad:1")}


@pytest.mark.parametrize(("status", "own"), [("CACH", True), ("FICT", True), ("ANOM", True), ("DESA", False)])
def test_a_hidden_identity_is_shown_to_its_source_that_has_the_identifier(
    ask: Asking,
    index: Any,
    told: Any,
    ids: Callable[[str], PatientId],
    status: str,
    own: bool,  # noqa: FBT001
) -> None:
    index.feed(replace(told.anna, status=status), ids("city:1"))
    assert ask.persons(**named("Schmit")) == ()
    assert ask.persons(**having(Field.SEX, "F")) == ()
    wanted = DemographicsQuery(identifiers=((ids("city:1"),),))
    call = ask.record.asking()
    assert bool(ask.record.run(ask.record.index.search(call, wanted))) is own
    stranger = replace(call, node=replace(call.node, feeds=frozenset({AFFINITY})))
    assert ask.record.run(ask.record.index.search(stranger, wanted)) == ()


def test_identifiers_are_limited_to_what_is_wanted_and_may_be_seen(
    ask: Asking, index: Any, told: Any, ids: Callable[[str], PatientId]
) -> None:
    for identity in ("xad:1", "city:1", "valley:1"):
        index.feed(told.with_number(told.anna, "1893120105732"), ids(identity))
    assert ask.ids(**named("Schmit")) == {ids("xad:1"), ids("city:1"), ids("valley:1")}
    assert ask.ids(domains=(CITY, VALLEY), **named("Schmit")) == {ids("city:1"), ids("valley:1")}
    domains = ask.index.mpi.domain.identity_domains
    closed = {
        CITY: replace(domains[CITY], readers=frozenset({"city"})),
        STATE: replace(domains[STATE], readers=frozenset()),
    }
    change_domain(ask, identities={**domains, **closed})
    (found,) = ask.persons(**named("Schmit"))
    assert set(found.identifiers) == {ids("xad:1"), ids("valley:1")}
    assert found.demographics.identifiers is None
    assert ask.persons(identifiers=((ids("city:1"),),)) == ()
    assert ask.persons(identifiers=((ids("state:1893120105732"),),)) == ()
    assert ask.persons(domains=(CITY,), **named("Schmit")) == ()
    (found,) = ask.persons(node="city", domains=(CITY,), **named("Schmit"))
    assert found.identifiers == (ids("city:1"),)


def change_domain(ask: Asking, **changes: Any) -> None:
    index = ask.record.index
    mpi = replace(index.mpi, domain=replace(index.mpi.domain, **changes))
    ask.record.index, ask.index.mpi = replace(index, mpi=mpi), mpi


def test_who_asks_for_one_domain_gets_what_its_source_told(
    ask: Asking, index: Any, told: Any, ids: Callable[[str], PatientId]
) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(replace(told.anna, names=(PersonName(family="Schmitt", given=("Anna",)),)), ids("city:1"))
    index.do("link", ids("xad:1"), ids("city:1"), "seen")
    (found,) = ask.persons(domains=(CITY,), **named("Schmit", "Anna"))
    assert found.demographics.name.family == "Schmitt"
    (found,) = ask.persons(**named("Schmit", "Anna"))
    assert found.demographics.name.family == "Schmit"


# --- limits --------------------------------------------------------------------------------------


def test_more_persons_than_may_be_given_are_refused(ask: Asking) -> None:
    populate(ask, 60, seed=1)
    change_domain(ask, max_persons=3)
    assert ask.refusal(**having(Field.SEX, "F")) is Meaning.TOO_MANY_RESULTS


def test_a_query_that_cannot_be_narrowed_is_too_wide_where_there_are_many(
    ask: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(ask, 60, seed=1)
    monkeypatch.setattr(search, "MOST_READ", 20)
    assert ask.refusal(**having(Field.SEX, "F")) is Meaning.TOO_WIDE
    assert ask.refusal(**named("X")) is Meaning.TOO_WIDE
    assert ask.refusal(**born("19800101", None)) is Meaning.TOO_WIDE


def test_the_number_of_identities_is_not_trusted_when_it_is_old(
    ask: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask.persons(**having(Field.SEX, "F")) == ()
    populate(ask, 60, seed=1)
    monkeypatch.setattr(search, "MOST_READ", 20)
    assert ask.refusal(**having(Field.SEX, "F")) is Meaning.TOO_WIDE


def test_a_group_with_too_many_rows_is_too_wide_unless_another_narrows_it(
    ask: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(ask, 120, seed=1)
    monkeypatch.setattr(search, "_FEW", 0)
    monkeypatch.setattr(search, "MOST_READ", 10)
    assert ask.refusal(**named("Mull")) is Meaning.TOO_WIDE
    assert ask.persons(**named("Mull", "Anne") | born("19800131", "19800131")) is not None
    monkeypatch.setattr(search, "_MOST_ROWS", 1)
    assert ask.refusal(**named("Mull", "Anne")) is Meaning.TOO_WIDE


def test_nobody_asks_without_a_decision(ask: Asking, anna: PatientId) -> None:
    call = ask.record.asking(scope=Scope())
    with pytest.raises(PermissionError):
        ask.record.run(ask.record.index.search(call, DemographicsQuery(identifiers=((anna,),))))
