from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning, Refused
from gateway.record.documents import EntryType, Relation, Status, Submission
from gateway.record.people import PatientId
from gateway.record.revision import Revision
from gateway.record.submission import digest

OTHER = PatientId("PAT-2", "2.999.1.1")
NOWHERE = "urn:uuid:00000000-0000-4000-8000-ffffffffffff"
APPROVED, DEPRECATED = "Approved", "Deprecated"


def refusals(record: Any, make: Any, update: Submission, **options: Any) -> list[tuple[Meaning, str | None]]:
    with pytest.raises(Refused) as caught:
        record.revision(update, make, **options)
    return [(problem.meaning, problem.location) for problem in caught.value.problems]


@pytest.fixture
def old(record: Any, make: Any) -> Any:
    """A registered document."""
    entry = make.entry()
    record.register(make.submission(entry), make)
    return entry


@pytest.fixture
def folder(record: Any, make: Any) -> Any:
    """A registered folder."""
    found = make.folder()
    record.register(make.submission(folders=[found]), make)
    return found


def deprecate(record: Any, make: Any, name: str) -> None:
    record.update(make.update(changes=[make.status_change(name, APPROVED, DEPRECATED)]), make)


# --- new versions --------------------------------------------------------------------------------


def test_a_new_version_is_the_old_one_plus_one(record: Any, make: Any, old: Any) -> None:
    new = make.version(old, title="Another")
    found: Revision = record.revision(make.update((new, 1)), make)
    (entry,) = found.submission.documents
    assert (entry.version, entry.logical_id, entry.status, entry.title) == (
        2,
        old.id,
        Status.APPROVED,
        "Another",
    )
    assert [(each.id, each.version) for each in found.superseded] == [(old.id, 1)]
    assert found.propagated == (old.id,)
    assert (found.changes, found.copied, found.required, found.touched_folders) == ((), (), (), ())


def test_an_object_that_is_not_registered(record: Any, make: Any) -> None:
    new = make.entry(logical_id=NOWHERE)
    assert refusals(record, make, make.update((new, 1))) == [
        (Meaning.UNRESOLVED_REFERENCE, new.id),
        (Meaning.UPDATE_VERSION, new.id),
    ]


@pytest.mark.parametrize("previous", [2, 7])
def test_another_version_than_the_latest(record: Any, make: Any, old: Any, previous: int) -> None:
    new = make.version(old)
    assert refusals(record, make, make.update((new, previous))) == [(Meaning.UPDATE_VERSION, new.id)]


def test_a_version_that_has_a_successor(record: Any, make: Any, old: Any) -> None:
    record.update(make.update((make.version(old), 1)), make)
    late = make.version(old)
    assert refusals(record, make, make.update((late, 1))) == [(Meaning.UPDATE_VERSION, late.id)]
    assert record.revision(make.update((late, 2)), make).submission.documents[0].version == 3


@pytest.mark.parametrize("change", ["unique id", "type", "kind"])
def test_what_makes_the_object_what_it_is(record: Any, make: Any, old: Any, folder: Any, change: str) -> None:
    """The version is not looked at where the object is not the right one."""
    new = {
        "unique id": lambda: make.version(old, unique_id=make.oid()),
        "type": lambda: make.version(old, type=EntryType.ON_DEMAND),
        "kind": lambda: make.version(old, logical_id=folder.id),
    }[change]()
    assert refusals(record, make, make.update((new, 9))) == [(Meaning.UPDATE_IDENTIFIER, new.id)]


def test_a_folder_that_takes_another_unique_id(record: Any, make: Any, folder: Any) -> None:
    new = make.version(folder, unique_id=make.oid())
    assert refusals(record, make, make.update((new, 1))) == [(Meaning.UPDATE_IDENTIFIER, new.id)]


def test_a_deprecated_document_has_new_versions_where_it_may(record: Any, make: Any, old: Any) -> None:
    deprecate(record, make, old.id)
    new = make.version(old)
    assert refusals(record, make, make.update((new, 1))) == [(Meaning.UPDATE, new.id)]
    found = record.revision(make.update((new, 1)), make, deprecated_too=True)
    assert found.submission.documents[0].status is Status.DEPRECATED


def test_a_deprecated_folder_has_no_new_version(record: Any, make: Any, folder: Any) -> None:
    deprecate(record, make, folder.id)
    new = make.version(folder)
    update = make.update((new, 1))
    assert refusals(record, make, update, deprecated_too=True) == [(Meaning.UPDATE, new.id)]


def test_an_id_that_is_taken(record: Any, make: Any, old: Any, folder: Any) -> None:
    new = make.version(old, id=folder.id)
    assert refusals(record, make, make.update((new, 1))) == [(Meaning.METADATA_INVALID, folder.id)]
    update = make.update((make.version(old), 1))
    twice = replace(update, associations=(replace(update.associations[0], id=update.documents[0].id),))
    assert {meaning for meaning, _ in refusals(record, make, twice)} == {Meaning.METADATA_INVALID}


# --- associations --------------------------------------------------------------------------------


def test_memberships_are_copied_and_folders_touched(record: Any, make: Any, old: Any, folder: Any) -> None:
    member = make.member(folder.id, old.id)
    record.register(make.submission(links=[member]), make)
    new = make.version(old)
    update = make.update((new, 1))
    found = record.revision(update, make)
    *_, copy, of_set = found.submission.associations
    assert (copy.relation, copy.source, copy.target) == (Relation.HAS_MEMBER, folder.id, new.id)
    assert (of_set.source, of_set.target) == (update.submission_set.id, copy.id)
    assert found.copied == (member.id,)
    assert found.touched_folders == (folder.id,)


def test_what_is_deprecated_is_not_copied(record: Any, make: Any, old: Any, folder: Any) -> None:
    member = make.member(folder.id, old.id)
    record.register(make.submission(links=[member]), make)
    deprecate(record, make, member.id)
    assert record.revision(make.update((make.version(old), 1)), make).copied == ()


def test_both_ends_get_a_new_version_at_once(record: Any, make: Any, old: Any, folder: Any) -> None:
    record.register(make.submission(links=[make.member(folder.id, old.id)]), make)
    new, shelf = make.version(old), make.version(folder)
    found = record.revision(make.update((new, 1), (shelf, 1)), make)
    copies = [each for each in found.submission.associations if each.source == shelf.id]
    assert [each.target for each in copies] == [new.id]
    assert found.touched_folders == (), "a new version of a folder is touched by itself"


def test_related_updates_agree_on_propagation(record: Any, make: Any, old: Any, folder: Any) -> None:
    record.register(make.submission(links=[make.member(folder.id, old.id)]), make)
    new, shelf = make.version(old), make.version(folder)
    update = make.update((new, 1), (shelf, 1))
    update = replace(
        update,
        associations=tuple(
            replace(each, propagation="no") if each.target == shelf.id else each
            for each in update.associations
        ),
    )
    assert {meaning for meaning, _ in refusals(record, make, update)} == {Meaning.UPDATE_OPERATION}


def test_a_patient_changes_without_propagation_only(record: Any, make: Any, old: Any, folder: Any) -> None:
    record.feed(OTHER)
    record.register(make.submission(links=[make.member(folder.id, old.id)]), make)
    new = make.version(old, patient=OTHER)
    assert refusals(record, make, make.update((new, 1), patient=OTHER)) == [(Meaning.UPDATE_PATIENT, new.id)]
    found = record.revision(make.update((new, 1), patient=OTHER, propagation="no"), make)
    assert found.submission.documents[0].patient == OTHER
    assert found.copied == found.propagated == ()


def test_associations_are_propagated_or_submitted(record: Any, make: Any, old: Any, folder: Any) -> None:
    new = make.version(old)
    link = make.member(folder.id, new.id)
    assert refusals(record, make, make.update((new, 1), links=[link])) == [
        (Meaning.UPDATE_OPERATION, link.id)
    ]
    found = record.revision(make.update((new, 1), links=[link], propagation="no"), make)
    assert [each.id for each in found.required] == [folder.id]
    assert found.touched_folders == (folder.id,)


def test_instructions_are_not_kept(record: Any, make: Any, old: Any, folder: Any) -> None:
    link = make.member(folder.id, old.id)
    update = make.update(changes=[make.status_change(folder.id, APPROVED, DEPRECATED)], links=[link])
    kept = record.revision(update, make).submission.associations
    head = update.submission_set.id
    assert {(each.relation, each.source, each.target) for each in kept} == {
        (Relation.HAS_MEMBER, folder.id, old.id),
        (Relation.HAS_MEMBER, head, link.id),
    }


def test_an_association_leads_between_what_is_there(record: Any, make: Any, old: Any, folder: Any) -> None:
    def wrong(link: Any) -> list[tuple[Meaning, str | None]]:
        found = refusals(record, make, make.update(links=[link]))
        assert {where for _, where in found} == {link.id}
        return [meaning for meaning, _ in found]

    other = make.entry()
    submission = record.register(make.submission(other), make)
    assert wrong(make.link(Relation.APPEND, old.id, NOWHERE)) == [Meaning.UNRESOLVED_REFERENCE]
    assert wrong(make.member(folder.id, "Symbol")) == [Meaning.UNRESOLVED_REFERENCE]
    assert wrong(make.member(old.id, other.id)) == [Meaning.UPDATE]
    assert wrong(make.link(Relation.SIGNS, old.id, folder.id)) == [Meaning.UPDATE]
    assert wrong(make.member(submission.submission_set.id, old.id)) == [Meaning.UPDATE]
    deprecate(record, make, other.id)
    assert wrong(make.member(folder.id, other.id)) == [Meaning.UPDATE]


def test_an_association_does_not_lead_to_what_is_superseded(
    record: Any, make: Any, old: Any, folder: Any
) -> None:
    link = make.member(folder.id, old.id)
    update = make.update((make.version(old), 1), links=[link], propagation="no")
    assert refusals(record, make, update) == [(Meaning.UPDATE, link.id)]


def test_an_association_joins_objects_of_one_patient(record: Any, make: Any, old: Any) -> None:
    record.feed(OTHER)
    other = make.entry(patient=OTHER)
    record.register(make.submission(other, patient=OTHER), make)
    link = make.link(Relation.APPEND, other.id, old.id)
    assert refusals(record, make, make.update(links=[link])) == [(Meaning.UPDATE_PATIENT, link.id)]


# --- status --------------------------------------------------------------------------------------


def test_a_status_change_of_what_is_there(record: Any, make: Any, old: Any) -> None:
    found = record.revision(make.update(changes=[make.status_change(old.id, APPROVED, DEPRECATED)]), make)
    assert [(held.id, after) for held, after in found.changes] == [(old.id, Status.DEPRECATED)]
    assert found.submission.associations == ()


def test_the_status_before_is_the_one_that_is_told(record: Any, make: Any, old: Any) -> None:
    change = make.status_change(old.id, DEPRECATED, APPROVED)
    assert refusals(record, make, make.update(changes=[change])) == [(Meaning.UPDATE, change.id)]


def test_a_status_change_of_nothing(record: Any, make: Any) -> None:
    change = make.status_change(NOWHERE, APPROVED, DEPRECATED)
    assert refusals(record, make, make.update(changes=[change])) == [
        (Meaning.UNRESOLVED_REFERENCE, change.id)
    ]


def test_sets_and_what_they_hold_keep_their_status(record: Any, make: Any) -> None:
    submission = record.register(make.submission(make.entry()), make)
    for name in (submission.submission_set.id, submission.associations[0].id):
        change = make.status_change(name, APPROVED, DEPRECATED)
        assert refusals(record, make, make.update(changes=[change])) == [
            (Meaning.UPDATE_OPERATION, change.id)
        ]


def test_only_the_latest_version_changes_its_status(record: Any, make: Any, old: Any) -> None:
    new = make.version(old)
    same = make.status_change(old.id, APPROVED, DEPRECATED)
    assert refusals(record, make, make.update((new, 1), changes=[same])) == [(Meaning.UPDATE, same.id)]
    record.update(make.update((new, 1)), make)
    change = make.status_change(old.id, DEPRECATED, APPROVED)
    assert refusals(record, make, make.update(changes=[change])) == [(Meaning.UPDATE, change.id)]


def test_a_new_version_and_its_status_at_once(record: Any, make: Any, old: Any) -> None:
    new = make.version(old)
    change = make.status_change(new.id, APPROVED, DEPRECATED)
    found = record.revision(make.update((new, 1), changes=[change]), make)
    assert found.submission.documents[0].status is Status.DEPRECATED
    assert found.changes == ()


def test_an_association_submitted_and_deprecated_at_once(record: Any, make: Any, old: Any) -> None:
    other = make.entry()
    record.register(make.submission(other), make)
    link = make.link(Relation.APPEND, other.id, old.id)
    change = make.status_change(link.id, APPROVED, DEPRECATED)
    (kept,) = record.revision(make.update(changes=[change], links=[link]), make).submission.associations
    assert (kept.id, kept.status) == (link.id, Status.DEPRECATED)


def test_an_association_revives_between_objects_of_one_patient(record: Any, make: Any, old: Any) -> None:
    record.feed(OTHER)
    other = make.entry()
    record.register(make.submission(other), make)
    link = make.link(Relation.APPEND, other.id, old.id)
    record.update(make.update(links=[link]), make)
    deprecate(record, make, link.id)
    back = make.status_change(link.id, DEPRECATED, APPROVED)
    assert len(record.revision(make.update(changes=[back]), make).changes) == 1


# --- exactly once --------------------------------------------------------------------------------


def test_the_same_update_has_one_digest_and_that_of_another_object_another(make: Any, old: Any) -> None:
    new = make.version(old)
    update = make.update((new, 1))
    again = replace(new, id=make.uuid())
    member = replace(update.associations[0], id=make.uuid(), target=again.id)
    assert digest(update) == digest(replace(update, documents=(again,), associations=(member,)))
    other = replace(update, documents=(replace(new, logical_id=NOWHERE),))
    assert digest(update) != digest(other)
    first = make.submission(old)
    assert digest(first) == digest(replace(first, documents=(replace(old, logical_id=old.id),)))
