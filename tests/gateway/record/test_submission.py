from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning, Refused
from gateway.record.documents import EntryType, Relation, Submission
from gateway.record.people import PatientId
from gateway.record.submission import Admission, admit, assign_ids, digest, is_uuid

OTHER = PatientId("PAT-2", "2.999.1.1")
RELATIONS = [item for item in Relation if item is not Relation.HAS_MEMBER and not item.updates]
NOWHERE = "urn:uuid:00000000-0000-4000-8000-ffffffffffff"


def admitted(record: Any, make: Any, submission: Submission) -> Admission:
    scope = record.scope(*submission.patients)
    return record.run(admit(submission, record.registry, scope.keys, make.uuid))


def refusals(record: Any, make: Any, submission: Submission) -> list[tuple[Meaning, str | None]]:
    with pytest.raises(Refused) as caught:
        admitted(record, make, submission)
    return [(problem.meaning, problem.location) for problem in caught.value.problems]


def adding(submission: Submission, *links: Any) -> Submission:
    return replace(submission, associations=(*submission.associations, *links))


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


# --- references ----------------------------------------------------------------------------------


@pytest.mark.parametrize("relation", [Relation.HAS_MEMBER, *RELATIONS])
def test_what_is_neither_submitted_nor_registered_is_unresolved(
    record: Any, make: Any, relation: Relation
) -> None:
    entry = make.entry()
    submission = make.submission(entry)
    source = submission.submission_set.id if relation is Relation.HAS_MEMBER else entry.id
    for target in (NOWHERE, "Symbol"):
        link = make.link(relation, source, target)
        found = refusals(record, make, adding(submission, link))
        assert found == [(Meaning.UNRESOLVED_REFERENCE, link.id)]


@pytest.mark.parametrize("relation", RELATIONS)
def test_the_source_of_a_relationship_is_submitted(record: Any, make: Any, relation: Relation) -> None:
    one, two = make.entry(), make.entry()
    record.register(make.submission(one, two), make)
    link = make.link(relation, one.id, two.id)
    assert refusals(record, make, make.submission(links=[link])) == [(Meaning.UNRESOLVED_REFERENCE, link.id)]


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_submitted_document_as_target(record: Any, make: Any, relation: Relation) -> None:
    """What replaces, or is a snapshot, refers to what is registered; others may refer to what came along."""
    one, two, folder = make.entry(), make.entry(), make.folder()
    link = make.link(relation, one.id, two.id)
    submission = make.submission(one, two, links=[link])
    if relation.replaces or relation is Relation.SNAPSHOT:
        assert refusals(record, make, submission) == [(Meaning.UNRESOLVED_REFERENCE, link.id)]
        return
    assert admitted(record, make, submission).required == ()
    to_folder = make.link(relation, one.id, folder.id)
    broken = make.submission(one, folders=[folder], links=[to_folder])
    assert refusals(record, make, broken) == [(Meaning.METADATA_INVALID, to_folder.id)]


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_registered_target(record: Any, make: Any, relation: Relation) -> None:
    kind = EntryType.ON_DEMAND if relation is Relation.SNAPSHOT else EntryType.STABLE
    old, new = make.entry(type=kind), make.entry()
    record.register(make.submission(old), make)
    admission = admitted(record, make, make.submission(new, links=[make.link(relation, new.id, old.id)]))
    assert admission.replaced == ((old.id,) if relation.replaces else ())
    assert admission.required == (() if relation.replaces else (old.id,))


def test_a_snapshot_is_of_an_on_demand_document(record: Any, make: Any) -> None:
    old, new = make.entry(), make.entry()
    record.register(make.submission(old), make)
    link = make.link(Relation.SNAPSHOT, new.id, old.id)
    assert refusals(record, make, make.submission(new, links=[link])) == [(Meaning.METADATA_INVALID, link.id)]


@pytest.mark.parametrize("relation", RELATIONS)
def test_the_target_of_a_relationship_is_a_document(record: Any, make: Any, relation: Relation) -> None:
    folder, new = make.folder(), make.entry()
    record.register(make.submission(folders=[folder]), make)
    link = make.link(relation, new.id, folder.id)
    assert refusals(record, make, make.submission(new, links=[link])) == [(Meaning.METADATA_INVALID, link.id)]


@pytest.fixture
def deprecated(record: Any, make: Any) -> str:
    """The id of a document that was replaced."""
    old, new = make.entry(), make.entry()
    record.register(make.submission(old), make)
    record.register(make.submission(new, links=[make.link(Relation.REPLACE, new.id, old.id)]), make)
    return old.id


@pytest.mark.parametrize("relation", RELATIONS)
def test_no_relationship_to_a_deprecated_document(
    record: Any, make: Any, deprecated: str, relation: Relation
) -> None:
    new = make.entry()
    link = make.link(relation, new.id, deprecated)
    assert refusals(record, make, make.submission(new, links=[link])) == [
        (Meaning.DEPRECATED_TARGET, link.id)
    ]


def test_no_membership_of_a_deprecated_document(record: Any, make: Any, deprecated: str) -> None:
    submission, folder = make.submission(), make.folder()
    reference = make.member(submission.submission_set.id, deprecated, "Reference")
    assert refusals(record, make, adding(submission, reference)) == [
        (Meaning.DEPRECATED_TARGET, reference.id)
    ]
    joining = make.member(folder.id, deprecated)
    assert refusals(record, make, make.submission(folders=[folder], links=[joining])) == [
        (Meaning.DEPRECATED_TARGET, joining.id)
    ]


@pytest.mark.parametrize("relation", RELATIONS)
def test_both_ends_of_a_relationship_are_of_one_patient(record: Any, make: Any, relation: Relation) -> None:
    record.feed(OTHER)
    kind = EntryType.ON_DEMAND if relation is Relation.SNAPSHOT else EntryType.STABLE
    old, new = make.entry(type=kind), make.entry(patient=OTHER)
    record.register(make.submission(old), make)
    link = make.link(relation, new.id, old.id)
    submission = make.submission(new, links=[link], patient=OTHER)
    assert refusals(record, make, submission) == [(Meaning.PATIENT_MISMATCH, link.id)]


def test_folder_and_document_are_of_one_patient(record: Any, make: Any) -> None:
    record.feed(OTHER)
    folder, entry = make.folder(), make.entry(patient=OTHER)
    record.register(make.submission(folders=[folder]), make)
    link = make.member(folder.id, entry.id)
    submission = make.submission(entry, links=[link], patient=OTHER)
    assert refusals(record, make, submission) == [(Meaning.PATIENT_MISMATCH, link.id)]


def test_a_set_may_refer_to_a_document_of_another_patient(record: Any, make: Any) -> None:
    record.feed(OTHER)
    entry = make.entry()
    record.register(make.submission(entry), make)
    submission = make.submission(patient=OTHER)
    link = make.member(submission.submission_set.id, entry.id, "Reference")
    assert admitted(record, make, adding(submission, link)).required == (entry.id,)


def test_every_problem_is_told_at_once(record: Any, make: Any, deprecated: str) -> None:
    entry = make.entry()
    links = [
        make.link(Relation.APPEND, entry.id, deprecated),
        make.link(Relation.SIGNS, entry.id, NOWHERE),
    ]
    found = refusals(record, make, make.submission(entry, links=links))
    assert found == [
        (Meaning.DEPRECATED_TARGET, links[0].id),
        (Meaning.UNRESOLVED_REFERENCE, links[1].id),
    ]


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
