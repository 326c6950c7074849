from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import Meaning, Refused
from gateway.record.demographics import NOTHING, Demographics
from gateway.record.people import PatientId

Ids = Callable[[str], PatientId]


def test_a_link_is_undone_exactly(index: Any, told: Any, ids: Ids) -> None:
    """With all that had come with it: whoever was linked to either goes where he was."""
    for person, number in ((told.anna, 1), (told.bruno, 2)):
        for domain in ("city", "valley"):
            index.feed(person, ids(f"{domain}:{number}"))
    start = index.state()
    changes = index.do("link", ids("city:1"), ids("city:2"), "the mother says so")
    assert sorted(len(each.after) for each in changes) == [0, 4]
    index.do("unlink", ids("city:1"), ids("city:2"), "she was wrong")
    assert index.state() == start


def test_who_was_said_to_be_another_is_not_linked_again(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    index.feed(told.anna, ids("valley:7"))
    changes = index.do("unlink", ids("city:1"), ids("valley:7"), "two persons, one name")
    assert [each.after for each in changes] == [(ids("city:1"),), (ids("valley:7"),)]
    for each in ("city:1", "valley:7"):
        index.feed(Demographics(marital_status="M"), ids(each))
        index.feed(Demographics(telecoms=(*told.anna.telecoms, *told.bruno.telecoms)), ids(each))
    assert not index.together(ids("city:1"), ids("valley:7"))


def test_a_link_says_no_more_that_they_are_two(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    index.feed(told.anna, ids("valley:7"))
    index.do("unlink", ids("city:1"), ids("valley:7"), "no")
    index.do("link", ids("city:1"), ids("valley:7"), "yes")
    said = index.record.run(index.mpi.history.assertions([index.held(ids("city:1")).identity.key]))
    assert [each.same for each in said] == [True]
    assert index.together(ids("city:1"), ids("valley:7"))


def test_the_person_that_stays_is_the_one_of_the_affinity_domain(index: Any, ids: Ids) -> None:
    for each in ("city:1", "xad:A"):
        index.feed(NOTHING, ids(each))
    stays = index.person(ids("xad:A"))
    index.do("link", ids("city:1"), ids("xad:A"), "-")
    assert index.person(ids("city:1")) == stays


@pytest.mark.parametrize("method", ["link", "unlink"])
def test_a_link_creates_nobody(index: Any, ids: Ids, method: str) -> None:
    index.feed(NOTHING, ids("city:1"))
    for pair, place in ((("city:1", "city:9"), "second"), (("city:9", "city:1"), "first")):
        with pytest.raises(Refused) as caught:
            index.do(method, ids(pair[0]), ids(pair[1]), "-")
        problem = caught.value.problems[0]
        assert (problem.meaning, problem.location) == (Meaning.UNKNOWN_KEY, place)


def test_a_link_that_a_merge_has_moved_on_cannot_be_undone_before_it(index: Any, ids: Ids) -> None:
    for each in ("city:1", "city:2", "valley:7"):
        index.feed(NOTHING, ids(each))
    index.do("link", ids("city:1"), ids("valley:7"), "-")
    linked = index.last(ids("valley:7"))
    index.merge(ids("city:2"), ids("city:1"))
    with pytest.raises(Refused):
        index.do("undo", linked)
    index.do("undo", index.last(ids("city:1")))
    index.do("undo", linked)
    assert not index.together(ids("city:1"), ids("valley:7"))
