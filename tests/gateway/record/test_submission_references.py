"""What the relationships of a submission may lead to."""

from typing import Any

import pytest

from gateway.errors import Meaning
from gateway.record.documents import EntryType, Relation
from tests.gateway.record.submitting import NOWHERE, OTHER, RELATIONS, adding, admitted, refusals


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
