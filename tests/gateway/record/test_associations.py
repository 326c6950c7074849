"""What an association may join: itself, members of a set, snapshots, addenda to transforms."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning, Refused
from gateway.record.associations import addendum_problems, appended, link_problems, referred, unhonoured
from gateway.record.documents import EntryType, Relation, Submission
from gateway.record.submission import admit

KEPT = [item for item in Relation if not item.updates]


def refused(record: Any, make: Any, submission: Submission) -> list[str]:
    """The ids of the associations that are refused as metadata errors."""
    scope = record.scope(*submission.patients)
    with pytest.raises(Refused) as caught:
        record.run(admit(submission, record.registry, scope.keys, make.uuid))
    assert {problem.meaning for problem in caught.value.problems} == {Meaning.METADATA_INVALID}
    return [problem.location or "" for problem in caught.value.problems]


def test_a_submission_with_every_kind_of_membership_is_right(make: Any) -> None:
    entry, folder = make.entry(), make.folder()
    submission = make.submission(entry, folders=[folder], links=[make.member(folder.id, entry.id)])
    assert link_problems(submission) == []
    assert appended(submission) == []


@pytest.mark.parametrize("relation", KEPT)
def test_nothing_is_joined_with_itself(make: Any, relation: Relation) -> None:
    entry = make.entry()
    link = make.link(relation, entry.id, entry.id)
    submission = replace(make.submission(entry), associations=(link,))
    (problem,) = link_problems(submission)
    assert (problem.location, relation.value in problem.context) == (link.id, True)


@pytest.mark.parametrize("relation", [Relation.APPEND, Relation.SIGNS])
def test_a_set_holds_no_relationship(record: Any, make: Any, relation: Relation) -> None:
    first, second = make.entry(), make.entry()
    submission = make.submission(first, second, links=[make.link(relation, second.id, first.id)])
    link = submission.associations[-1]
    held = make.member(submission.submission_set.id, link.id)
    wrong = replace(submission, associations=(*submission.associations, held))
    assert refused(record, make, wrong) == [held.id]


def test_a_membership_has_no_documentation(record: Any, make: Any) -> None:
    submission = make.submission(make.entry())
    link = replace(submission.associations[0], reason=make.code("why"))
    assert refused(record, make, replace(submission, associations=(link,))) == [link.id]


def test_a_relationship_may_have_a_documentation(make: Any) -> None:
    first, second = make.entry(), make.entry()
    link = make.link(Relation.APPEND, second.id, first.id, reason=make.code("why"))
    assert link_problems(make.submission(first, second, links=[link])) == []


def test_a_snapshot_is_stable(record: Any, make: Any) -> None:
    dynamic = make.entry(type=EntryType.ON_DEMAND, hash=None, size=None)
    record.register(make.submission(dynamic), make)
    stable, other = make.entry(), make.entry(type=EntryType.ON_DEMAND, hash=None, size=None)
    wrong = make.link(Relation.SNAPSHOT, other.id, dynamic.id)
    assert refused(record, make, make.submission(other, links=[wrong])) == [wrong.id]
    record.register(
        make.submission(stable, links=[make.link(Relation.SNAPSHOT, stable.id, dynamic.id)]), make
    )


def test_a_reference_to_a_folder_that_came_along(record: Any, make: Any) -> None:
    submission = make.submission(folders=[make.folder()])
    link = replace(submission.associations[0], member_status="Reference")
    assert refused(record, make, replace(submission, associations=(link,))) == [link.id]


def test_nothing_is_appended_to_a_transform(record: Any, make: Any) -> None:
    original, transform, addendum = make.entry(), make.entry(), make.entry()
    record.register(make.submission(original), make)
    made = make.link(Relation.TRANSFORM, transform.id, original.id)
    both = make.submission(
        transform, addendum, links=[made, make.link(Relation.APPEND, addendum.id, transform.id)]
    )
    assert refused(record, make, both) == [both.associations[-1].id]
    record.register(make.submission(transform, links=[made]), make)
    later = make.submission(addendum, links=[make.link(Relation.APPEND, addendum.id, transform.id)])
    assert appended(later) == [transform.id]
    assert refused(record, make, later) == [later.associations[-1].id]
    assert addendum_problems(later, ()) == []


def test_an_addendum_to_the_original_of_a_transform_is_right(record: Any, make: Any) -> None:
    original, transform, addendum = make.entry(), make.entry(), make.entry()
    record.register(make.submission(original), make)
    record.register(
        make.submission(transform, links=[make.link(Relation.TRANSFORM, transform.id, original.id)]), make
    )
    submission = make.submission(addendum, links=[make.link(Relation.APPEND, addendum.id, original.id)])
    record.register(submission, make)
    assert set(record.run(record.registry.standing([addendum.id]))) == {addendum.id}


# --- what a recipient leaves out -----------------------------------------------------------------

NOWHERE = "urn:uuid:00000000-0000-4000-8000-ffffffffffff"


def test_a_recipient_keeps_what_stands_on_both_ends(make: Any) -> None:
    entry, folder = make.entry(), make.folder()
    links = [make.member(folder.id, entry.id), make.link(Relation.REPLACE, entry.id, NOWHERE)]
    submission = make.submission(entry, folders=[folder], links=links)
    assert referred(submission) == [NOWHERE]
    assert unhonoured(submission, {NOWHERE}) == ()
    assert unhonoured(submission, ()) == (links[1],)


def test_a_membership_in_nothing_goes_with_its_own_membership(make: Any) -> None:
    entry = make.entry()
    link = make.member(NOWHERE, entry.id)
    submission = make.submission(entry, links=[link])
    (held,) = (item for item in submission.associations if item.target == link.id)
    assert unhonoured(submission, ()) == (link, held)


@pytest.mark.parametrize("relation", [Relation.REPLACE, Relation.TRANSFORM_REPLACE, Relation.SNAPSHOT])
def test_what_must_go_to_a_registered_document(make: Any, relation: Relation) -> None:
    first, second = make.entry(), make.entry()
    link = make.link(relation, second.id, first.id)
    assert unhonoured(make.submission(first, second, links=[link]), ()) == (link,)


@pytest.mark.parametrize("relation", [item for item in KEPT if item is not Relation.HAS_MEMBER])
def test_a_relationship_comes_from_a_submitted_document(make: Any, relation: Relation) -> None:
    entry = make.entry()
    link = make.link(relation, NOWHERE, entry.id)
    assert unhonoured(make.submission(entry, links=[link]), {NOWHERE}) == (link,)
