"""The operations of a metadata update, read from what a request holds (ITI TF-2 3.57.4.1.3.3)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.errors import Meaning, Problem, Refused
from gateway.record.documents import Association, DocumentEntry, Folder, Relation, Status, Submission

STATUS_PREFIX = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
_STATUSES = {f"{STATUS_PREFIX}{status.value}": status for status in Status}
_VERSION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_PROPAGATION = {None: True, "yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A whole object that is to follow version `previous` of its logicalID."""

    item: DocumentEntry | Folder
    logical_id: str
    previous: int
    propagate: bool


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A new availabilityStatus of a target that must have the old one."""

    trigger: str
    target: str
    before: Status
    after: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """What a request asks for; `links` are the associations it submits."""

    versions: tuple[NewVersion, ...]
    changes: tuple[StatusChange, ...]
    links: tuple[Association, ...]


def read_operations(submission: Submission) -> Operations:
    """Every object of the request as part of one operation; Refused with each that is part of none."""
    head = submission.submission_set.id
    problems = [*_stray(submission)]
    versions: list[NewVersion] = []
    for item in submission.objects:
        problems += _version(item, _members(submission, item.id), versions)
    changes: list[StatusChange] = []
    for each in submission.associations:
        if each.relation is Relation.UPDATE_STATUS:
            problems += _change(each, head, changes)
    problems += _doubled("metadata", [each.logical_id for each in versions])
    problems += _doubled("status", [each.target for each in changes])
    if problems:
        raise Refused(*problems)
    return Operations(versions=tuple(versions), changes=tuple(changes), links=_links(submission))


def operation(context: str, location: str) -> Problem:
    """What matches no operation, or several."""
    return Problem(Meaning.UPDATE_OPERATION, context, location)


def _members(submission: Submission, name: str) -> list[Association]:
    """The HasMember associations of the set that bring an object in."""
    head = submission.submission_set.id
    return [
        each
        for each in submission.associations
        if each.relation is Relation.HAS_MEMBER and each.source == head and each.target == name
    ]


def _links(submission: Submission) -> tuple[Association, ...]:
    """Associations between other objects than the set."""
    head = submission.submission_set.id
    return tuple(
        each for each in submission.associations if not each.relation.updates and each.source != head
    )


def _stray(submission: Submission) -> Iterator[Problem]:
    """Associations that trigger nothing, and new ones that nothing submits."""
    head = submission.submission_set.id
    new = {each.id for each in _links(submission)}
    brought = {each.id for each in submission.objects}
    submitted = Counter(each.target for each in submission.associations if each.relation is Relation.SUBMIT)
    for each in submission.associations:
        if each.source == head and each.relation is Relation.HAS_MEMBER and each.target not in brought:
            yield operation("a HasMember association of the SubmissionSet leads to no new version", each.id)
        if each.source == head and not (each.relation.updates or each.relation is Relation.HAS_MEMBER):
            yield operation(f"{each.relation.value} does not lead from a SubmissionSet", each.id)
        if each.relation is Relation.SUBMIT and (each.target not in new or each.source != head):
            text = "SubmitAssociation does not lead from the SubmissionSet to an association of this request"
            yield operation(text, each.id)
    for name in sorted(new):
        if submitted[name] != 1:
            text = f"the association is submitted by {submitted[name]} SubmitAssociation, expected 1"
            yield operation(text, name)


def _version(
    item: DocumentEntry | Folder, members: Sequence[Association], found: list[NewVersion]
) -> Iterator[Problem]:
    logical_id = (item.logical_id or item.id).lower()
    if logical_id == item.id:
        text = "the object has no lid of its own: a first version is registered by ITI-42, not updated"
        yield Problem(Meaning.INVALID_REQUEST, text, item.id)
        yield Problem(Meaning.UPDATE, text, item.id)
    if not logical_id.startswith("urn:uuid:"):
        yield Problem(Meaning.UPDATE, "lid is not a UUID", item.id)
    if len(members) != 1:
        text = f"{len(members)} HasMember associations of the SubmissionSet bring the object in, expected 1"
        yield operation(text, item.id)
        return
    member = members[0]
    if isinstance(item, DocumentEntry) and member.member_status != "Original":
        yield operation("SubmissionSetStatus is not Original", member.id)
    if member.previous_version is None:
        yield operation("PreviousVersion is missing", member.id)
    elif not _VERSION.fullmatch(member.previous_version):
        yield Problem(Meaning.UPDATE_VERSION, "PreviousVersion is not a version number", member.id)
    elif member.propagation not in _PROPAGATION:
        yield operation("AssociationPropagation is neither yes nor no", member.id)
    else:
        propagate = _PROPAGATION[member.propagation]
        found.append(NewVersion(item, logical_id, int(member.previous_version), propagate))


def _change(each: Association, head: str, found: list[StatusChange]) -> Iterator[Problem]:
    before, after = _STATUSES.get(each.original_status or ""), _STATUSES.get(each.new_status or "")
    expected = " or ".join(_STATUSES)
    if each.source != head:
        yield operation("UpdateAvailabilityStatus does not start from the SubmissionSet", each.id)
    if before is None:
        yield operation(f"OriginalStatus is missing or not one of {expected}", each.id)
    if after is None:
        yield operation(f"NewStatus is missing or not one of {expected}", each.id)
    if before is not None and before is after:
        yield operation("OriginalStatus and NewStatus are the same", each.id)
    if each.previous_version or each.propagation or each.member_status:
        text = "UpdateAvailabilityStatus has a slot beside OriginalStatus and NewStatus"
        yield operation(text, each.id)
    if before is not None and after is not None:
        found.append(StatusChange(each.id, each.target, before, after))


def _doubled(what: str, names: Sequence[str]) -> Iterator[Problem]:
    for name, count in Counter(names).items():
        if count > 1:
            yield operation(f"{count} {what} operations on one object, expected at most 1", name)
