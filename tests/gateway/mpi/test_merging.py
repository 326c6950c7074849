from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import Meaning, Refused
from gateway.record.demographics import NOTHING
from gateway.record.patients import PatientMerge
from gateway.record.people import PatientId
from gateway.stores.search import ENTRY

Ids = Callable[[str], PatientId]


def refusal(index: Any, method: str, *arguments: Any) -> tuple[Meaning, str | None]:
    with pytest.raises(Refused) as caught:
        getattr(index, method)(*arguments)
    return caught.value.problems[0].meaning, caught.value.problems[0].location


@pytest.mark.parametrize(
    ("survivor", "subsumed", "expected"),
    [
        ("city:2", "valley:1", (Meaning.UNKNOWN_KEY, "subsumed")),
        ("city:2", "city:2", (Meaning.DUPLICATE_KEY, "subsumed")),
        ("city:2", "city:9", (Meaning.UNKNOWN_KEY, "subsumed")),
        ("city:9", "city:2", (Meaning.UNKNOWN_KEY, "survivor")),
        ("city:2", "city:1", (Meaning.DUPLICATE_KEY, "subsumed")),
        ("city:1", "city:2", (Meaning.DUPLICATE_KEY, "survivor")),
    ],
    ids=["domain", "same", "unknown", "unknown survivor", "subsumed already", "into a subsumed one"],
)
def test_merges_that_are_refused_change_nothing(
    index: Any, ids: Ids, survivor: str, subsumed: str, expected: tuple[Meaning, str]
) -> None:
    for each in ("city:1", "city:2", "city:3", "valley:1"):
        index.feed(NOTHING, ids(each))
    index.merge(ids("city:3"), ids("city:1"))
    before = index.state()
    assert refusal(index, "merge", ids(survivor), ids(subsumed)) == expected
    assert index.state() == before


def test_what_was_linked_to_the_subsumed_follows_a_survivor_that_was_alone(
    index: Any, told: Any, ids: Ids
) -> None:
    index.feed(told.anna, ids("city:1"))
    index.feed(told.anna, ids("valley:7"))
    index.feed(NOTHING, ids("city:2"))
    changes = index.merge(ids("city:2"), ids("city:1"))
    assert index.together(ids("city:2"), ids("valley:7"))
    assert sorted(each.after for each in changes) == [(), (ids("city:2"), ids("valley:7"))]


def test_two_persons_of_whom_both_have_others_are_left_to_people(index: Any, told: Any, ids: Ids) -> None:
    for person, number in ((told.anna, 1), (told.bruno, 2)):
        index.feed(person, ids(f"city:{number}"))
        index.feed(person, ids(f"valley:{number}"))
    index.merge(ids("city:2"), ids("city:1"))
    assert index.together(ids("city:1"), ids("city:2"), ids("valley:2"))
    assert not index.together(ids("city:2"), ids("valley:1"))
    assert [each.kind for each in index.reviews()] == ["merged-apart"]


def test_in_the_affinity_domain_all_links_follow(index: Any, told: Any, ids: Ids) -> None:
    """Its source says that two records are one: whoever was linked to one of them is linked to it."""
    for person, number in ((told.anna, 1), (told.bruno, 2)):
        index.feed(person, ids(f"xad:{number}"))
        index.feed(person, ids(f"valley:{number}"))
    index.merge(ids("xad:2"), ids("xad:1"))
    assert index.together(ids("xad:2"), ids("valley:1"), ids("valley:2"))


def test_a_chain_resolves_to_its_end_and_is_undone_step_by_step(index: Any, ids: Ids) -> None:
    for number in (1, 2, 3):
        index.feed(NOTHING, ids(f"xad:{number}"))
    start = index.state()
    index.merge(ids("xad:2"), ids("xad:1"))
    first, middle = index.last(ids("xad:1")), index.state()
    index.merge(ids("xad:3"), ids("xad:2"))
    second = index.last(ids("xad:1"))
    assert {index.held(ids(f"xad:{number}")).identity.head for number in (1, 2, 3)} == {
        index.held(ids("xad:3")).identity.key
    }
    assert refusal(index, "do", "undo", first) == (Meaning.DUPLICATE_KEY, "target")
    index.do("undo", second)
    assert index.state() == middle
    index.do("undo", first)
    assert index.state() == start


def test_the_registry_follows_a_merge_and_its_undoing(index: Any, make: Any, ids: Ids) -> None:
    """Documents stay where they are kept; what is asked under either identifier is found as it was."""
    record = index.record
    for number in (1, 2):
        index.feed(NOTHING, ids(f"xad:{number}"))
        entry = make.entry(patient=ids(f"xad:{number}"))
        record.register(make.submission(entry, patient=ids(f"xad:{number}")), make)

    def found(identity: PatientId) -> int:
        return _count(record, identity)

    index.merge(ids("xad:2"), ids("xad:1"))
    assert found(ids("xad:2")) == 2
    index.do("undo", index.last(ids("xad:1")))
    assert [found(ids(f"xad:{number}")) for number in (1, 2)] == [1, 1]


def _count(record: Any, identity: PatientId) -> int:
    return len(record.run(record.registry.find(record.scope(identity), ENTRY, (), 100)))


def test_a_new_identifier_takes_the_place_of_the_old_one(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    index.feed(told.anna, ids("valley:7"))
    index.do("rename", PatientMerge(survivor=ids("city:9"), subsumed=ids("city:1"), message_id="1"))
    assert index.held(ids("city:9")).told == told.anna
    assert index.held(ids("city:1")).identity.merged
    assert index.together(ids("city:9"), ids("valley:7"))
    occupied = PatientMerge(survivor=ids("city:1"), subsumed=ids("city:9"), message_id="2")
    assert refusal(index, "do", "rename", occupied) == (Meaning.DUPLICATE_KEY, "survivor")


def test_a_removed_identifier_leaves_its_person(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    index.feed(told.anna, ids("valley:7"))
    changes = index.do("remove", ids("city:1"))
    assert [each.after for each in changes] == [(ids("valley:7"),)]
    assert not index.record.run(index.record.index.known(ids("city:1")))
    index.do("undo", index.last(ids("city:1")))
    assert index.together(ids("city:1"), ids("valley:7"))


@pytest.mark.parametrize("method", ["merge_or_rename", "rename_if_known"])
def test_an_unknown_identifier_has_nothing_to_end(index: Any, ids: Ids, method: str) -> None:
    index.feed(NOTHING, ids("city:2"))
    before = index.state()
    for survivor in ("city:2", "city:8"):
        told = PatientMerge(survivor=ids(survivor), subsumed=ids("city:9"), message_id="1")
        assert index.do(method, told) == ()
    assert index.state() == before


@pytest.mark.parametrize("method", ["merge_or_rename", "rename_if_known"])
def test_an_unknown_survivor_takes_the_place(index: Any, told: Any, ids: Ids, method: str) -> None:
    index.feed(told.anna, ids("city:1"))
    index.do(method, PatientMerge(survivor=ids("city:9"), subsumed=ids("city:1"), message_id="1"))
    assert index.held(ids("city:1")).identity.head == index.held(ids("city:9")).identity.key
    assert index.held(ids("city:9")).told == index.held(ids("city:1")).told


def test_what_is_known_is_merged_and_not_renamed(index: Any, ids: Ids) -> None:
    for each in ("city:1", "city:2"):
        index.feed(NOTHING, ids(each))
    pair = PatientMerge(survivor=ids("city:2"), subsumed=ids("city:1"), message_id="1")
    assert refusal(index, "do", "rename_if_known", pair) == (Meaning.DUPLICATE_KEY, "survivor")
    index.do("merge_or_rename", pair)
    assert index.held(ids("city:1")).identity.merged


def test_a_question_that_stands_is_not_asked_again(index: Any, told: Any, ids: Ids) -> None:
    """Nor does it keep the same merge from being made once more, after it was undone."""
    for person, number in ((told.anna, 1), (told.bruno, 2)):
        index.feed(person, ids(f"city:{number}"))
        index.feed(person, ids(f"valley:{number}"))
    for _ in range(2):
        index.merge(ids("city:2"), ids("city:1"))
        index.do("undo", index.last(ids("city:1")))
    assert [each.kind for each in index.reviews()] == ["merged-apart"]
