from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning
from gateway.record.documents import Relation, Submission
from gateway.record.submission import assign_ids, digest, is_uuid
from tests.gateway.record.submitting import OTHER, adding, admitted, refusals

# --- ids -----------------------------------------------------------------------------------------


def test_a_symbol_becomes_one_uuid_wherever_it_stands(record: Any, make: Any) -> None:
    entry, folder = make.entry(id="Doc"), make.folder(id="Fol")
    links = [replace(make.member("Fol", "Doc"), id="Link")]
    admission = admitted(record, make, make.submission(entry, folders=[folder], links=links, id="Set"))
    done = admission.submission
    assert all(is_uuid(name) for name in done.ids)
    assert len(set(done.ids)) == len(done.ids) == 7
    new_entry, new_folder = done.documents[0].id, done.folders[0].id
    held = {(item.source, item.target) for item in done.associations}
    head = done.submission_set.id
    assert {(head, new_entry), (head, new_folder), (new_folder, new_entry)} < held
    assert (head, done.associations[-1].id) in held


def test_a_submitted_uuid_is_kept_in_small_letters(make: Any) -> None:
    name = "urn:uuid:ABCDEFAB-0000-4000-8000-000000000001"
    link = make.link(Relation.APPEND, "Doc", "urn:uuid:FFFFFFAB-0000-4000-8000-000000000001")
    submission = make.submission(make.entry(id=name), make.entry(id="Doc"), links=[link])
    done = assign_ids(submission, make.uuid)
    assert done.documents[0].id == name.lower()
    assert done.associations[0].target == name.lower()
    assert done.associations[-1].target == link.target.lower()


def test_an_id_twice_in_a_submission(record: Any, make: Any) -> None:
    first, second = make.entry(id="Doc"), make.entry(id="Doc")
    found = refusals(record, make, make.submission(first, second))
    assert Meaning.METADATA_INVALID in {meaning for meaning, _ in found}
    entry = make.entry()
    doubled = make.submission(entry)
    link = replace(doubled.associations[0], id=entry.id)
    assert (Meaning.METADATA_INVALID, entry.id) in refusals(
        record, make, replace(doubled, associations=(link,))
    )


def test_an_id_that_is_registered_already(record: Any, make: Any) -> None:
    entry = make.entry()
    record.register(make.submission(entry), make)
    again = make.submission(make.entry(id=entry.id))
    assert refusals(record, make, again) == [(Meaning.METADATA_INVALID, entry.id)]


# --- memberships ---------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [0, 2])
@pytest.mark.parametrize("which", ["document", "folder", "membership"])
def test_everything_hangs_on_the_set_by_one_membership(
    record: Any, make: Any, which: str, times: int
) -> None:
    entry, folder = make.entry(), make.folder()
    link = make.member(folder.id, entry.id)
    submission = make.submission(entry, folders=[folder], links=[link])
    name = {"document": entry.id, "folder": folder.id, "membership": link.id}[which]
    head = submission.submission_set.id
    held = [item for item in submission.associations if (item.source, item.target) == (head, name)]
    others = [item for item in submission.associations if item not in held]
    again = [replace(item, id=make.uuid()) for item in held]
    broken = replace(submission, associations=(*others, *(held + again if times else [])))
    assert refusals(record, make, broken) == [(Meaning.METADATA_INVALID, name)]


def test_a_set_is_never_a_target(record: Any, make: Any) -> None:
    first = record.register(make.submission(), make).submission_set.id
    entry = make.entry()
    submission = make.submission(entry)
    own = make.link(Relation.APPEND, entry.id, submission.submission_set.id)
    assert (Meaning.METADATA_INVALID, own.id) in refusals(record, make, adding(submission, own))
    registered = make.member(submission.submission_set.id, first)
    assert refusals(record, make, adding(submission, registered)) == [
        (Meaning.METADATA_INVALID, registered.id)
    ]


@pytest.mark.parametrize(
    ("status", "submitted", "right"),
    [
        ("Original", True, True),
        ("Reference", True, False),
        (None, True, False),
        ("Original", False, False),
        ("Reference", False, True),
        (None, False, True),
    ],
)
def test_the_set_tells_whether_a_member_came_along(
    record: Any,
    make: Any,
    status: str | None,
    submitted: bool,  # noqa: FBT001
    right: bool,  # noqa: FBT001
) -> None:
    entry = make.entry()
    if submitted:
        submission = make.submission(entry)
        link = replace(submission.associations[0], member_status=status)
        submission = replace(submission, associations=(link,))
    else:
        record.register(make.submission(entry), make)
        submission = make.submission()
        link = make.member(submission.submission_set.id, entry.id, status)
        submission = adding(submission, link)
    if right:
        assert admitted(record, make, submission).submission.associations[-1].id == link.id
    else:
        assert refusals(record, make, submission) == [(Meaning.METADATA_INVALID, link.id)]


def test_only_folders_have_members_and_only_documents_are_some(record: Any, make: Any) -> None:
    one, two, folder, second = make.entry(), make.entry(), make.folder(), make.folder()
    for source, target in ((one.id, two.id), (folder.id, second.id), (one.id, folder.id)):
        link = make.member(source, target)
        submission = make.submission(one, two, folders=[folder, second], links=[link])
        assert refusals(record, make, submission) == [(Meaning.METADATA_INVALID, link.id)]


def test_a_registered_set_or_document_gets_no_members(record: Any, make: Any) -> None:
    old = make.entry()
    head = record.register(make.submission(old), make).submission_set.id
    for source in (head, old.id):
        new = make.entry()
        link = make.member(source, new.id)
        submission = make.submission(new, links=[link])
        assert refusals(record, make, submission) == [(Meaning.METADATA_INVALID, link.id)]


def test_a_registered_folder_joins_no_other_set(record: Any, make: Any) -> None:
    folder = make.folder()
    record.register(make.submission(folders=[folder]), make)
    submission = make.submission()
    link = make.member(submission.submission_set.id, folder.id, "Reference")
    assert refusals(record, make, adding(submission, link)) == [(Meaning.METADATA_INVALID, link.id)]


def test_a_document_joins_a_registered_folder(record: Any, make: Any) -> None:
    folder, entry = make.folder(), make.entry()
    record.register(make.submission(folders=[folder]), make)
    admission = admitted(record, make, make.submission(entry, links=[make.member(folder.id, entry.id)]))
    assert admission.touched_folders == (folder.id,)


# --- the cascade of a replacement ----------------------------------------------------------------


@pytest.mark.parametrize("relation", [Relation.REPLACE, Relation.TRANSFORM_REPLACE])
def test_the_new_document_joins_every_folder_of_the_old_one(
    record: Any, make: Any, relation: Relation
) -> None:
    old, new, first, second, third = make.entry(), make.entry(), *(make.folder() for _ in range(3))
    links = [make.member(first.id, old.id), make.member(second.id, old.id)]
    record.register(make.submission(old, folders=[first, second, third], links=links), make)
    submission = make.submission(new, links=[make.link(relation, new.id, old.id)])
    admission = admitted(record, make, submission)
    added = admission.submission.associations[len(submission.associations) :]
    joined = {item.source: item for item in added if item.target == new.id}
    assert set(joined) == {first.id, second.id} == set(admission.touched_folders)
    head = submission.submission_set.id
    assert {(head, item.id) for item in joined.values()} == {
        (item.source, item.target) for item in added if item.target != new.id
    }
    assert all(item.relation is Relation.HAS_MEMBER for item in added)


def test_a_membership_that_came_along_is_not_made_again(record: Any, make: Any) -> None:
    old, new, folder = make.entry(), make.entry(), make.folder()
    record.register(make.submission(old, folders=[folder], links=[make.member(folder.id, old.id)]), make)
    links = [make.link(Relation.REPLACE, new.id, old.id), make.member(folder.id, new.id)]
    submission = make.submission(new, links=links)
    assert admitted(record, make, submission).submission.associations == submission.associations


def test_several_successors_all_join(record: Any, make: Any) -> None:
    old, one, two, folder = make.entry(), make.entry(), make.entry(), make.folder()
    record.register(make.submission(old, folders=[folder], links=[make.member(folder.id, old.id)]), make)
    links = [make.link(Relation.REPLACE, new.id, old.id) for new in (one, two)]
    admission = admitted(record, make, make.submission(one, two, links=links))
    joined = {item.target for item in admission.submission.associations if item.source == folder.id}
    assert joined == {one.id, two.id}
    assert admission.replaced == (old.id,)


# --- exactly once --------------------------------------------------------------------------------


def test_a_retry_is_the_same_submission(make: Any) -> None:
    """New ids, another order, another time of sending."""
    one, two, folder = make.entry(), make.entry(), make.folder()
    links = [make.member(folder.id, one.id), make.link(Relation.SIGNS, one.id, two.id)]
    first = make.submission(one, two, folders=[folder], links=links, id="Set")
    marked = digest(first)
    names = {name: make.uuid() for name in first.ids}

    def renamed(item: Any) -> Any:
        return replace(item, id=names[item.id])

    again = Submission(
        submission_set=replace(renamed(first.submission_set), submission_time="20260102040506"),
        documents=(renamed(two), renamed(one)),
        folders=(renamed(folder),),
        associations=tuple(
            replace(renamed(item), source=names[item.source], target=names[item.target])
            for item in reversed(first.associations)
        ),
    )
    assert digest(again) == marked


def first_document(submission: Submission, **changes: Any) -> Submission:
    first, *others = submission.documents
    return replace(submission, documents=(replace(first, **changes), *others))


def of_set(submission: Submission, **changes: Any) -> Submission:
    return replace(submission, submission_set=replace(submission.submission_set, **changes))


@pytest.mark.parametrize(
    "change",
    [
        lambda s: of_set(s, patient=OTHER),
        lambda s: of_set(s, unique_id="2.999.0"),
        lambda s: of_set(s, source_id="2.999.0"),
        lambda s: first_document(s, patient=OTHER),
        lambda s: first_document(s, hash="b" * 40),
        lambda s: first_document(s, title="Other"),
        lambda s: replace(s, documents=s.documents[:1]),
        lambda s: replace(s, folders=(replace(s.folders[0], codes=()),)),
        lambda s: replace(s, associations=s.associations[:-1]),
        lambda s: replace(
            s, associations=(*s.associations[:-1], replace(s.associations[-1], target=s.documents[1].id))
        ),
    ],
)
def test_a_submission_that_says_anything_else_is_another(make: Any, change: Any) -> None:
    one, two, folder = make.entry(), make.entry(), make.folder()
    first = make.submission(one, two, folders=[folder], links=[make.member(folder.id, one.id)])
    assert digest(change(first)) != digest(first)


@pytest.mark.parametrize("relation", [Relation.UPDATE_STATUS, Relation.SUBMIT])
def test_the_instructions_of_a_metadata_update_are_no_part_of_a_submission(
    record: Any, make: Any, relation: Relation
) -> None:
    one, two = make.entry(), make.entry()
    link = make.link(relation, one.id, two.id)
    assert refusals(record, make, adding(make.submission(one, two), link)) == [
        (Meaning.METADATA_INVALID, link.id)
    ]
