import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import literal, select
from sqlalchemy.util import await_only

from gateway.errors import Busy, Meaning, Outdated, Refused
from gateway.record.access import Scope
from gateway.record.documents import EntryType, Relation, Status
from gateway.record.people import PatientId
from gateway.record.removal import plan_removal
from gateway.stores import reads, tables
from gateway.stores.database import PostgresDatabase
from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET, Ask, Condition
from gateway.stores.work import Check, UnitOfWork

OTHER = PatientId("PAT-2", "2.999.1.1")
APPROVED, DEPRECATED = "Approved", "Deprecated"


@pytest.fixture
def known(record: Any) -> Any:
    record.feed()
    return record


def rows(record: Any, kind: Any, *conditions: Condition) -> Any:
    return record.run(record.registry.find(record.scope(), kind, conditions, 1000))


def linked(record: Any, *relations: Relation) -> set[tuple[str, str, str]]:
    """(source, target, status) of the associations with these relations."""
    names = tuple(each.value for each in relations)
    return {
        (row.source, row.target, row.status)
        for row in rows(record, ASSOCIATION, Condition("relation", Ask.IN, names))
    }


def versions(record: Any, kind: Any, logical_id: str) -> list[tuple[int, str, bool]]:
    """(version, status, latest), oldest first."""
    found = rows(record, kind, Condition("logical_id", Ask.IN, (logical_id,)))
    return sorted((row.version, row.status, bool(row.latest)) for row in found)


def counts(record: Any) -> dict[str, int]:
    listed = (
        tables.entry, tables.entry_value, tables.submission_set, tables.folder, tables.package_value,
        tables.association, tables.claim,
    )  # fmt: skip
    return {table.name: len(record.run(record.database.fetch(select(table)))) for table in listed}


def dangling(record: Any) -> list[str]:
    """Associations that lead from or to nothing."""
    there = {row.uuid for kind in (ENTRY, SUBMISSION_SET, FOLDER, ASSOCIATION) for row in rows(record, kind)}
    return [row.uuid for row in rows(record, ASSOCIATION) if {row.source, row.target} - there]


def meanings(error: BaseException) -> list[Meaning]:
    assert isinstance(error, Refused), error
    return [problem.meaning for problem in error.problems]


# --- what is written -----------------------------------------------------------------------------


def test_a_new_version_follows_the_old_one(known: Any, make: Any) -> None:
    old = make.entry()
    known.register(make.submission(old), make)
    new = make.version(old, title="Another")
    known.update(make.update((new, 1)), make)
    assert versions(known, ENTRY, old.id) == [(1, DEPRECATED, False), (2, APPROVED, True)]
    assert {(row.uuid, row.unique_id) for row in rows(known, ENTRY)} == {
        (old.id, old.unique_id),
        (new.id, old.unique_id),
    }
    assert counts(known)["claim"] == 1


def test_a_new_version_takes_over_memberships_and_relationships(known: Any, make: Any) -> None:
    old, addendum, folder = make.entry(), make.entry(), make.folder()
    known.register(make.submission(old, folders=[folder], links=[make.member(folder.id, old.id)]), make)
    known.register(make.submission(addendum, links=[make.link(Relation.APPEND, addendum.id, old.id)]), make)
    new = make.version(old)
    update = make.update((new, 1))
    known.update(update, make)
    assert linked(known, Relation.APPEND) == {
        (addendum.id, old.id, APPROVED),
        (addendum.id, new.id, APPROVED),
    }
    members = rows(known, ASSOCIATION, Condition("source", Ask.IN, (folder.id,)))
    assert {row.target for row in members} == {old.id, new.id}
    (copy,) = (row.uuid for row in members if row.target == new.id)
    of_set = rows(known, ASSOCIATION, Condition("source", Ask.IN, (update.submission_set.id,)))
    assert {row.target for row in of_set} == {new.id, copy}


def test_without_propagation_a_new_version_stands_alone(known: Any, make: Any) -> None:
    old, folder = make.entry(), make.folder()
    known.register(make.submission(old, folders=[folder], links=[make.member(folder.id, old.id)]), make)
    new = make.version(old)
    known.update(make.update((new, 1), propagation="no"), make)
    members = rows(known, ASSOCIATION, Condition("source", Ask.IN, (folder.id,)))
    assert [row.target for row in members] == [old.id]


def test_a_new_version_of_a_folder_holds_the_same_documents(known: Any, make: Any) -> None:
    entry, folder = make.entry(), make.folder()
    known.register(make.submission(entry, folders=[folder], links=[make.member(folder.id, entry.id)]), make)
    new = make.version(folder, title="Stay")
    known.update(make.update((new, 1)), make)
    assert versions(known, FOLDER, folder.id) == [(1, DEPRECATED, False), (2, APPROVED, True)]
    (held,) = rows(known, ASSOCIATION, Condition("source", Ask.IN, (new.id,)))
    assert held.target == entry.id


@pytest.mark.parametrize("what", ["document", "folder", "association"])
def test_a_status_goes_and_comes_back(known: Any, make: Any, what: str) -> None:
    entry, folder = make.entry(), make.folder()
    member = make.member(folder.id, entry.id)
    known.register(make.submission(entry, folders=[folder], links=[member]), make)
    name = {"document": entry.id, "folder": folder.id, "association": member.id}[what]
    for before, after in ((APPROVED, DEPRECATED), (DEPRECATED, APPROVED)):
        known.update(make.update(changes=[make.status_change(name, before, after)]), make)
        assert known.run(known.registry.standing([name]))[name].status is Status(after)
    assert linked(known, Relation.UPDATE_STATUS, Relation.SUBMIT) == set(), "instructions are not kept"


def test_a_submitted_association_is_kept_and_its_instruction_is_not(known: Any, make: Any) -> None:
    entry, other, folder = make.entry(), make.entry(), make.folder()
    known.register(make.submission(entry, other, folders=[folder]), make)
    member, addendum = make.member(folder.id, entry.id), make.link(Relation.APPEND, other.id, entry.id)
    update = make.update(links=[member, addendum])
    known.update(update, make)
    assert linked(known, Relation.APPEND) == {(other.id, entry.id, APPROVED)}
    assert linked(known, Relation.SUBMIT) == set()
    of_set = rows(known, ASSOCIATION, Condition("source", Ask.IN, (update.submission_set.id,)))
    assert [row.target for row in of_set] == [member.id], "a folder membership is a member of the set"
    assert dangling(known) == []


def test_a_scope_without_the_patient_changes_nothing(known: Any, make: Any) -> None:
    entry = make.entry()
    submission = known.register(make.submission(entry), make)
    none, key = Scope(unrestricted=True), known.scope().patients[0]
    revision = known.revision(make.update((make.version(entry), 1)), make)
    removal = known.run(plan_removal(submission.ids, known.registry))
    work = UnitOfWork()
    with pytest.raises(PermissionError):
        known.registry.revise(work, none, revision, {}, key, None)
    with pytest.raises(PermissionError):
        known.registry.remove(work, none, removal)
    assert work.steps == []


def test_hash_and_size_may_change_for_all_entries_of_a_unique_id_only(known: Any, make: Any) -> None:
    first = make.entry(repository="2.999.9")
    known.register(make.submission(first), make)
    second = make.version(first, hash="b" * 40, size=13)
    known.update(make.update((second, 1)), make)
    assert known.run(known.registry.claims([first.unique_id])) == {first.unique_id: ("b" * 40, 13)}
    twin = make.entry(unique_id=first.unique_id, hash="b" * 40, size=13, repository="2.999.9")
    known.register(make.submission(twin), make)
    before = counts(known)
    third = make.version(second, hash="c" * 40)
    with pytest.raises(Refused) as caught:
        known.update(make.update((third, 2)), make)
    assert meanings(caught.value) == [Meaning.DIFFERENT_HASH]
    assert counts(known) == before


# --- removal -------------------------------------------------------------------------------------


def test_everything_goes_with_its_values_and_claims(known: Any, make: Any) -> None:
    empty = counts(known)
    entry, folder = make.entry(), make.folder()
    submission = make.submission(entry, folders=[folder], links=[make.member(folder.id, entry.id)])
    known.register(submission, make)
    known.remove(*submission.ids)
    assert counts(known) == empty
    known.register(make.submission(make.entry(unique_id=entry.unique_id, hash="b" * 40)), make)
    assert counts(known)["claim"] == 1


def test_a_claim_stays_while_another_entry_or_the_octets_do(known: Any, make: Any) -> None:
    entry = make.entry()
    first = known.register(make.submission(entry), make)
    twin = known.register(make.submission(make.entry(unique_id=entry.unique_id)), make)
    known.remove(*first.ids)
    assert counts(known)["claim"] == 1
    work = UnitOfWork()
    content = {
        "unique_id": entry.unique_id, "blob": "b", "record_key": known.scope().patients[0], "wrapped": b"",
        "size": 12, "sha1": "a" * 40, "sha256": "", "mime_type": "text/xml", "stored_at": 1,
    }  # fmt: skip
    work.write(tables.content.insert(), content)
    known.commit(work)
    known.remove(*twin.ids)
    assert counts(known) | {"claim": 1} == counts(known)
    work = UnitOfWork()
    assert known.run(known.repository.remove(work, known.scope(), entry.unique_id))
    known.commit(work)
    assert counts(known)["claim"] == 0


@pytest.mark.parametrize("kind", ["document", "folder"])
def test_without_the_latest_version_the_one_before_is_the_latest(known: Any, make: Any, kind: str) -> None:
    old = make.entry() if kind == "document" else make.folder()
    of = {"folders": [old]} if kind == "folder" else {}
    known.register(make.submission(*([] if of else [old]), **of), make)
    update = make.update((make.version(old), 1))
    known.update(update, make)
    known.remove(*update.ids)
    assert versions(known, ENTRY if kind == "document" else FOLDER, old.id) == [(1, DEPRECATED, True)]
    assert dangling(known) == []


# --- addenda of transforms -----------------------------------------------------------------------


def chain(known: Any, make: Any, length: int) -> list[Any]:
    """Each appends or transforms the one before."""
    found = [make.entry()]
    known.register(make.submission(found[0]), make)
    for number in range(length):
        entry = make.entry()
        relation = Relation.TRANSFORM if number else Relation.APPEND  # nothing is appended to a transform
        known.register(make.submission(entry, links=[make.link(relation, entry.id, found[-1].id)]), make)
        found.append(entry)
    return found


def replacing(make: Any, old: Any, *entries: Any) -> tuple[Any, Any]:
    new = make.entry()
    return new, make.submission(new, *entries, links=[make.link(Relation.REPLACE, new.id, old.id)])


def statuses(record: Any) -> dict[str, str]:
    return {row.uuid: row.status for row in rows(record, ENTRY)}


def test_a_replacement_deprecates_children_of_children(known: Any, make: Any) -> None:
    found = chain(known, make, 5)
    apart = make.entry()
    known.register(make.submission(apart, links=[make.link(Relation.SIGNS, apart.id, found[2].id)]), make)
    new, submission = replacing(make, found[0])
    known.register(submission, make)
    assert statuses(known) == dict.fromkeys((each.id for each in found), DEPRECATED) | {
        apart.id: APPROVED,
        new.id: APPROVED,
    }


def test_a_circle_of_addenda_ends(known: Any, make: Any) -> None:
    found = chain(known, make, 2)
    known.update(make.update(links=[make.link(Relation.TRANSFORM, found[0].id, found[2].id)]), make)
    names = {each.id for each in found}
    assert set(known.run(known.registry.dependents([found[0].id]))) == names - {found[0].id}
    new, submission = replacing(make, found[0])
    known.register(submission, make)
    assert statuses(known) == dict.fromkeys(names, DEPRECATED) | {new.id: APPROVED}


def test_what_is_deprecated_between_holds_up_the_cascade(known: Any, make: Any) -> None:
    found = chain(known, make, 3)
    known.update(make.update(changes=[make.status_change(found[1].id, APPROVED, DEPRECATED)]), make)
    assert known.run(known.registry.dependents([found[0].id])) == []


def test_the_cascade_is_bounded(known: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = chain(known, make, 3)
    assert len(known.run(known.registry.dependents([found[0].id]))) == 3
    monkeypatch.setattr(reads, "MOST_DEPENDENTS", 2)
    with pytest.raises(Refused) as caught:
        known.run(known.registry.dependents([found[0].id]))
    assert meanings(caught.value) == [Meaning.OUT_OF_RESOURCES]


# --- races ---------------------------------------------------------------------------------------


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


def whole(record: Any) -> None:
    """Nothing dangles; of each logical object one version is the latest, and no other is Approved."""
    assert dangling(record) == []
    for kind in (ENTRY, FOLDER):
        found: dict[str, list[Any]] = {}
        for row in rows(record, kind):
            found.setdefault(row.logical_id, []).append(row)
        for each in found.values():
            (latest,) = (row for row in each if row.latest)
            assert latest.version == max(row.version for row in each)
            assert not any(row.status == APPROVED for row in each if not row.latest)


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


# --- whatever comes after another ----------------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(["version", "version alone", "deprecate", "approve", "folder", "addendum", "remove"]),
    max_size=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_versions_stay_in_order(known: Any, make: Any, steps: list[str]) -> None:
    """Versions are 1 to n, the highest is the latest, no other is Approved, and nothing dangles."""
    item = make.entry(type=EntryType.STABLE)
    brought = [known.register(make.submission(item), make)]
    logical_id, number, status = item.id, 1, APPROVED
    for step in steps:
        if step.startswith("version"):
            item, given_propagation = make.version(item), "no" if step.endswith("alone") else None
            brought.append(make.update((item, number), propagation=given_propagation))
            known.update(brought[-1], make, deprecated_too=True)
            number += 1
        elif step in {"deprecate", "approve"}:
            after = DEPRECATED if step == "deprecate" else APPROVED
            if status != after:
                known.update(make.update(changes=[make.status_change(item.id, status, after)]), make)
                status = after
        elif step == "remove" and number > 1:
            ids = set(brought.pop().ids) | touching(known, item.id)
            known.remove(*sorted(each for each in ids if each in everywhere(known)))
            number, status = number - 1, DEPRECATED
            item = make.version(item, id=latest(known, logical_id).uuid)
        elif status == APPROVED and step == "folder":
            folder = make.folder()
            known.register(make.submission(folders=[folder], links=[make.member(folder.id, item.id)]), make)
        elif status == APPROVED and step == "addendum":
            fresh = make.entry()
            known.register(
                make.submission(fresh, links=[make.link(Relation.APPEND, fresh.id, item.id)]), make
            )
        found = versions(known, ENTRY, logical_id)
        assert [each[0] for each in found] == list(range(1, number + 1))
        assert [each[2] for each in found] == [False] * (number - 1) + [True]
        assert [each[1] for each in found] == [DEPRECATED] * (number - 1) + [status]
        whole(known)


def touching(record: Any, name: str) -> set[str]:
    """What must go with an object, and with the associations that go: memberships of these."""
    found, seen = {name}, set[str]()
    while found - seen:
        asked = sorted(found - seen)
        seen |= set(asked)
        found |= {each.id for each in record.run(record.registry.touching(asked))}
    return found


def everywhere(record: Any) -> set[str]:
    return {row.uuid for kind in (ENTRY, SUBMISSION_SET, FOLDER, ASSOCIATION) for row in rows(record, kind)}


def latest(record: Any, logical_id: str) -> Any:
    return next(row for row in rows(record, ENTRY) if row.logical_id == logical_id and row.latest)
