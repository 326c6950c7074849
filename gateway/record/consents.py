"""What a patient decides about access, as it was said: consents with their versions (ITI TF-2: 3.108).

A consent holds directives, the smallest decisions; all active directives of a patient together are folded
into `PatientRights`, which the rights engine reads (`gateway.rights.fold`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, unique
from typing import Any

from gateway.record.access import Period
from gateway.record.documents import DocumentEntry
from gateway.record.people import PatientId, Principal

ALWAYS = Period()

BPPC, BPPC_SCANNED = "urn:ihe:iti:bppc:2007", "urn:ihe:iti:bppc-sd:2007"
APPC = "urn:ihe:iti:appc:2016:consent"
DOCUMENT_FORMATS = frozenset({BPPC, BPPC_SCANNED, APPC})
"""formatCodes of documents in which a patient decides about access (ITI TF-3 5.1, 5.6)."""


def states_consent(entry: DocumentEntry) -> bool:
    """Whether a document is submitted as a consent, whatever the scheme of its formatCode."""
    return entry.format_code is not None and entry.format_code.code in DOCUMENT_FORMATS


@unique
class Kind(Enum):
    """What a directive decides; the comment names its fields beside the period."""

    OPPOSITION = "opposition"  # purpose (None: every purpose)
    DENIAL = "denial"  # subject; documents (none: the whole record). "*" hides documents from everybody
    ALLOWANCE = "allowance"  # subject; documents (none: the whole record)
    ALLOWED_ONLY = "allowed-only"  # only those allowed see anything
    LEVEL = "level"  # subject, rank
    MANDATE = "mandate"  # subject, given_by, actions (none: all but decisions about access)
    RELATION = "relation"  # subject: who treats the patient
    EMERGENCY = "emergency"  # rank seen in an emergency; 0 forbids it
    FLOOR = "floor"  # rank that documents of others get at least
    RAISING = "raising"  # documents, rank
    CLOSURE = "closure"  # the record is closed


@unique
class Status(Enum):
    """Whether a consent counts. What was ended or entered in error stays readable."""

    ACTIVE = "active"
    ENDED = "inactive"
    ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """One decision. `subject` is a person id, an organisation OID or "*"; `rank` is 1..3, or 0 to forbid."""

    kind: Kind
    subject: str | None = None
    period: Period = ALWAYS
    documents: frozenset[str] = frozenset()
    purpose: str | None = None
    rank: int | None = None
    actions: frozenset[str] = frozenset()
    given_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who decided, and how it came: the transaction code, or a command."""

    subject: str
    name: str
    kind: str
    organisation: str | None = None
    on_behalf_of: str | None = None
    by: str

    @classmethod
    def of(cls, principal: Principal, by: str) -> Author:
        """The author who came with a request."""
        return cls(
            subject=principal.subject,
            name=principal.name,
            kind=principal.kind.value,
            organisation=principal.organisation,
            on_behalf_of=principal.on_behalf_of,
            by=by,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One version of a consent. `form` is what it was read from and is answered with (a FHIR resource).

    `id` stays the same for all versions. `reason` is the author's own word.
    """

    id: str
    version: int
    patient: PatientId
    patient_key: int
    status: Status
    directives: tuple[Directive, ...]
    author: Author
    at: datetime
    trace_id: str
    reason: str = ""
    form: Mapping[str, Any] = field(default_factory=dict, hash=False)
