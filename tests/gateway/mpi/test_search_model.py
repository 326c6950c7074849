"""Demographics queries on both databases, against a list of persons that is filtered one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mpi import search
from gateway.mpi.fitting import criteria_of, degree
from gateway.mpi.golden import Account, golden
from gateway.mpi.query import Criterion, DateRange, DemographicsQuery, Field, NameWanted
from gateway.record.patients import State
from gateway.record.people import PatientId
from tests.gateway.mpi.searching import (
    AFFINITY,
    CITY,
    FAMILIES,
    GIVEN,
    NUMBERS,
    POSTCODES,
    SLOW,
    VALLEY,
    Asking,
    all_keys,
    populate,
)


def expected(ask: Asking, query: DemographicsQuery) -> list[tuple[int, tuple[PatientId, ...], int]]:
    """What the query means, tried on everybody."""
    domains = ask.index.mpi.domain.identity_domains
    wanted = set(domains if query.domains is None else query.domains)
    persons: dict[int, list[Any]] = {}
    for held in ask.record.run(ask.index.mpi.store.by_keys(all_keys(ask))):
        one = held.identity
        if one.head == one.key and one.state is not State.REMOVED and held.told.status != "CACH":
            persons.setdefault(one.person, []).append(held)
    found = []
    for key, members in sorted(persons.items()):
        accounts = [
            Account(each.told, domains[each.identity.id.root].trust, each.changed_at) for each in members
        ]
        told = [*(each.told for each in members), golden(accounts)]
        tests = criteria_of(query, ask.index.mpi.matcher.dialling)
        score = max(degree(tests, each) for each in told)
        shown = ask.index.mpi.ordered(each.identity.id for each in members if each.identity.id.root in wanted)
        if score and score >= query.least and shown:
            found.append((key, tuple(shown), score))
    return found


names_wanted = st.builds(
    NameWanted,
    family=st.sampled_from(("", *FAMILIES, "mul", "MULL", "müll", "silva", "weber", "obrien", "x")),
    given=st.lists(st.sampled_from((*GIVEN, "an", "marie", "zoe")), max_size=1).map(tuple),
    exact=st.booleans(),
)
ranges = st.builds(
    DateRange,
    low=st.sampled_from((None, "19800131", "19800201")),
    high=st.sampled_from((None, "19800131", "19800229", "19801231")),
    outside=st.just(False) | st.booleans(),
)
criteria = st.one_of(
    st.builds(
        Criterion, field=st.just(field), values=st.lists(st.sampled_from(values), max_size=2).map(tuple)
    )
    for field, values in {
        Field.SEX: ("F", "M"),
        Field.CITY: ("esch", "Tr"),
        Field.POSTCODE: (*POSTCODES[:3], "40", "4"),
        Field.TELECOM: (*NUMBERS, "00352621123456"),
    }.items()
)
queries = st.builds(
    DemographicsQuery,
    names=st.lists(st.lists(names_wanted, min_size=1, max_size=2).map(tuple), max_size=2).map(tuple),
    born=st.lists(ranges, max_size=1).map(tuple),
    criteria=st.lists(criteria, max_size=1).map(tuple),
    domains=st.none() | st.sampled_from(((CITY,), (AFFINITY, VALLEY), ())),
    least=st.sampled_from((0, 0, 70, 100)),
)


@pytest.mark.parametrize("few", [0, 100])
def test_a_query_finds_whom_it_means(ask: Asking, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_FEW", few)
    populate(ask, 160, seed=few)

    @SLOW
    @given(queries)
    def check(query: DemographicsQuery) -> None:
        found = ask.record.run(ask.record.index.search(ask.record.asking(), query))
        assert [(each.key, each.identifiers, each.score) for each in found] == expected(ask, query)

    check()
