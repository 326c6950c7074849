from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import Meaning, Refused
from gateway.record.access import Scope
from gateway.record.documents import EntryType, Relation, Status
from gateway.record.removal import plan_removal
from gateway.stores import reads, tables
from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET, Ask, Condition
from gateway.stores.work import UnitOfWork
from tests.gateway.stores.changing import (
    APPROVED,
    DEPRECATED,
    chain,
    counts,
    dangling,
    linked,
    meanings,
    replacing,
    rows,
    statuses,
    versions,
    whole,
)

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
