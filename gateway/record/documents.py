"""The objects of document sharing (ITI TF-3 4.1, 4.2): entries, sets, folders, associations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

from gateway.errors import Problem
from gateway.record.people import Code, PatientId


@unique
class Status(Enum):
    """availabilityStatus (ITI TF-3 4.2.3.2.2)."""

    APPROVED = "Approved"
    DEPRECATED = "Deprecated"


@unique
class EntryType(Enum):
    """Kind of a DocumentEntry: its octets exist, or are made when asked for."""

    STABLE = "stable"
    ON_DEMAND = "on-demand"


@unique
class Relation(Enum):
    """Association types (ITI TF-3 4.2.2), by their local names."""

    HAS_MEMBER = "HasMember"
    REPLACE = "RPLC"
    TRANSFORM = "XFRM"
    TRANSFORM_REPLACE = "XFRM_RPLC"
    APPEND = "APND"
    SIGNS = "signs"
    SNAPSHOT = "IsSnapshotOf"
    UPDATE_STATUS = "UpdateAvailabilityStatus"
    SUBMIT = "SubmitAssociation"

    @property
    def replaces(self) -> bool:
        """Whether the target ends as Deprecated."""
        return self in {Relation.REPLACE, Relation.TRANSFORM_REPLACE}

    @property
    def updates(self) -> bool:
        """Whether it is an instruction of a metadata update, which is not kept (ITI TF-2 3.57)."""
        return self in {Relation.UPDATE_STATUS, Relation.SUBMIT}


Extra = tuple[tuple[str, tuple[str, ...]], ...]
"""Extra metadata: slots with URN names outside urn:ihe (ITI TF-3 4.2.3.1.6)."""


@dataclass(frozen=True, slots=True)
class Author:
    """One author (ITI TF-3 4.2.3.1.4); values are XCN, XON, XTN and coded strings as received."""

    person: str | None = None
    institutions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    specialties: tuple[str, ...] = ()
    telecoms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEntry:
    """A DocumentEntry (ITI TF-3 4.2.3.2). Times are DTM in UTC, `hash` is SHA-1 in hex, `size` octets."""

    id: str
    unique_id: str
    type: EntryType = EntryType.STABLE
    status: Status = Status.APPROVED
    logical_id: str | None = None
    version: int = 1
    patient: PatientId | None = None
    mime_type: str
    title: str | None = None
    comments: str | None = None
    class_code: Code | None = None
    type_code: Code | None = None
    format_code: Code | None = None
    facility_type: Code | None = None
    practice_setting: Code | None = None
    confidentiality: tuple[Code, ...] = ()
    events: tuple[Code, ...] = ()
    authors: tuple[Author, ...] = ()
    creation_time: str | None = None
    service_start: str | None = None
    service_stop: str | None = None
    language: str | None = None
    legal_authenticator: str | None = None
    source_patient_id: str | None = None
    source_patient_info: tuple[str, ...] = ()
    reference_ids: tuple[str, ...] = ()
    repository: str | None = None
    hash: str | None = None
    size: int | None = None
    uri: str | None = None
    home: str | None = None
    availability: str | None = None
    limited: bool = False
    extra: Extra = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionSet:
    """A SubmissionSet (ITI TF-3 4.2.3.3)."""

    id: str
    unique_id: str
    source_id: str
    submission_time: str
    status: Status = Status.APPROVED
    patient: PatientId | None = None
    content_type: Code | None = None
    title: str | None = None
    comments: str | None = None
    authors: tuple[Author, ...] = ()
    recipients: tuple[str, ...] = ()
    home: str | None = None
    limited: bool = False
    extra: Extra = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A Folder (ITI TF-3 4.2.3.4); `last_update` is kept by the registry."""

    id: str
    unique_id: str
    status: Status = Status.APPROVED
    logical_id: str | None = None
    version: int = 1
    patient: PatientId | None = None
    codes: tuple[Code, ...] = ()
    title: str | None = None
    comments: str | None = None
    last_update: str | None = None
    home: str | None = None
    limited: bool = False
    extra: Extra = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """An Association (ITI TF-3 4.2.2). `member_status` is SubmissionSetStatus: Original or Reference.

    The four fields after `reason` are the slots of a metadata update, as they were sent (ITI TF-2 3.57).
    """

    id: str
    relation: Relation
    source: str
    target: str
    status: Status = Status.APPROVED
    member_status: str | None = None
    reason: Code | None = None
    previous_version: str | None = None
    propagation: str | None = None
    original_status: str | None = None
    new_status: str | None = None
    extra: Extra = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What one ITI-42 brings: exactly one set with what belongs to it."""

    submission_set: SubmissionSet
    documents: tuple[DocumentEntry, ...] = ()
    folders: tuple[Folder, ...] = ()
    associations: tuple[Association, ...] = ()
    warnings: tuple[Problem, ...] = ()
    """What was left out; told to the sender with the success."""

    @property
    def patients(self) -> tuple[PatientId, ...]:
        """The distinct patients named, the set's first."""
        named = [
            self.submission_set.patient,
            *(item.patient for item in self.documents),
            *(item.patient for item in self.folders),
        ]
        return tuple(dict.fromkeys(patient for patient in named if patient is not None))

    @property
    def objects(self) -> tuple[DocumentEntry | Folder, ...]:
        """What can have versions: entries and folders."""
        return (*self.documents, *self.folders)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of everything submitted, the set's first."""
        return (
            self.submission_set.id,
            *(item.id for item in self.documents),
            *(item.id for item in self.folders),
            *(item.id for item in self.associations),
        )
