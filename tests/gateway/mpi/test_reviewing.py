from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning, Refused
from gateway.mpi import reviewing
from gateway.mpi.reviewing import Outcome
from gateway.record.access import Scope
from gateway.record.demographics import PersonName
from gateway.record.patients import State
from gateway.record.people import PatientId, SubjectKind
from gateway.stores.reviews import ReviewState
from gateway.stores.work import UnitOfWork

Ids = Callable[[str], PatientId]


class Desk:
    """The queue as two people work it."""

    def __init__(self, index: Any) -> None:
        self.index = index

    def call(self, who: str, **changes: Any) -> Any:
        call = self.index.record.asking(UnitOfWork())
        principal = replace(
            call.principal, kind=SubjectKind.PROFESSIONAL, subject=who, token_id=f"token-{who}"
        )
        return replace(call, principal=principal, **changes)

    def decide(self, who: str, outcome: Outcome, key: int | None = None) -> Any:
        call = self.call(who)
        found = self.index.record.run(
            reviewing.decide(self.index.mpi, call, key or self.only().key, outcome, "looked at")
        )
        self.index.record.commit(call.work)
        return found.changes

    def listed(self, *states: ReviewState) -> Any:
        wanted = states or tuple(ReviewState)
        return self.index.record.run(reviewing.listed(self.index.mpi, self.call("eve"), wanted, 0, 10))

    def only(self) -> Any:
        (found,) = self.listed(ReviewState.OPEN, ReviewState.PROPOSED)
        return found


@pytest.fixture
def desk(index: Any, told: Any, ids: Ids) -> Desk:
    """Two who may be one: same day, same house, a given name that is nearly the same."""
    index.feed(told.anna, ids("city:1"))
    index.feed(replace(told.anna, names=(PersonName(family="Schmit", given=("Anne",)),)), ids("valley:2"))
    assert not index.together(ids("city:1"), ids("valley:2"))
    return Desk(index)


def refusal(desk: Desk, *arguments: Any) -> Meaning:
    with pytest.raises(Refused) as caught:
        desk.decide(*arguments)
    return caught.value.problems[0].meaning


def test_one_proposes_another_confirms(desk: Desk, ids: Ids) -> None:
    assert desk.decide("eve", Outcome.SAME) == ()
    assert desk.only().state is ReviewState.PROPOSED
    assert not desk.index.together(ids("city:1"), ids("valley:2"))
    assert refusal(desk, "eve", Outcome.SAME) is Meaning.NOT_PERMITTED
    changes = desk.decide("adam", Outcome.SAME)
    assert sorted(len(each.after) for each in changes) == [0, 2]
    assert desk.index.together(ids("city:1"), ids("valley:2"))
    (review,) = desk.listed(ReviewState.DECIDED)
    assert (review.proposed_by, review.decided_by, review.decided) == ("eve", "adam", "same")
    assert refusal(desk, "carol", Outcome.SAME, review.key) is Meaning.DUPLICATE_KEY
    desk.index.do("undo", review.operation)
    assert not desk.index.together(ids("city:1"), ids("valley:2"))


def test_who_disagrees_proposes_the_contrary(desk: Desk, ids: Ids, told: Any) -> None:
    desk.decide("eve", Outcome.SAME)
    desk.decide("adam", Outcome.DIFFERENT)
    assert (desk.only().proposed, desk.only().proposed_by) == ("different", "adam")
    assert desk.decide("eve", Outcome.DIFFERENT) == ()
    desk.index.feed(told.anna, ids("valley:2"))
    assert not desk.index.together(ids("city:1"), ids("valley:2")), "what people said beats every rule"


def test_what_cannot_be_told_changes_nothing(desk: Desk) -> None:
    before = desk.index.state()
    desk.decide("eve", Outcome.UNDECIDED)
    desk.decide("adam", Outcome.UNDECIDED)
    assert desk.index.state() == before
    assert [each.decided for each in desk.listed(ReviewState.OBSOLETE)] == ["undecided"]


def test_the_question_shows_both_sides(desk: Desk, ids: Ids) -> None:
    key = desk.only().key
    asked = desk.index.record.run(reviewing.question(desk.index.mpi, desk.call("eve"), key))
    assert asked.subject.identity.id == ids("valley:2")
    assert [each.identity.id for each in asked.person] == [ids("city:1")]
    assert asked.subject.told.name.given == ("Anne",)
    assert desk.index.record.run(reviewing.question(desk.index.mpi, desk.call("eve"), key + 1)) is None


def test_a_frozen_identity_is_set_free(index: Any, told: Any, ids: Ids) -> None:
    for each in ("city:1", "valley:2"):
        index.feed(told.anna, ids(each))
    index.feed(told.bruno, ids("valley:2"))
    desk = Desk(index)
    desk.decide("eve", Outcome.DIFFERENT)
    desk.decide("adam", Outcome.DIFFERENT)
    assert index.held(ids("valley:2")).identity.state is State.ACTIVE
    assert not index.together(ids("city:1"), ids("valley:2"))


def test_only_persons_with_the_right_work_the_queue(desk: Desk) -> None:
    key = desk.only().key
    for scope in (Scope(persons=True), Scope(unrestricted=True), Scope()):
        call = desk.call("eve", scope=scope)
        with pytest.raises(PermissionError):
            desk.index.record.run(reviewing.decide(desk.index.mpi, call, key, Outcome.SAME, "-"))
        with pytest.raises(PermissionError):
            desk.index.record.run(reviewing.question(desk.index.mpi, call, key))
    system = desk.index.record.asking(UnitOfWork())
    with pytest.raises(Refused):
        desk.index.record.run(reviewing.decide(desk.index.mpi, system, key, Outcome.SAME, "-"))
