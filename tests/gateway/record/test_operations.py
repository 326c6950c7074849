from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning, Refused
from gateway.record.documents import Relation, Status, Submission
from gateway.record.operations import read_operations

APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
LID = "urn:uuid:00000000-0000-4000-8000-aaaaaaaaaaaa"


def refusals(submission: Submission) -> list[tuple[Meaning, str | None]]:
    with pytest.raises(Refused) as caught:
        read_operations(submission)
    return [(problem.meaning, problem.location) for problem in caught.value.problems]


def changed(submission: Submission, at: int, **fields: Any) -> Submission:
    """With another association at one place."""
    links = list(submission.associations)
    links[at] = replace(links[at], **fields)
    return replace(submission, associations=tuple(links))


def test_every_kind_of_operation_is_read(make: Any) -> None:
    entry = make.entry(logical_id=LID.upper().replace("URN:UUID", "urn:uuid"))
    folder = make.folder(logical_id=make.uuid())
    change = make.status_change(make.uuid(), "Deprecated", "Approved")
    link = make.link(Relation.APPEND, make.uuid(), make.uuid())
    found = read_operations(make.update((entry, 3), (folder, 1), changes=[change], links=[link]))
    first, second = found.versions
    assert (first.item, first.logical_id, first.previous, first.propagate) == (entry, LID, 3, True)
    assert (second.item, second.previous) == (folder, 1)
    (status,) = found.changes
    assert (status.trigger, status.target) == (change.id, change.target)
    assert (status.before, status.after) == (Status.DEPRECATED, Status.APPROVED)
    assert found.links == (link,)


@pytest.mark.parametrize(("told", "propagate"), [(None, True), ("yes", True), ("no", False)])
def test_propagation_is_the_default(make: Any, told: str | None, propagate: object) -> None:
    update = make.update((make.entry(logical_id=LID), 1), propagation=told)
    assert read_operations(update).versions[0].propagate is propagate


@pytest.mark.parametrize("lid", [None, "own"])
def test_a_first_version_is_no_update(make: Any, lid: str | None) -> None:
    entry = make.entry()
    entry = replace(entry, logical_id=entry.id if lid else None)
    assert refusals(make.update((entry, 1))) == [
        (Meaning.INVALID_REQUEST, entry.id),
        (Meaning.UPDATE, entry.id),
    ]


def test_a_lid_is_a_uuid(make: Any) -> None:
    entry = make.entry(logical_id="Document01")
    assert refusals(make.update((entry, 1))) == [(Meaning.UPDATE, entry.id)]


def test_a_version_comes_in_by_one_membership(make: Any) -> None:
    entry = make.entry(logical_id=LID)
    update = make.update((entry, 1))
    member = update.associations[0]
    for links in ((), (member, replace(member, id=make.uuid()))):
        broken = replace(update, associations=links)
        assert refusals(broken) == [(Meaning.UPDATE_OPERATION, entry.id)]


@pytest.mark.parametrize(
    ("fields", "meaning"),
    [
        ({"member_status": "Reference"}, Meaning.UPDATE_OPERATION),
        ({"member_status": None}, Meaning.UPDATE_OPERATION),
        ({"previous_version": None}, Meaning.UPDATE_OPERATION),
        ({"previous_version": "0"}, Meaning.UPDATE_VERSION),
        ({"previous_version": "1.0"}, Meaning.UPDATE_VERSION),
        ({"previous_version": "1234567890"}, Meaning.UPDATE_VERSION),
        ({"previous_version": "\u0661"}, Meaning.UPDATE_VERSION),
        ({"propagation": "maybe"}, Meaning.UPDATE_OPERATION),
    ],
)
def test_a_membership_tells_the_version_before(make: Any, fields: dict[str, Any], meaning: Meaning) -> None:
    update = make.update((make.entry(logical_id=LID), 1))
    assert refusals(changed(update, 0, **fields)) == [(meaning, update.associations[0].id)]


def test_the_membership_of_a_folder_needs_no_status(make: Any) -> None:
    update = make.update((make.folder(logical_id=LID), 1))
    assert update.associations[0].member_status is None
    assert len(read_operations(update).versions) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"source": LID},
        {"original_status": None},
        {"original_status": "Deprecated"},
        {"new_status": None},
        {"new_status": "urn:oasis:names:tc:ebxml-regrep:StatusType:Withdrawn"},
        {"new_status": APPROVED},
        {"previous_version": "1"},
        {"propagation": "yes"},
        {"member_status": "Original"},
    ],
)
def test_a_status_change_tells_two_statuses_and_nothing_else(make: Any, fields: dict[str, Any]) -> None:
    update = make.update(changes=[make.status_change(make.uuid(), "Approved", "Deprecated")])
    found = refusals(changed(update, 0, **fields))
    assert found == [(Meaning.UPDATE_OPERATION, update.associations[0].id)]


@pytest.mark.parametrize("times", [0, 2])
def test_an_association_is_submitted_once(make: Any, times: int) -> None:
    link = make.link(Relation.APPEND, make.uuid(), make.uuid())
    update = make.update(links=[link])
    trigger = update.associations[0]
    triggers = [replace(trigger, id=make.uuid()) for _ in range(times)]
    assert refusals(replace(update, associations=(*triggers, link))) == [(Meaning.UPDATE_OPERATION, link.id)]


def test_a_submit_instruction_leads_from_the_set_to_an_association_of_the_request(make: Any) -> None:
    link = make.link(Relation.APPEND, make.uuid(), make.uuid())
    update = make.update(links=[link])
    trigger = update.associations[0].id
    assert (Meaning.UPDATE_OPERATION, trigger) in refusals(changed(update, 0, target=make.uuid()))
    assert (Meaning.UPDATE_OPERATION, trigger) in refusals(changed(update, 0, source=make.uuid()))


@pytest.mark.parametrize("relation", [Relation.HAS_MEMBER, Relation.APPEND, Relation.REPLACE])
def test_an_association_of_the_set_that_is_no_operation(make: Any, relation: Relation) -> None:
    update = make.update((make.entry(logical_id=LID), 1))
    stray = make.link(relation, update.submission_set.id, make.uuid(), member_status=None)
    assert refusals(make.adding(update, stray)) == [(Meaning.UPDATE_OPERATION, stray.id)]


def test_one_operation_of_a_kind_for_one_object(make: Any) -> None:
    first, second = (make.entry(logical_id=LID) for _ in range(2))
    assert refusals(make.update((first, 1), (second, 1))) == [(Meaning.UPDATE_OPERATION, LID)]
    changes = [make.status_change(LID, "Approved", "Deprecated") for _ in range(2)]
    assert refusals(make.update(changes=changes)) == [(Meaning.UPDATE_OPERATION, LID)]


def test_every_problem_is_told(make: Any) -> None:
    entry, folder = make.entry(), make.folder(logical_id=LID)
    update = make.update((entry, 1), (folder, 1), changes=[make.status_change(LID, "Approved", "Approved")])
    found = refusals(changed(update, 1, previous_version="x"))
    assert [meaning for meaning, _ in found] == [
        Meaning.INVALID_REQUEST,
        Meaning.UPDATE,
        Meaning.UPDATE_VERSION,
        Meaning.UPDATE_OPERATION,
    ]
