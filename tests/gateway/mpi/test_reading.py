"""Persons by logical id and by identifier, what became of them, and the parts of a long answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.record.access import Scope
from gateway.record.demographics import Demographics, PersonName
from gateway.record.patients import Person
from gateway.record.people import PatientId

Ids = Callable[[str], PatientId]


def ask(index: Any, method: str, *arguments: Any, **asking: Any) -> Any:
    return index.record.run(getattr(index.record.index, method)(index.record.asking(**asking), *arguments))


def hide(index: Any, root: str) -> None:
    """Nobody may see a domain any more."""
    record, mpi = index.record, index.mpi
    domains = mpi.domain.identity_domains
    closed = {**domains, root: replace(domains[root], readers=frozenset())}
    index.mpi = replace(mpi, domain=replace(mpi.domain, identities=closed))
    record.index = replace(record.index, mpi=index.mpi)


# --- by logical id -------------------------------------------------------------------------------


def test_a_person_is_read_by_logical_id(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    found = ask(index, "person", index.person(ids("city:1")))
    assert found == Person(
        key=index.person(ids("city:1")), identifiers=(ids("city:1"),), demographics=told.anna
    )
    assert ask(index, "person", 12345) is None


def test_a_person_that_became_part_of_another_says_of_whom(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.bruno, ids("city:1"))
    ended = index.person(ids("city:1"))
    index.do("link", ids("xad:1"), ids("city:1"), "seen")
    found = ask(index, "person", ended)
    assert (found.key, found.active, found.replaced_by) == (ended, False, index.person(ids("xad:1")))
    assert found.identifiers == (ids("city:1"),)
    assert found.demographics == told.bruno


def test_it_is_followed_through_several(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.bruno, ids("xad:2"))
    index.feed(Demographics(names=(PersonName(family="Weber"),)), ids("xad:3"))
    first = index.person(ids("xad:3"))
    index.merge(ids("xad:2"), ids("xad:3"))
    index.merge(ids("xad:1"), ids("xad:2"))
    assert ask(index, "person", first).replaced_by == index.person(ids("xad:1"))


def test_a_link_that_was_undone_leaves_both_as_they_were(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.bruno, ids("city:1"))
    before = index.person(ids("city:1"))
    index.do("link", ids("xad:1"), ids("city:1"), "seen")
    index.do("undo", index.last(ids("city:1")))
    assert ask(index, "person", before).active


def test_who_was_removed_or_may_not_be_seen_is_nobody(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    index.feed(told.bruno, ids("valley:1"))
    anna, bruno = (index.person(ids(each)) for each in ("city:1", "valley:1"))
    index.do("remove", ids("city:1"))
    hide(index, ids("valley:1").root)
    assert ask(index, "person", anna) is None
    assert ask(index, "person", bruno) is None


def test_nothing_is_told_of_an_identifier_that_may_not_be_seen(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.bruno, ids("city:1"))
    ended = index.person(ids("city:1"))
    index.do("link", ids("xad:1"), ids("city:1"), "seen")
    hide(index, ids("city:1").root)
    found = ask(index, "person", ended)
    assert (found.identifiers, found.replaced_by) == ((), index.person(ids("xad:1")))
    assert ask(index, "resolve", ids("city:1")) is None


# --- by identifier -------------------------------------------------------------------------------


def test_the_person_of_an_identifier(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    index.feed(told.anna, ids("xad:1"))
    assert ask(index, "resolve", ids("city:1")).identifiers == (ids("xad:1"), ids("city:1"))
    assert ask(index, "resolve", ids("city:2")) is None
    assert ask(index, "resolve", PatientId("1", "2.999.666")) is None


def test_a_merged_identifier_tells_what_ended_and_who_stayed(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.bruno, ids("xad:2"))
    index.merge(ids("xad:1"), ids("xad:2"))
    found = ask(index, "resolve", ids("xad:2"))
    assert (found.active, found.replaced_by) == (False, index.person(ids("xad:1")))
    assert (found.identifiers, found.demographics) == ((ids("xad:2"),), told.bruno)
    assert found.key == index.held(ids("xad:2")).identity.key


def test_a_removed_identifier_is_nobody_s(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.do("remove", ids("xad:1"))
    assert ask(index, "resolve", ids("xad:1")) is None


def test_a_hidden_identity_is_its_source_s_only(index: Any, told: Any, ids: Ids) -> None:
    index.feed(replace(told.anna, status="CACH"), ids("city:1"))
    assert ask(index, "resolve", ids("city:1")) is not None
    assert ask(index, "person", index.person(ids("city:1"))) is None
    call = index.record.asking()
    stranger = replace(call, node=replace(call.node, feeds=frozenset({ids("xad:1").root})))
    assert index.record.run(index.record.index.resolve(stranger, ids("city:1"))) is None


def test_a_hidden_identity_has_no_cross_references_for_others(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.anna, ids("city:1"))
    index.feed(Demographics(status="DESA"), ids("city:1"))
    assert ask(index, "cross_reference", ids("xad:1"), ()).identifiers == ()
    assert ask(index, "cross_reference", ids("city:1"), ()).person is None


# --- parts ---------------------------------------------------------------------------------------


def test_persons_are_read_again_in_their_order(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("xad:1"))
    index.feed(told.bruno, ids("city:1"))
    anna, bruno = (index.person(ids(each)) for each in ("xad:1", "city:1"))
    assert [each.key for each in ask(index, "persons", [bruno, 5, anna], None)] == [bruno, anna]
    assert [each.key for each in ask(index, "persons", [bruno, anna], (ids("xad:1").root,))] == [anna]
    assert ask(index, "persons", [], None) == ()
    index.do("remove", ids("city:1"))
    assert [each.key for each in ask(index, "persons", [bruno, anna], None)] == [anna]


def keep(index: Any, tag: str, *persons: int) -> str:
    call = index.record.asking()
    pointer = index.record.run(index.record.index.keep(call, tag, persons))
    index.record.commit(call.work)
    return str(pointer)


def test_a_query_goes_on_by_pointer_and_by_tag(index: Any) -> None:
    pointer = keep(index, "Q1", 3, 1, 2)
    assert ask(index, "resume", pointer) == ("Q1", (3, 1, 2))
    assert ask(index, "resume_tag", "Q1") == (3, 1, 2)
    assert ask(index, "resume", "unknown") is None
    assert ask(index, "resume_tag", "Q2") is None


def test_it_goes_on_for_the_node_that_asked_and_while_it_is_kept(index: Any) -> None:
    pointer = keep(index, "Q1", 1)
    assert ask(index, "resume", pointer, node="other") is None
    assert ask(index, "resume_tag", "Q1", node="other") is None
    call = index.record.asking()
    late = replace(call, at=call.at + timedelta(seconds=600))
    assert index.record.run(index.record.index.resume(late, pointer)) is None
    assert index.record.run(index.record.index.resume_tag(late, "Q1")) is None


def test_a_query_can_be_cancelled(index: Any) -> None:
    pointer = keep(index, "Q1", 1)
    for node, left in (("other", ("Q1", (1,))), ("hospital", None)):
        call = index.record.asking(node=node)
        index.record.index.drop(call, "Q1")
        index.record.commit(call.work)
        assert ask(index, "resume", pointer) == left


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("person", (1,)),
        ("resolve", (PatientId("1", "2.999.3"),)),
        ("persons", ([1], None)),
        ("keep", ("Q1", [1])),
        ("resume", ("pointer",)),
        ("resume_tag", ("Q1",)),
        ("cross_reference", (PatientId("1", "2.999.3"), ())),
    ],
)
def test_nobody_reads_without_a_decision(index: Any, method: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(PermissionError):
        ask(index, method, *arguments, scope=Scope(unrestricted=True))


def test_nobody_cancels_without_a_decision(index: Any) -> None:
    with pytest.raises(PermissionError):
        index.record.index.drop(index.record.asking(scope=Scope()), "Q1")
