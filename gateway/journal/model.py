"""What the journal of a patient is made of: entries, who did it, documents, and groups of entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique

from gateway.record.events import AuditRecord
from gateway.record.people import Code, PatientId


@unique
class Outcome(Enum):
    """What came of it."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@unique
class ActorKind(Enum):
    """What somebody is to the patient; it decides what may be told of them."""

    SELF = "self"
    REPRESENTATIVE = "representative"
    PROFESSIONAL = "professional"
    STAFF = "staff"
    SYSTEM = "system"
    UNKNOWN = "unknown"
    STRANGER = "stranger"


NAMED = frozenset({ActorKind.PROFESSIONAL, ActorKind.SYSTEM})
"""Who is told by name. Of staff, and of other patients without a mandate, no name and no number is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it. `identifier` is that of the audit; `aliases` are further ids; `organisation` is an OID."""

    kind: ActorKind
    identifier: str = ""
    aliases: tuple[str, ...] = ()
    name: str = ""
    profession: Code | None = None
    organisation: str = ""
    organisation_name: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Who counts as the same in a group."""
        return self.kind.value, self.identifier, self.organisation


@dataclass(frozen=True, slots=True)
class Document:
    """A document as the reader may see it. `title` and `kind` (a class of the codes) are empty if unknown.

    `removed` is when it was taken out of the record, as far as the journal tells.
    """

    identifier: str
    title: str = ""
    kind: str = ""
    removed: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One audit event as the patient may see it.

    `kind`, `rule` and `refusal` are keys of the catalogues. `named` are the ids of documents and submission
    sets that the event names; `documents` what they stand for. `reported_by` is set for events of others.
    `record` is the event itself, not yet narrowed to what may be shown.
    """

    name: str
    at: datetime
    kind: str
    actor: Actor
    outcome: Outcome
    record: AuditRecord
    named: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()
    purpose: Code | None = None
    rule: str = ""
    refusal: str = ""
    emergency: bool = False
    hidden: bool = False
    shared: bool = False
    """Whether other patients stand in the same event."""
    reported_by: str = ""
    trace_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Entries of one person in one organisation during one visit, or close in time; the newest first.

    `visit` is when the visit began that they lie in.
    """

    actor: Actor
    entries: tuple[Entry, ...]
    visit: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """The journal of a patient for some time, the newest first.

    `own` are all identifiers of the person as events write them. `more` is (at, id) of the last entry, if
    there are older ones.
    """

    patient: PatientId
    since: datetime
    until: datetime
    made: datetime
    groups: tuple[Group, ...]
    own: frozenset[str]
    more: tuple[int, int] | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, the newest first."""
        found = [entry for group in self.groups for entry in group.entries]
        return tuple(sorted(found, key=lambda each: (each.at, each.name), reverse=True))
