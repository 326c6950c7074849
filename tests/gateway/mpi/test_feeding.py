from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning, Refused
from gateway.matching import is_matricule
from gateway.record.access import Scope
from gateway.record.demographics import NOTHING, Demographics, PersonName
from gateway.record.patients import PatientFeed, State
from gateway.record.people import PatientId
from gateway.stores.work import UnitOfWork

Ids = Callable[[str], PatientId]


def refusal(index: Any, *identifiers: PatientId, told: Demographics = NOTHING) -> tuple[Meaning, str | None]:
    with pytest.raises(Refused) as caught:
        index.feed(told, *identifiers)
    return caught.value.problems[0].meaning, caught.value.problems[0].location


def test_the_same_person_of_two_domains_is_one(index: Any, told: Any, ids: Ids) -> None:
    (first,) = index.feed(told.anna, ids("city:1"))
    assert (first.before, first.after) == ((), (ids("city:1"),))
    (second,) = index.feed(told.anna, ids("valley:2"))
    assert (second.before, second.after) == ((ids("city:1"),), (ids("city:1"), ids("valley:2")))
    assert index.together(ids("city:1"), ids("valley:2"))


def test_another_person_is_another(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    index.feed(told.bruno, ids("valley:2"))
    assert not index.together(ids("city:1"), ids("valley:2"))
    assert index.reviews() == []


def test_a_twin_is_not_linked_but_asked_about(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    twin = replace(told.anna, names=(PersonName(family="Schmit", given=("Anne",)),))
    index.feed(twin, ids("valley:2"))
    assert not index.together(ids("city:1"), ids("valley:2"))
    assert [each.state for each in index.reviews()] == ["open"]
    assert "Schmit" not in index.reviews()[0].explanation


def test_an_equal_national_number_links_who_moved_and_has_another_phone(
    index: Any, told: Any, ids: Ids
) -> None:
    index.feed(told.with_number(told.anna, "1980122400013"), ids("city:1"))
    number = valid_number("19801224")
    anna = told.with_number(told.anna, number)
    index.feed(anna, ids("city:2"))
    moved = replace(anna, addresses=None, telecoms=None)
    index.feed(moved, ids("valley:2"))
    assert index.together(ids("city:2"), ids("valley:2"))


def valid_number(date: str) -> str:
    return next(number for number in (f"{date}001{tail:02d}" for tail in range(100)) if is_matricule(number))


def test_an_update_keeps_what_is_not_sent_and_a_whole_one_does_not(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    (change,) = index.feed(Demographics(sex="", birth_date="19801225"), ids("city:1"))
    assert change.told == (ids("city:1"),)
    assert change.before == change.after
    assert index.held(ids("city:1")).told == replace(told.anna, sex=None, birth_date="19801225")
    index.feed(Demographics(names=told.anna.names), ids("city:1"), whole=True)
    assert index.held(ids("city:1")).told == Demographics(names=told.anna.names)
    assert index.held(ids("city:1")).identity.version == 3


def test_what_says_nothing_new_writes_nothing(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    work = UnitOfWork()
    feed = PatientFeed(identifiers=(ids("city:1"),), demographics=told.anna, message_id="2")
    assert index.record.run(index.record.index.feed(index.record.asking(work), feed)) == ()
    assert work.steps == []


def test_an_update_may_show_who_it_is(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    index.feed(Demographics(names=told.anna.names), ids("valley:2"))
    assert not index.together(ids("city:1"), ids("valley:2"))
    index.feed(told.anna, ids("valley:2"))
    assert index.together(ids("city:1"), ids("valley:2"))


def test_an_overlay_leaves_its_person_and_is_frozen(index: Any, told: Any, ids: Ids) -> None:
    """One patient's data were written over another's: whoever was linked to it must not see them."""
    for each in ("city:1", "valley:2"):
        index.feed(told.anna, ids(each))
    index.feed(told.bruno, ids("valley:2"))
    assert not index.together(ids("city:1"), ids("valley:2"))
    assert index.held(ids("valley:2")).identity.state is State.FROZEN
    assert [(each.kind, each.priority) for each in index.reviews()] == [("overlay", 1)]
    index.feed(told.bruno, ids("city:9"))
    assert not index.together(ids("city:9"), ids("valley:2")), "frozen: no automatic link"


def test_identifiers_of_one_message_are_one_person(index: Any, told: Any, ids: Ids) -> None:
    (change,) = index.feed(told.anna, ids("city:1"), ids("xad:A"))
    assert change.after == (ids("xad:A"), ids("city:1"))


def test_a_message_that_contradicts_is_left_to_people(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    index.feed(told.bruno, ids("xad:B"))
    index.feed(told.anna, ids("city:1"), ids("xad:B"))
    assert not index.together(ids("city:1"), ids("xad:B"))
    assert {each.kind for each in index.reviews()} >= {"overlay"}


def test_a_node_tells_of_its_own_domains_only(index: Any, told: Any, ids: Ids) -> None:
    """What it knows of other domains is kept as evidence; they are not its to assign."""
    work = UnitOfWork()
    call = index.record.asking(work)
    own = replace(call, node=replace(call.node, feeds=frozenset({ids("city:1").root})))
    feed = PatientFeed(identifiers=(ids("city:1"), ids("xad:A")), demographics=told.anna, message_id="1")
    index.record.run(index.record.index.feed(own, feed))
    index.record.commit(work)
    assert index.held(ids("xad:A")) is None
    assert index.held(ids("city:1")).told.identifiers == (ids("xad:A"),)
    other = PatientFeed(identifiers=(ids("xad:A"),), demographics=told.anna, message_id="2")
    with pytest.raises(Refused) as caught:
        index.record.run(index.record.index.feed(own, other))
    assert caught.value.problems[0].meaning is Meaning.UNKNOWN_KEY


def test_two_identifiers_of_one_domain_are_refused(index: Any, ids: Ids) -> None:
    assert refusal(index, ids("city:1"), ids("city:2")) == (Meaning.DUPLICATE_KEY, "identifier")


def test_merged_and_removed_identifiers_do_not_come_again(index: Any, told: Any, ids: Ids) -> None:
    for each in ("city:1", "city:2", "city:3"):
        index.feed(NOTHING, ids(each))
    index.merge(ids("city:2"), ids("city:1"))
    index.do("remove", ids("city:3"))
    for each in ("city:1", "city:3"):
        assert refusal(index, ids(each), told=told.anna) == (Meaning.DUPLICATE_KEY, "identifier")


def test_nobody_feeds_without_the_right(index: Any, told: Any, ids: Ids) -> None:
    work = UnitOfWork()
    call = index.record.asking(work, Scope(persons=True))
    feed = PatientFeed(identifiers=(ids("city:1"),), demographics=told.anna, message_id="1")
    with pytest.raises(PermissionError):
        index.record.run(index.record.index.feed(call, feed))
    assert work.steps == []


def test_the_same_new_person_arriving_at_once_is_one(index: Any, told: Any, ids: Ids) -> None:
    feeds = [
        PatientFeed(identifiers=(ids(f"{domain}:{number}"),), demographics=each, message_id="1")
        for number, each in enumerate((told.anna, told.bruno))
        for domain in ("city", "valley", "xad")
    ]
    outcomes = index.at_once(*(lambda call, feed=feed: index.record.index.feed(call, feed) for feed in feeds))
    assert outcomes == [None] * 6
    for number in range(2):
        assert index.together(*(ids(f"{domain}:{number}") for domain in ("city", "valley", "xad")))


def test_an_identifier_of_the_affinity_domain_is_issued_where_the_index_assigns_them(
    index: Any, told: Any, ids: Ids
) -> None:
    object.__setattr__(index.mpi, "issues", True)
    (change,) = index.feed(told.anna, ids("city:1"))
    issued, local = change.after
    assert (issued.root, local) == ("2.999.1.1", ids("city:1"))
    index.feed(told.anna, ids("valley:2"))
    found = index.record.run(index.record.index.cross_reference(index.record.asking(), ids("valley:2"), []))
    assert found.identifiers == (issued, ids("city:1"))
