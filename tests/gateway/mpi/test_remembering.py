from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.errors import Meaning, Refused
from gateway.mpi import remembering
from gateway.record.access import Scope
from gateway.record.demographics import NOTHING
from gateway.record.people import PatientId, SubjectKind
from gateway.stores.work import UnitOfWork

Ids = Callable[[str], PatientId]


def person(index: Any, **changes: Any) -> Any:
    """A request of somebody at the desk."""
    call = index.record.asking(UnitOfWork())
    who = replace(call.principal, kind=SubjectKind.PROFESSIONAL, subject="eve", token_id="token")
    return replace(call, principal=who, **changes)


def history(index: Any, asked: int | PatientId) -> tuple[remembering.Done, ...]:
    found: tuple[remembering.Done, ...] = index.record.run(
        remembering.history(index.mpi, person(index), asked)
    )
    return found


def take_back(index: Any, operation: int, reason: str = "wrong") -> remembering.TakenBack:
    call = person(index)
    back: remembering.TakenBack = index.record.run(remembering.take_back(index.mpi, call, operation, reason))
    index.record.commit(call.work)
    return back


@pytest.fixture
def merged(index: Any, ids: Ids) -> Any:
    """xad:3 ended in xad:2, which ended in xad:1."""
    for number in "123":
        index.feed(NOTHING, ids(f"xad:{number}"))
    index.merge(ids("xad:2"), ids("xad:3"))
    index.merge(ids("xad:1"), ids("xad:2"))
    return index


def test_operations_in_order_with_what_they_moved(merged: Any, ids: Ids) -> None:
    first, second = history(merged, ids("xad:3"))
    assert [each.kind for each in (first, second)] == ["merge", "merge"]
    assert [(each.id, each.into) for each in first.moves] == [(ids("xad:3"), ids("xad:2"))]
    assert {(each.id, each.into) for each in second.moves} == {
        (ids("xad:2"), ids("xad:1")),
        (ids("xad:3"), ids("xad:1")),
    }
    assert orjson.loads(second.decision or "")["rule"] == "merge"
    assert history(merged, merged.person(ids("xad:1"))) == (first, second)


def test_a_person_that_is_no_more_tells_where_it_went(merged: Any, ids: Ids) -> None:
    gone = merged.held(ids("xad:3")).identity.key
    assert [each.kind for each in history(merged, gone)] == ["merge"]
    assert history(merged, 1) == ()
    assert history(merged, ids("xad:9")) == ()


def test_what_was_taken_back_is_remembered_as_it_was_told(merged: Any, ids: Ids) -> None:
    second = history(merged, ids("xad:2"))[-1]
    back = take_back(merged, second.key, "two children")
    assert {each.id for each in back.done.moves} == {ids("xad:2"), ids("xad:3")}
    assert sorted(len(each.after) for each in back.changes) == [1]
    (told,) = [each for each in history(merged, ids("xad:2")) if each.kind == "undo"]
    assert told == back.done
    assert told.undoes == second.key
    assert orjson.loads(told.decision or "") == {"rule": "undone", "reason": "two children"}
    assert merged.record.run(remembering.operation(merged.mpi, person(merged), told.key)) == told


def test_what_is_in_the_way_is_named(merged: Any, ids: Ids) -> None:
    first, second = history(merged, ids("xad:3"))
    with pytest.raises(Refused) as caught:
        take_back(merged, first.key)
    assert caught.value.problems[0].meaning is Meaning.DUPLICATE_KEY
    assert f"{second.key:x} (merge)" in caught.value.detail
    back = take_back(merged, second.key)
    with pytest.raises(Refused, match=f"undone already, by operation {back.done.key:x}"):
        take_back(merged, second.key)
    take_back(merged, first.key)


def test_only_people_with_the_right_see_and_undo(merged: Any, ids: Ids) -> None:
    operation = history(merged, ids("xad:3"))[0].key
    for scope in (Scope(persons=True), Scope(unrestricted=True), Scope()):
        call = person(merged, scope=scope)
        with pytest.raises(PermissionError):
            merged.record.run(remembering.history(merged.mpi, call, ids("xad:3")))
        with pytest.raises(PermissionError):
            merged.record.run(remembering.take_back(merged.mpi, call, operation, "-"))
    system = merged.record.asking(UnitOfWork())
    for asked in (
        remembering.history(merged.mpi, system, ids("xad:3")),
        remembering.operation(merged.mpi, system, operation),
        remembering.take_back(merged.mpi, system, operation, "-"),
    ):
        with pytest.raises(Refused):
            merged.record.run(asked)
