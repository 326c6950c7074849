"""Metadata update of registered objects: versions, status, associations (ITI TF-2 3.57.4.1.3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.errors import Meaning, Problem, Refused
from gateway.record.documents import Association, DocumentEntry, Folder, Relation, Status, Submission
from gateway.record.operations import NewVersion, Operations, StatusChange, operation, read_operations
from gateway.record.people import PatientId
from gateway.record.submission import Standing, assign_ids, digest, doubled_ids


class RevisionView(Protocol):
    """What an update must know of the registry."""

    async def latest(self, logical_ids: Sequence[str]) -> Mapping[str, Standing]:
        """The latest version of each logicalID that is known."""
        ...

    async def standing(self, ids: Sequence[str]) -> Mapping[str, Standing]:
        """The registered objects among some entryUUIDs."""
        ...

    async def links(self, ids: Sequence[str]) -> Sequence[Association]:
        """Approved folder memberships and relationships with an end among some entryUUIDs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What an update does: objects to add, versions they supersede, statuses to change, folders to touch.

    Each of `superseded` and `changes` must still stand as it was seen when the change is written; `required`
    and the associations `copied` must still be Approved, and `propagated` versions have no others.
    """

    submission: Submission
    superseded: tuple[Standing, ...]
    changes: tuple[tuple[Standing, Status], ...]
    required: tuple[Standing, ...]
    propagated: tuple[str, ...]
    copied: tuple[str, ...]
    touched_folders: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The request with ids given, and what the registry holds of what it names."""

    submission: Submission
    operations: Operations
    latest: Mapping[str, Standing]
    standing: Mapping[str, Standing]
    keys: Mapping[PatientId, int]

    def before(self, version: NewVersion) -> Standing:
        return self.latest[version.logical_id]

    def patient(self, name: str) -> int | None:
        """The record key of an object of the request or of the registry."""
        for item in self.submission.objects:
            if item.id == name:
                return None if item.patient is None else self.keys.get(item.patient)
        return self.standing[name].patient if name in self.standing else None


async def revise(
    submission: Submission,
    view: RevisionView,
    keys: Mapping[PatientId, int],
    new_id: Callable[[], str],
    *,
    deprecated_too: bool = False,
) -> Revision:
    """Checks an update against itself and the registry; Refused with every problem found.

    `deprecated_too` lets a Deprecated entry have a new version, which then is Deprecated as well.
    """
    marked = digest(submission)
    submission = assign_ids(submission, new_id)
    if problems := doubled_ids(submission):
        raise Refused(*problems)
    seen = await _look(submission, read_operations(submission), view, keys)
    _refuse_any([*_version_problems(seen, deprecated_too=deprecated_too)])
    statuses = {each.item.id: seen.before(each).status for each in seen.operations.versions}
    statuses |= {each.id: Status.APPROVED for each in seen.operations.links}
    _refuse_any([*_link_problems(seen), *_change_problems(seen, statuses)])
    copies, copied = await _propagated(seen, view, new_id)
    statuses |= {each.target: each.after for each in seen.operations.changes if each.target in statuses}
    return Revision(
        submission=_finished(seen, statuses, copies),
        superseded=tuple(seen.before(each) for each in seen.operations.versions),
        changes=tuple(
            (seen.standing[each.target], each.after)
            for each in seen.operations.changes
            if each.target not in statuses
        ),
        required=_required(seen),
        propagated=tuple(seen.before(each).id for each in seen.operations.versions if each.propagate),
        copied=copied,
        touched_folders=_touched(seen, copies),
        digest=marked,
    )


async def _look(
    submission: Submission, operations: Operations, view: RevisionView, keys: Mapping[PatientId, int]
) -> _Seen:
    inside = set(submission.ids)
    named = {each.target for each in operations.changes} | {
        end for each in operations.links for end in (each.source, each.target)
    }
    standing = dict(await view.standing(sorted(named | inside)))
    if taken := sorted(inside & set(standing)):
        raise Refused(
            *(Problem(Meaning.METADATA_INVALID, "this entryUUID is registered", name) for name in taken)
        )
    # The ends of associations whose status changes tell what kind of association they are.
    ends = {end for each in standing.values() for end in (each.source, each.target) if end}
    standing |= await view.standing(sorted(ends - set(standing)))
    latest = await view.latest([each.logical_id for each in operations.versions])
    return _Seen(submission=submission, operations=operations, latest=latest, standing=standing, keys=keys)


def _refuse_any(problems: Sequence[Problem]) -> None:
    if problems:
        raise Refused(*problems)


# --- new versions --------------------------------------------------------------------------------


def _version_problems(seen: _Seen, *, deprecated_too: bool) -> Iterator[Problem]:
    """The version comes last: it only counts for an object that is the right one."""
    for version in seen.operations.versions:
        found = seen.latest.get(version.logical_id)
        if found is None:
            name = version.item.id
            yield Problem(Meaning.UNRESOLVED_REFERENCE, f"lid {version.logical_id} is not registered", name)
            yield Problem(
                Meaning.UPDATE_VERSION, f"there is no version {version.previous} of the object", name
            )
            continue
        wrong = [*_identity_problems(version, found)]
        if found.status is not Status.APPROVED and not (deprecated_too and found.kind == "document"):
            wrong.append(Problem(Meaning.UPDATE, "the latest version is Deprecated", version.item.id))
        if not wrong and found.version != version.previous:
            text = f"PreviousVersion is {version.previous}, the latest version is {found.version}"
            wrong.append(Problem(Meaning.UPDATE_VERSION, text, version.item.id))
        yield from wrong


def _identity_problems(version: NewVersion, found: Standing) -> Iterator[Problem]:
    """All versions share kind, uniqueId and objectType."""
    item = version.item
    kind = "document" if isinstance(item, DocumentEntry) else "folder"
    if found.kind != kind:
        text = f"lid {version.logical_id} is a {found.kind}, the new version is a {kind}"
        yield Problem(Meaning.UPDATE_IDENTIFIER, text, item.id)
        return
    if found.unique_id != item.unique_id:
        text = f"uniqueId is {item.unique_id}, that of the versions before is {found.unique_id}"
        yield Problem(Meaning.UPDATE_IDENTIFIER, text, item.id)
    if isinstance(item, DocumentEntry) and found.type is not item.type:
        yield Problem(Meaning.UPDATE_IDENTIFIER, "objectType differs from the versions before", item.id)


async def _propagated(
    seen: _Seen, view: RevisionView, new_id: Callable[[], str]
) -> tuple[tuple[Association, ...], tuple[str, ...]]:
    """Copies of the associations of the versions before, with memberships in the set; what was copied."""
    after = {seen.before(each).id: each for each in seen.operations.versions}
    links = await view.links(sorted(after)) if after else ()
    problems = [*_submitted_beside(seen)]
    copies: list[Association] = []
    copied: list[str] = []
    for link in links:
        moved = [after[end] for end in (link.source, link.target) if end in after]
        if len({each.propagate for each in moved}) > 1:
            text = "two related objects are updated with different AssociationPropagation"
            problems.append(operation(text, moved[0].item.id))
        if not moved[0].propagate:
            continue
        problems += _reconciled(seen, moved)
        ends = {each: after[each].item.id for each in (link.source, link.target) if each in after}
        source, target = ends.get(link.source, link.source), ends.get(link.target, link.target)
        copied.append(link.id)
        copies += _copy(seen.submission, replace(link, id=new_id(), source=source, target=target), new_id)
    _refuse_any(list(dict.fromkeys(problems)))
    return tuple(copies), tuple(copied)


def _submitted_beside(seen: _Seen) -> Iterator[Problem]:
    """Associations of a new version are propagated or submitted, not both."""
    propagating = {each.item.id for each in seen.operations.versions if each.propagate}
    for link in seen.operations.links:
        if propagating & {link.source, link.target}:
            text = "an association of a new version is submitted although AssociationPropagation is not no"
            yield operation(text, link.id)


def _reconciled(seen: _Seen, moved: Sequence[NewVersion]) -> Iterator[Problem]:
    for version in moved:
        if seen.patient(version.item.id) != seen.before(version).patient:
            text = "the patient changes, and associations would be propagated to objects of the old one"
            yield Problem(Meaning.UPDATE_PATIENT, text, version.item.id)


def _copy(submission: Submission, copy: Association, new_id: Callable[[], str]) -> list[Association]:
    if copy.relation is not Relation.HAS_MEMBER:
        return [copy]
    head = submission.submission_set.id
    return [copy, Association(id=new_id(), relation=Relation.HAS_MEMBER, source=head, target=copy.id)]


# --- associations --------------------------------------------------------------------------------


def _link_problems(seen: _Seen) -> Iterator[Problem]:
    """The ends exist, are not Deprecated and of the right kind; both belong to one patient."""
    kinds = {item.id: "document" for item in seen.submission.documents}
    kinds |= {item.id: "folder" for item in seen.submission.folders}
    kinds |= {name: each.kind for name, each in seen.standing.items()}
    superseded = {seen.before(each).id for each in seen.operations.versions}
    for link in seen.operations.links:
        ends = (link.source, link.target)
        missing = [end for end in ends if end not in kinds]
        if missing:
            text = f"{missing[0]} is neither submitted nor registered"
            yield Problem(Meaning.UNRESOLVED_REFERENCE, text, link.id)
            continue
        member = link.relation is Relation.HAS_MEMBER
        wanted = ("folder" if member else "document", "document")
        if tuple(kinds[end] for end in ends) != wanted:
            text = f"{link.relation.value} leads from a {wanted[0]} to a {wanted[1]}"
            yield Problem(Meaning.UPDATE, text, link.id)
        for end in ends:
            held = seen.standing.get(end)
            if held is not None and (held.status is not Status.APPROVED or end in superseded):
                yield Problem(Meaning.UPDATE, f"{end} is Deprecated", link.id)
        if len({seen.patient(end) for end in ends}) > 1:
            text = "the objects at both ends belong to different patients"
            yield Problem(Meaning.UPDATE_PATIENT, text, link.id)


# --- status --------------------------------------------------------------------------------------


def _change_problems(seen: _Seen, statuses: Mapping[str, Status]) -> Iterator[Problem]:
    superseded = {seen.before(each).id for each in seen.operations.versions}
    for change in seen.operations.changes:
        held = seen.standing.get(change.target)
        if change.target in statuses:
            yield from _same_status(change, statuses[change.target])
        elif held is None:
            text = f"{change.target} is neither submitted nor registered"
            yield Problem(Meaning.UNRESOLVED_REFERENCE, text, change.trigger)
        elif held.kind == "submission-set" or _of_set(seen, held):
            text = "the status of a SubmissionSet and of its associations cannot be changed"
            yield operation(text, change.trigger)
        elif not held.latest or change.target in superseded:
            yield Problem(Meaning.UPDATE, f"{change.target} is not the latest version", change.trigger)
        else:
            yield from _same_status(change, held.status)
            yield from _one_patient(seen, change, held)


def _same_status(change: StatusChange, status: Status) -> Iterator[Problem]:
    if change.before is not status:
        text = f"OriginalStatus is {change.before.value}, the object is {status.value}"
        yield Problem(Meaning.UPDATE, text, change.trigger)


def _of_set(seen: _Seen, held: Standing) -> bool:
    source = seen.standing.get(held.source or "")
    return held.kind == "association" and source is not None and source.kind == "submission-set"


def _one_patient(seen: _Seen, change: StatusChange, held: Standing) -> Iterator[Problem]:
    """An association comes to life again between objects of one patient only."""
    ends = {seen.patient(end) for end in (held.source, held.target) if end}
    if change.after is Status.APPROVED and len(ends) > 1:
        text = "the objects at both ends belong to different patients"
        yield Problem(Meaning.UPDATE_PATIENT, text, change.trigger)


# --- the result ----------------------------------------------------------------------------------


def _finished(seen: _Seen, statuses: Mapping[str, Status], copies: tuple[Association, ...]) -> Submission:
    """The request as it is kept: versions counted, statuses set, propagated associations added."""
    before = {each.item.id: seen.before(each) for each in seen.operations.versions}

    def entry(item: DocumentEntry) -> DocumentEntry:
        old = before[item.id]
        return replace(item, version=old.version + 1, logical_id=old.logical_id, status=statuses[item.id])

    def folder(item: Folder) -> Folder:
        old = before[item.id]
        return replace(item, version=old.version + 1, logical_id=old.logical_id, status=statuses[item.id])

    own = (replace(each, status=statuses.get(each.id, each.status)) for each in _kept(seen))
    return replace(
        seen.submission,
        documents=tuple(entry(item) for item in seen.submission.documents),
        folders=tuple(folder(item) for item in seen.submission.folders),
        associations=(*own, *copies),
    )


def _kept(seen: _Seen) -> Iterator[Association]:
    """Instructions are not kept; a folder membership that one submits is a member of the set."""
    members = {each.id for each in seen.operations.links if each.relation is Relation.HAS_MEMBER}
    for each in seen.submission.associations:
        if not each.relation.updates:
            yield each
        elif each.relation is Relation.SUBMIT and each.target in members:
            yield replace(each, relation=Relation.HAS_MEMBER)


def _required(seen: _Seen) -> tuple[Standing, ...]:
    """Registered objects that new associations lead to or from; documents first, as elsewhere."""
    ends = dict.fromkeys(end for each in seen.operations.links for end in (each.source, each.target))
    found = [seen.standing[end] for end in ends if end in seen.standing]
    return tuple(sorted(found, key=lambda each: (each.kind, each.id)))


def _touched(seen: _Seen, copies: Sequence[Association]) -> tuple[str, ...]:
    """Registered folders that get a document; a new version of a folder is touched by itself."""
    fresh = {item.id for item in seen.submission.folders} | {seen.submission.submission_set.id}
    links = (*seen.operations.links, *copies)
    sources = (each.source for each in links if each.relation is Relation.HAS_MEMBER)
    return tuple(dict.fromkeys(name for name in sources if name not in fresh))
