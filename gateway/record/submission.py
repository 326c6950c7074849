"""Admission of a submission to the registry: identifiers, references, life cycle (ITI TF-2 3.42.4.1.3)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.errors import Meaning, Problem, Refused
from gateway.record.associations import addendum_problems, appended, link_problems, membership_problems
from gateway.record.documents import (
    Association,
    DocumentEntry,
    EntryType,
    Folder,
    Relation,
    Status,
    Submission,
)
from gateway.record.people import PatientId


@dataclass(frozen=True, slots=True)
class Standing:
    """What the registry holds under an entryUUID. `patient` is a record key, already merged.

    `source` and `target` are those of an association; versions are those of entries and folders.
    """

    id: str
    kind: str
    patient: int
    status: Status
    type: EntryType | None = None
    logical_id: str = ""
    version: int = 1
    latest: bool = True
    unique_id: str = ""
    relation: str | None = None
    source: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """A registered FD-DE HasMember of an Approved folder."""

    folder: str
    document: str


class RegistryView(Protocol):
    """What admission must know of the registry."""

    async def standing(self, ids: Sequence[str]) -> Mapping[str, Standing]:
        """The registered objects among some entryUUIDs."""
        ...

    async def memberships(self, documents: Sequence[str]) -> Sequence[Membership]:
        """Approved folder memberships of registered documents."""
        ...

    async def dependents(self, documents: Sequence[str]) -> Sequence[str]:
        """Approved documents that append or transform some registered documents, or one of these again."""
        ...

    async def transforms(self, documents: Sequence[str]) -> Sequence[str]:
        """Those of some registered documents that are transforms."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What registering does: objects to add, documents to deprecate, folders to touch.

    `replaced` were Approved when looked at and must still be when the change is written;
    `required` and `touched_folders` must still be Approved as well, and no more may hang on the replaced
    documents than `memberships` and `dependents`. `digest` identifies the submission for exactly-once.
    """

    submission: Submission
    replaced: tuple[str, ...]
    dependents: tuple[str, ...]
    memberships: tuple[Membership, ...] = ()
    required: tuple[str, ...]
    touched_folders: tuple[str, ...]
    digest: str


def is_uuid(identifier: str) -> bool:
    """Whether an id is a UUID URN; anything else is symbolic (ITI TF-2 3.42.4.1.3.7)."""
    return identifier.startswith("urn:uuid:")


def digest(submission: Submission) -> str:
    """Identifies a submission by what it says, before ids are assigned (SHA-256 in hex).

    A retry may bring new ids and another submissionTime: objects count by kind and uniqueId instead.
    """
    labels = {submission.submission_set.id: "set"}
    labels |= {item.id: f"document {item.unique_id}" for item in submission.documents}
    labels |= {item.id: f"folder {item.unique_id}" for item in submission.folders}
    links = {item.id: _link(item, labels) for item in submission.associations}
    parts = [
        repr(replace(submission.submission_set, id="", submission_time="")),
        *sorted(repr(replace(item, id="", logical_id=_told(item))) for item in submission.documents),
        *sorted(repr(replace(item, id="", logical_id=_told(item))) for item in submission.folders),
        *sorted(_link(item, labels | links) for item in submission.associations),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _told(item: DocumentEntry | Folder) -> str | None:
    """The lid that names an object of the registry; a first version has its own id there, or nothing."""
    return None if item.logical_id == item.id else item.logical_id


def _link(item: Association, labels: Mapping[str, str]) -> str:
    """What an association says, its ends by their labels."""
    source, target = (labels.get(end, end) for end in (item.source, item.target))
    return repr(replace(item, id="", source=source, target=target))


def assign_ids(submission: Submission, new_id: Callable[[], str]) -> Submission:
    """Gives each symbolic id its UUID, the same symbol the same one."""
    table = {name: name.lower() if is_uuid(name) else new_id() for name in submission.ids}

    def known(reference: str) -> str:
        return table.get(reference, reference.lower() if is_uuid(reference) else reference)

    return replace(
        submission,
        submission_set=replace(submission.submission_set, id=table[submission.submission_set.id]),
        documents=tuple(replace(item, id=table[item.id]) for item in submission.documents),
        folders=tuple(replace(item, id=table[item.id]) for item in submission.folders),
        associations=tuple(
            replace(item, id=table[item.id], source=known(item.source), target=known(item.target))
            for item in submission.associations
        ),
    )


async def admit(
    submission: Submission,
    view: RegistryView,
    keys: Mapping[PatientId, int],
    new_id: Callable[[], str],
    *,
    marked: str | None = None,
) -> Admission:
    """Checks a submission against itself and the registry; Refused with every problem found.

    `keys` gives the merged record key of each patient named; `marked` is the digest of what was sent, if
    this is not it any more. RPLC cascade: new memberships are added for each Approved folder of a replaced
    document (ITI TF-2 3.42.4.1.3.5).
    """
    marked = marked or digest(submission)
    sent = {item.lower() for item in submission.ids if is_uuid(item)}
    submission = assign_ids(submission, new_id)
    _refuse_any(_own_problems(submission))
    inside = set(submission.ids)
    outside = {end for item in submission.associations for end in (item.source, item.target)} - inside
    # Ids made here cannot be taken; only those that were sent are looked up.
    standing = await view.standing(sorted(outside | (inside & sent)))
    targets = appended(submission)
    transforms = await view.transforms(targets) if targets else ()
    _refuse_any(
        _taken_ids(inside, standing)
        + _reference_problems(submission, standing, keys)
        + addendum_problems(submission, transforms)
    )
    replaced = tuple(dict.fromkeys(item.target for item in submission.associations if item.relation.replaces))
    required = tuple(
        dict.fromkeys(
            item.target
            for item in submission.associations
            if item.target not in replaced
            and item.target in standing
            and standing[item.target].kind == "document"
        )
    )
    memberships = tuple(await view.memberships(replaced)) if replaced else ()
    cascade = _cascade(submission, memberships, new_id)
    dependents = await view.dependents(replaced) if replaced else ()
    submission = replace(submission, associations=submission.associations + cascade)
    return Admission(
        submission=submission,
        replaced=replaced,
        dependents=tuple(dependents),
        memberships=memberships,
        required=required,
        touched_folders=_touched(submission),
        digest=marked,
    )


def _refuse_any(problems: Sequence[Problem]) -> None:
    if problems:
        raise Refused(*problems)


def _invalid(context: str, location: str) -> Problem:
    return Problem(Meaning.METADATA_INVALID, context, location)


def doubled_ids(submission: Submission) -> list[Problem]:
    """Ids that stand for several objects of one request."""
    return [
        _invalid(f"id {name} is used {count} times in this submission", name)
        for name, count in Counter(submission.ids).items()
        if count > 1
    ]


def _own_problems(submission: Submission) -> list[Problem]:
    """What is wrong without looking at the registry: doubled ids, stray or missing memberships."""
    problems = doubled_ids(submission)
    problems += [
        _invalid(f"{item.relation.value} belongs to a metadata update (ITI-57)", item.id)
        for item in submission.associations
        if item.relation.updates
    ]
    return problems + membership_problems(submission) + link_problems(submission)


def _taken_ids(inside: set[str], standing: Mapping[str, Standing]) -> list[Problem]:
    return [
        _invalid(f"entryUUID {name} is already registered", name) for name in sorted(inside & set(standing))
    ]


def _reference_problems(
    submission: Submission, standing: Mapping[str, Standing], keys: Mapping[PatientId, int]
) -> list[Problem]:
    problems: list[Problem] = []
    inside = set(submission.ids)
    entries = {item.id: item for item in submission.documents}
    for item in submission.associations:
        for end in (item.source, item.target):
            if end not in inside and end not in standing:
                problems.append(
                    Problem(
                        Meaning.UNRESOLVED_REFERENCE, f"{end} is neither submitted nor registered", item.id
                    )
                )
                break
        else:
            problems += _relation_problems(item, entries, standing, keys, submission)
    return problems


def _relation_problems(
    item: Association,
    entries: Mapping[str, DocumentEntry],
    standing: Mapping[str, Standing],
    keys: Mapping[PatientId, int],
    submission: Submission,
) -> list[Problem]:
    if item.relation is Relation.HAS_MEMBER:
        return _member_problems(item, submission, standing, keys)
    if item.source not in entries:
        return [
            Problem(Meaning.UNRESOLVED_REFERENCE, "the source of a relationship is not submitted", item.id)
        ]
    found = standing.get(item.target)
    if found is None:
        if item.relation.replaces or item.relation is Relation.SNAPSHOT:
            return [Problem(Meaning.UNRESOLVED_REFERENCE, f"{item.target} is not registered", item.id)]
        if item.target not in entries:
            return [_invalid(f"the target of {item.relation.value} is no document", item.id)]
        return []
    return _target_problems(item, entries[item.source], found, keys)


def _target_problems(
    item: Association, source: DocumentEntry, found: Standing, keys: Mapping[PatientId, int]
) -> list[Problem]:
    if found.kind != "document":
        return [
            _invalid(f"the target of {item.relation.value} is a {found.kind}, expected a document", item.id)
        ]
    if found.status is not Status.APPROVED:
        return [Problem(Meaning.DEPRECATED_TARGET, f"{item.target} is Deprecated", item.id)]
    if source.patient is not None and keys.get(source.patient) != found.patient:
        return [
            Problem(
                Meaning.PATIENT_MISMATCH,
                f"source and target of {item.relation.value} differ in patient",
                item.id,
            )
        ]
    if item.relation is Relation.SNAPSHOT and found.type is not EntryType.ON_DEMAND:
        return [_invalid("the target of IsSnapshotOf is not an on-demand entry", item.id)]
    return []


def _member_problems(
    item: Association,
    submission: Submission,
    standing: Mapping[str, Standing],
    keys: Mapping[PatientId, int],
) -> list[Problem]:
    """Folder memberships: both Approved, of one patient; a set also holds registered documents."""
    source, target = standing.get(item.source), standing.get(item.target)
    for end in (source, target):
        if end is not None and end.status is not Status.APPROVED:
            return [Problem(Meaning.DEPRECATED_TARGET, f"{end.id} is Deprecated", item.id)]
    kinds = _kinds(submission)
    from_kind = source.kind if source else kinds[item.source]
    to_kind = target.kind if target else kinds[item.target]
    if item.source == submission.submission_set.id:
        if target is not None and to_kind != "document":
            return [_invalid(f"a {to_kind} that is registered joins no other SubmissionSet", item.id)]
        return []
    if from_kind != "folder" or to_kind != "document":
        return [_invalid(f"a {from_kind} has no {to_kind} as member", item.id)]
    patients = {_patient_key(end, submission, standing, keys) for end in (item.source, item.target)} - {None}
    if len(patients) > 1:
        return [
            Problem(Meaning.PATIENT_MISMATCH, "folder and document belong to different patients", item.id)
        ]
    return []


def _kinds(submission: Submission) -> dict[str, str]:
    """The kind of everything submitted, by id."""
    return (
        {submission.submission_set.id: "submission-set"}
        | {item.id: "document" for item in submission.documents}
        | {item.id: "folder" for item in submission.folders}
        | {item.id: "association" for item in submission.associations}
    )


def _patient_key(
    end: str, submission: Submission, standing: Mapping[str, Standing], keys: Mapping[PatientId, int]
) -> int | None:
    if end in standing:
        return standing[end].patient
    owners = {item.id: item.patient for item in submission.documents}
    owners |= {item.id: item.patient for item in submission.folders}
    patient = owners.get(end)
    return None if patient is None else keys.get(patient)


def _cascade(
    submission: Submission, memberships: Sequence[Membership], new_id: Callable[[], str]
) -> tuple[Association, ...]:
    """The new document joins every Approved folder that holds the replaced one."""
    present = {(item.source, item.target) for item in submission.associations}
    added: list[Association] = []
    for membership in memberships:
        for successor in _successors(submission, membership.document):
            if (membership.folder, successor) not in present:
                joined = _member(new_id, membership.folder, successor)
                added += [joined, _member(new_id, submission.submission_set.id, joined.id)]
    return tuple(added)


def _successors(submission: Submission, document: str) -> list[str]:
    return [
        item.source for item in submission.associations if item.relation.replaces and item.target == document
    ]


def _member(new_id: Callable[[], str], source: str, target: str) -> Association:
    return Association(id=new_id(), relation=Relation.HAS_MEMBER, source=source, target=target)


def _touched(submission: Submission) -> tuple[str, ...]:
    """Registered folders that get a document: their lastUpdateTime becomes now."""
    fresh = {item.id for item in submission.folders} | {submission.submission_set.id}
    sources = (item.source for item in submission.associations if item.relation is Relation.HAS_MEMBER)
    return tuple(dict.fromkeys(name for name in sources if name not in fresh))
