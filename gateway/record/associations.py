"""What an association of a submission may join, told without the registry (ITI TF-3 4.2.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from gateway.errors import Meaning, Problem
from gateway.record.documents import Association, EntryType, Relation, Submission


def membership_problems(submission: Submission) -> list[Problem]:
    """Each entry, folder and FD-DE association hangs on the set by exactly one HasMember, and says how."""
    set_id = submission.submission_set.id
    members = [item for item in submission.associations if item.relation is Relation.HAS_MEMBER]
    held = Counter(item.target for item in members if item.source == set_id)
    needing = [
        *(item.id for item in submission.documents),
        *(item.id for item in submission.folders),
        *(item.id for item in members if item.source != set_id),
    ]
    problems = [
        Problem(
            Meaning.METADATA_INVALID,
            f"{name} has {held[name]} HasMember associations from the SubmissionSet, expected 1",
            name,
        )
        for name in needing
        if held[name] != 1
    ]
    problems += [
        _invalid("a SubmissionSet is never the target of an association", item)
        for item in submission.associations
        if item.target == set_id
    ]
    return problems + [
        problem for item in members if item.source == set_id for problem in _status_problems(item, submission)
    ]


def _status_problems(item: Association, submission: Submission) -> Iterator[Problem]:
    """SubmissionSetStatus tells whether the member came along (4.2.2.1.1)."""
    along = item.target in submission.ids
    if item.member_status == "Original" and not along:
        yield _invalid("SubmissionSetStatus is Original, but the target is not submitted", item)
    elif item.member_status == "Reference" and along:
        yield _invalid("SubmissionSetStatus is Reference, but the target is submitted", item)
    elif item.member_status is None and any(entry.id == item.target for entry in submission.documents):
        yield _invalid("SubmissionSetStatus is missing, expected Original", item)


def link_problems(submission: Submission) -> list[Problem]:
    """Associations that contradict themselves or what was submitted with them."""
    return [problem for item in submission.associations for problem in _problems(item, submission)]


def appended(submission: Submission) -> list[str]:
    """The targets of addenda that were not submitted along."""
    inside = set(submission.ids)
    return sorted(
        {
            item.target
            for item in submission.associations
            if item.relation is Relation.APPEND and item.target not in inside
        }
    )


def addendum_problems(submission: Submission, registered: Collection[str]) -> list[Problem]:
    """A transform takes no addendum (4.2.2.2); `registered` are the transforms among `appended`."""
    made = {item.source for item in submission.associations if item.relation is Relation.TRANSFORM}
    transforms = made.union(registered)
    return [
        _invalid(f"{item.target} is a transform, to which nothing is appended", item)
        for item in submission.associations
        if item.relation is Relation.APPEND and item.target in transforms
    ]


def _invalid(context: str, item: Association) -> Problem:
    return Problem(Meaning.METADATA_INVALID, context, item.id)


def _problems(item: Association, submission: Submission) -> Iterator[Problem]:
    if item.source == item.target:
        yield _invalid(f"{item.relation.value} joins {item.source} with itself", item)
    elif item.relation is Relation.HAS_MEMBER:
        yield from _of_member(item, submission)
    elif item.relation is Relation.SNAPSHOT:
        yield from _of_snapshot(item, submission)


def _of_member(item: Association, submission: Submission) -> Iterator[Problem]:
    """The set holds entries, folders, and the folder memberships that came with it (4.2.2.1)."""
    if item.reason is not None:
        yield _invalid("HasMember carries no documentation code", item)
    if item.source != submission.submission_set.id:
        return
    links = {each.id: each for each in submission.associations}
    target = links.get(item.target)
    if target is not None and (
        target.relation is not Relation.HAS_MEMBER or target.source == submission.submission_set.id
    ):
        yield _invalid(
            f"the SubmissionSet holds {target.relation.value} {target.id}; of associations it holds only "
            "those between Folder and DocumentEntry",
            item,
        )


def _of_snapshot(item: Association, submission: Submission) -> Iterator[Problem]:
    """A snapshot is a document whose octets exist (4.2.2.2)."""
    for entry in submission.documents:
        if entry.id == item.source and entry.type is not EntryType.STABLE:
            yield _invalid("the source of IsSnapshotOf is not a stable entry", item)


def referred(submission: Submission) -> list[str]:
    """What associations name beside the objects of their submission."""
    ends = {end for item in submission.associations for end in (item.source, item.target)}
    return sorted(ends - set(submission.ids))


def unhonoured(submission: Submission, approved: Collection[str]) -> tuple[Association, ...]:
    """The associations that a recipient without their other end leaves out (ITI TF-2 3.41.4.1.3).

    `approved` are the Approved registered objects among `referred`. A membership of the set in what is left
    out goes with it.
    """
    entries = {item.id for item in submission.documents}
    known = set(submission.ids).union(approved)
    left_out = [item for item in submission.associations if not _stands(item, entries, known, approved)]
    gone = {item.id for item in left_out}
    left_out += [item for item in submission.associations if item.target in gone and item not in left_out]
    return tuple(left_out)


def _stands(
    item: Association, entries: Collection[str], known: Collection[str], approved: Collection[str]
) -> bool:
    """Both ends are here, a relationship comes from a new entry, and goes to an old one if it must."""
    if item.source not in known or item.target not in known:
        return False
    if item.relation is Relation.HAS_MEMBER:
        return True
    to_registered = item.relation.replaces or item.relation is Relation.SNAPSHOT
    return item.source in entries and (item.target in approved or not to_registered)
