"""Changes that meet each other: one wins, and what stands is whole."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import literal, select
from sqlalchemy.util import await_only

from gateway.errors import Busy, Meaning, Outdated
from gateway.record.documents import Relation
from gateway.record.people import PatientId
from gateway.stores import tables
from gateway.stores.database import PostgresDatabase
from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET, Ask, Condition
from gateway.stores.work import Check, UnitOfWork
from tests.gateway.stores.changing import (
    APPROVED,
    DEPRECATED,
    OTHER,
    chain,
    counts,
    linked,
    meanings,
    replacing,
    rows,
    statuses,
    versions,
    whole,
)


class Meeting(Check):
    """A condition that waits until all are there: their writes are done, and none is committed yet.

    On PostgreSQL only; one that waits for a row of another does not come, and the others go on.
    """

    def __init__(self, size: int) -> None:
        super().__init__(query=select(literal(1)), otherwise=Busy("never"))
        object.__setattr__(self, "barrier", asyncio.Barrier(size))

    def __getattribute__(self, name: str) -> Any:
        if name == "query":
            await_only(_arrive(object.__getattribute__(self, "barrier")))
        return super().__getattribute__(name)


async def _arrive(barrier: asyncio.Barrier) -> None:
    try:
        await asyncio.wait_for(barrier.wait(), 0.25)
    except (TimeoutError, asyncio.BrokenBarrierError):
        await barrier.abort()


def race(record: Any, *works: UnitOfWork) -> list[Any]:
    """Straight to the database, each in a transaction of its own, all at once."""
    if isinstance(record.database, PostgresDatabase):
        record.all(*(record.database.fetch(select(literal(1))) for _ in works))  # a connection for each
        meeting = Meeting(len(works))
        for work in works:
            work.steps.insert(0, meeting)
    return record.all(*(record.database.apply([work]) for work in works))


def lost(outcomes: list[Any], *expected: Meaning) -> int:
    """The position of the one winner; the others lost with a meaning that tells why, or may try again."""
    errors = [each for each in outcomes if each is not None]
    assert len(errors) == len(outcomes) - 1, outcomes
    for error in errors:
        assert isinstance(error, Busy) or meanings(error)[0] in expected, error
    return outcomes.index(None)


def test_two_folders_with_one_unique_id(known: Any, make: Any) -> None:
    unique_id = make.oid()
    works = [
        known.prepared(make.submission(folders=[make.folder(unique_id=unique_id)]), make) for _ in range(3)
    ]
    lost(race(known, *works), Meaning.DUPLICATE_IN_REGISTRY)
    assert counts(known)["folder"] == counts(known)["submission_set"] == 1


@pytest.mark.parametrize("kind", ["document", "folder"])
def test_two_updates_of_one_version(known: Any, make: Any, kind: str) -> None:
    old = make.entry() if kind == "document" else make.folder()
    of = {"folders": [old]} if kind == "folder" else {}
    known.register(make.submission(*([] if of else [old]), **of), make)
    new = [make.version(old, title=f"T{number}") for number in range(3)]
    works = [known.updating(make.update((item, 1)), make) for item in new]
    winner = lost(race(known, *works), Meaning.UPDATE_VERSION)
    table = ENTRY if kind == "document" else FOLDER
    assert versions(known, table, old.id) == [(1, DEPRECATED, False), (2, APPROVED, True)]
    assert {row.uuid for row in rows(known, table)} == {old.id, new[winner].id}
    assert counts(known)["submission_set"] == 2
    whole(known)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_replacement_and_an_update_of_one_document(known: Any, make: Any, order: tuple[int, int]) -> None:
    old = make.entry()
    known.register(make.submission(old), make)
    new, submission = replacing(make, old)
    version = make.version(old)
    works = [known.prepared(submission, make), known.updating(make.update((version, 1)), make)]
    outcomes = race(known, *(works[at] for at in order))
    winner = order[lost(outcomes, Meaning.DEPRECATED_TARGET, Meaning.UPDATE_VERSION)]
    expected = {old.id: DEPRECATED, (new, version)[winner].id: APPROVED}
    assert statuses(known) == expected
    assert len(linked(known, Relation.REPLACE)) == (1 if winner == 0 else 0)
    whole(known)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_status_change_and_an_update_of_a_deprecated_document(
    known: Any, make: Any, order: tuple[int, int]
) -> None:
    """A version that is not the latest never comes back to life."""
    old = make.entry()
    known.register(make.submission(old), make)
    known.update(make.update(changes=[make.status_change(old.id, APPROVED, DEPRECATED)]), make)
    works = [
        known.updating(make.update(changes=[make.status_change(old.id, DEPRECATED, APPROVED)]), make),
        known.updating(make.update((make.version(old), 1)), make, deprecated_too=True),
    ]
    lost(race(known, *(works[at] for at in order)), Meaning.UPDATE, Meaning.UPDATE_VERSION)
    whole(known)


def test_an_update_and_the_removal_of_its_version(known: Any, make: Any) -> None:
    for order in ((0, 1), (1, 0)):
        old = make.entry()
        submission = known.register(make.submission(old), make)
        new = make.version(old)
        works = [known.updating(make.update((new, 1)), make), known.removing(*submission.ids)]
        outcomes = dict(zip(order, race(known, *(works[at] for at in order)), strict=True))
        assert outcomes[1] is None, "the removal of an old version is right before and after"
        there = {row.uuid for row in rows(known, ENTRY) if row.logical_id == old.id}
        if outcomes[0] is None:
            assert there == {new.id}
        else:
            assert meanings(outcomes[0])[0] is Meaning.UPDATE_VERSION
            assert there == set()
        whole(known)


@pytest.mark.parametrize("what", ["reference", "addendum", "folder", "association"])
def test_a_removal_and_a_new_reference_to_the_object(known: Any, make: Any, what: str) -> None:
    for order in ((0, 1), (1, 0)):
        entry, folder, other = make.entry(), make.folder(), make.entry()
        mine = known.register(make.submission(entry), make)
        theirs = known.register(make.submission(folders=[folder]), make)
        known.register(make.submission(other), make)
        removed = theirs.ids if what == "folder" else mine.ids
        head = make.submission(unique_id=make.oid())
        if what == "association":
            referring = known.updating(
                make.update(links=[make.link(Relation.APPEND, other.id, entry.id)]), make
            )
        elif what == "addendum":
            fresh = make.entry()
            link = make.link(Relation.APPEND, fresh.id, entry.id)
            referring = known.prepared(make.submission(fresh, links=[link]), make)
        elif what == "folder":
            fresh = make.entry()
            link = make.member(folder.id, fresh.id)
            referring = known.prepared(make.submission(fresh, links=[link]), make)
        else:
            link = make.member(head.submission_set.id, entry.id, "Reference")
            referring = known.prepared(make.adding(head, link), make)
        works = [known.removing(*removed), referring]
        outcomes = race(known, *(works[at] for at in order))
        lost(outcomes, Meaning.REFERENCES_EXIST, Meaning.DEPRECATED_TARGET, Meaning.UPDATE)
        whole(known)


def test_two_removals_that_leave_an_object_to_each_other(known: Any, make: Any) -> None:
    entry = make.entry()
    first = known.register(make.submission(entry), make)
    second = make.submission()
    link = make.member(second.submission_set.id, entry.id, "Reference")
    second = known.register(make.adding(second, link), make)
    member = next(each for each in first.associations if each.target == entry.id)
    works = [
        known.removing(first.submission_set.id, member.id),
        known.removing(second.submission_set.id, link.id),
    ]
    lost(race(known, *works), Meaning.UNREFERENCED_OBJECT)
    assert len(rows(known, SUBMISSION_SET)) == 1
    (held,) = rows(known, ASSOCIATION)
    assert held.target == entry.id
    whole(known)


def test_two_removals_that_empty_a_set(known: Any, make: Any) -> None:
    entries = [make.entry(), make.entry()]
    submission = known.register(make.submission(*entries), make)
    works = [
        known.removing(entry.id, next(each.id for each in submission.associations if each.target == entry.id))
        for entry in entries
    ]
    lost(race(known, *works), Meaning.UNREFERENCED_OBJECT)
    assert len(rows(known, ENTRY)) == len(rows(known, ASSOCIATION)) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_removals_of_versions_leave_a_latest_one(known: Any, make: Any, order: tuple[int, int]) -> None:
    old = make.entry()
    known.register(make.submission(old), make)
    second, third = make.version(old), make.version(old)
    updates = [make.update((second, 1)), make.update((third, 2))]
    for each in updates:
        known.update(each, make)
    works = [known.removing(*each.ids) for each in updates]
    outcomes = race(known, *(works[at] for at in order))
    assert any(each is None for each in outcomes)
    assert all(each is None or isinstance(each, Busy) for each in outcomes)
    whole(known)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_removal_and_a_new_entry_of_the_same_unique_id(
    known: Any, make: Any, order: tuple[int, int]
) -> None:
    """The claim stays with whoever uses the uniqueId."""
    entry = make.entry()
    first = known.register(make.submission(entry), make)
    twin = make.submission(make.entry(unique_id=entry.unique_id))
    works = [known.removing(*first.ids), known.prepared(twin, make)]
    outcomes = race(known, *(works[at] for at in order))
    assert outcomes == [None, None]
    assert known.run(known.registry.claims([entry.unique_id])) == {entry.unique_id: ("a" * 40, 12)}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("how", ["replacement", "update"])
def test_a_new_version_and_a_new_membership_of_the_old_one(
    known: Any, make: Any, how: str, order: tuple[int, int]
) -> None:
    """The new document is in every folder that holds the old one, or one of the two tries again."""
    old, folder = make.entry(), make.folder()
    known.register(make.submission(old, folders=[folder]), make)
    member = make.member(folder.id, old.id)
    if how == "replacement":
        new, submission = replacing(make, old)
        changing = known.prepared(submission, make)
    else:
        new = make.version(old)
        changing = known.updating(make.update((new, 1)), make)
    works = [changing, known.prepared(make.submission(links=[member]), make)]
    outcomes = race(known, *(works[at] for at in order))
    lost(outcomes, Meaning.DEPRECATED_TARGET)
    there = {row.target for row in rows(known, ASSOCIATION, Condition("source", Ask.IN, (folder.id,)))}
    assert there == (set() if outcomes[order.index(0)] is None else {old.id})
    whole(known)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_replacement_and_a_new_addendum_to_an_addendum(
    known: Any, make: Any, order: tuple[int, int]
) -> None:
    found = chain(known, make, 2)
    _, submission = replacing(make, found[0])
    late = make.entry()
    link = make.link(Relation.TRANSFORM, late.id, found[2].id)
    works = [known.prepared(submission, make), known.prepared(make.submission(late, links=[link]), make)]
    outcomes = race(known, *(works[at] for at in order))
    winner = order[lost(outcomes, Meaning.DEPRECATED_TARGET)]
    expected = {DEPRECATED} if winner == 0 else {APPROVED}
    assert {statuses(known)[each.id] for each in found} == expected
    assert (late.id in statuses(known)) == (winner == 1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("change", ["status", "version", "copied"])
def test_a_folder_that_changes_and_a_new_document_in_it(
    known: Any, make: Any, change: str, order: tuple[int, int]
) -> None:
    folder, first, late = make.folder(), make.entry(), make.entry()
    held = make.member(folder.id, first.id)
    known.register(make.submission(first, folders=[folder], links=[held]), make)
    new = make.version(folder)
    if change == "status":
        update = make.update(changes=[make.status_change(folder.id, APPROVED, DEPRECATED)])
    else:
        update = make.update((new, 1))
    if change == "copied":
        other = known.updating(make.update(changes=[make.status_change(held.id, APPROVED, DEPRECATED)]), make)
    else:
        member = make.member(folder.id, late.id)
        other = known.prepared(make.submission(late, links=[member]), make)
    works = [known.updating(update, make), other]
    outcomes = race(known, *(works[at] for at in order))
    if change == "status" and outcomes == [None, None]:
        assert rows(known, FOLDER)[0].status == DEPRECATED, "the document came first, the change after it"
    elif change == "copied" and outcomes == [None, None]:
        (copy,) = rows(known, ASSOCIATION, Condition("source", Ask.IN, (new.id,)))
        assert copy.status == APPROVED, "what was copied was Approved; the old one went after it"
    else:
        lost(outcomes, Meaning.UPDATE, Meaning.UPDATE_VERSION)
    whole(known)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_merge_and_a_submission(known: Any, make: Any, order: tuple[int, int]) -> None:
    """Both are right in either order: what came in for the subsumed identifier is in the one record."""
    known.feed(OTHER)
    survivor, subsumed = (known.run(known.patients.find(item)) for item in (make.entry().patient, OTHER))
    merging = known.merging(survivor.identity, subsumed.identity)
    entry = make.entry(patient=OTHER)
    works = [merging, known.prepared(make.submission(entry, patient=OTHER), make)]
    before = known.scope()
    assert race(known, *(works[at] for at in order)) == [None, None]
    found = known.registry.find(before, ENTRY, (), 100)
    assert known.run(found) == [], "a query that was decided on before reads what was decided"
    assert [row.uuid for row in rows(known, ENTRY)] == [entry.id]
    assert known.run(known.registry.owners("document", "uuid", [entry.id])) == {subsumed.key}
    standing = known.run(known.registry.standing([entry.id]))
    assert standing[entry.id].patient == survivor.head


def test_merges_that_cross(known: Any) -> None:
    known.feed(OTHER)
    one, two = (known.run(known.patients.find(each)) for each in (PatientId("PAT-1", OTHER.root), OTHER))
    works = []
    for survivor, subsumed in ((one, two), (two, one)):
        works.append(known.merging(survivor.identity, subsumed.identity))
    (late,) = [each for each in race(known, *works) if each is not None]
    assert isinstance(late, Outdated)
    heads = {row.head for row in known.run(known.database.fetch(select(tables.patient)))}
    assert len(heads) == 1


def test_the_committer_settles_a_race_inside_one_group(known: Any, make: Any) -> None:
    """An update, a replacement and a removal of one document, and something apart, written together."""
    old, apart = make.entry(), make.entry()
    known.register(make.submission(old), make)
    _, replacement = replacing(make, old)
    works = [
        known.updating(make.update((make.version(old), 1)), make),
        known.prepared(replacement, make),
        known.updating(make.update(changes=[make.status_change(old.id, APPROVED, DEPRECATED)]), make),
        known.prepared(make.submission(apart), make),
    ]
    outcomes = known.all(*(known.committer.commit(work) for work in works))
    assert outcomes[3] is None
    lost(outcomes[:3], Meaning.UPDATE, Meaning.UPDATE_VERSION, Meaning.DEPRECATED_TARGET)
    whole(known)
