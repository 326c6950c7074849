"""The declaration of a transaction: ten fields, written at the foot of its module, used everywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from gateway.declare.actions import Action
from gateway.declare.bindings import Binding
from gateway.declare.events import AuditEvent, EventAction
from gateway.declare.notification import Notification
from gateway.declare.services import Services
from gateway.errors import Problem
from gateway.record.access import Scope
from gateway.record.domain import Domain
from gateway.record.patients import PersonChange
from gateway.record.people import Code, Node, PatientId, Principal
from gateway.rights.documents import ConsentReader
from gateway.stores.search import Condition, Kind
from gateway.stores.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Actors:
    """The two actors of the Technical Framework."""

    initiator: str
    responder: str


@dataclass(frozen=True, slots=True)
class Naming:
    """Registry objects a request names, whose patients must be found before the decision.

    `kind` is "document", "submission-set", "folder", "association" or "any", or "consent"; `by` is "uuid",
    "unique-id" or "logical-id". `linked`: the answer follows associations, which may belong to others.
    """

    kind: str
    by: str
    values: tuple[str, ...]
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Candidates:
    """Registry objects a request describes without naming a patient; each owner is decided on."""

    kind: Kind
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class QueryText:
    """A query as it was received, for the audit (ParticipantObjectQuery), with details of its object.

    `encoding` is that of its text.
    """

    identifier: str
    text: bytes
    details: tuple[tuple[str, str], ...] = ()
    encoding: str = "UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One of several things that a request does; each gets an audit message of its own.

    `type_code` and `role` are those of the participant object, `refused` why it was not done.
    """

    action: EventAction
    identifier: str
    id_type: Code
    type_code: str
    role: str
    life_cycle: str
    details: tuple[tuple[str, str], ...] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a request is about: input of the decision and of the audit entry."""

    patients: tuple[PatientId, ...] = ()
    persons: tuple[int, ...] = ()
    """Patients named by their logical ids: their identifiers in the affinity domain are decided on."""
    merged: tuple[PatientId, ...] = ()
    named: tuple[Naming, ...] = ()
    candidates: Candidates | None = None
    documents: tuple[tuple[str, str], ...] = ()
    """(document uniqueId, repositoryUniqueId) pairs, for the audit."""
    submission_sets: tuple[str, ...] = ()
    classes: frozenset[str] = frozenset()
    query: QueryText | None = None
    audit_log: str | None = None
    """The URI of the audit trail that is read (DICOM PS3.15 A.5.3.2)."""
    message_id: str | None = None
    message_id_type: str = "MSH-10"
    """What the message id is called in the audit of a feed: MSH-10, or II in HL7 v3."""
    meant: tuple[tuple[PatientId, str, str | None], ...] = ()
    """What each patient identifier is to the message, and its life cycle in the audit (ITI TF-2 3.64.5)."""
    also: tuple[Action, ...] = ()
    """What the request does beside the action of its transaction; it needs a permit for each."""
    deeds: tuple[Deed, ...] = ()
    """What it would do one by one, for the audit of a refusal."""
    changed: tuple[Naming, ...] = ()
    """Registered documents that the request changes, ends or replaces. Where one of them states a consent in
    force, the request needs the permit to change rights as well."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Base of every response. A problem that is no warning makes a partial success of it."""

    problems: tuple[Problem, ...] = ()
    objects: tuple[tuple[str, Code], ...] = ()
    """Registry objects the audit names: entryUUID, and what it was (EV(…, "IHE XDS Metadata"))."""
    sets: tuple[tuple[PatientId, str], ...] = ()
    """(patient, uniqueId) of each SubmissionSet of a medium; every patient gets an audit message."""
    persons: tuple[PersonChange, ...] = ()
    """What the request changed in the index of patients; the commit stage tells subscribers."""
    patients: tuple[PatientId, ...] = ()
    """Patients that the answer tells of, and the request did not name; for the audit of a query."""
    deeds: tuple[Deed, ...] = ()
    """What was done one by one, and what was not."""
    action: EventAction | None = None
    """What was done, for the audit, where only the handler can tell: create or update."""

    @property
    def bare(self) -> bool:
        """Whether something that was asked for is not shown; it must not be seen by the time it took, why."""
        return any(not problem.warning for problem in self.problems)


RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT", bound=Answer)


@dataclass(frozen=True)
class Call(Generic[RequestT]):
    """What a handler may know: the request, who asks, what the decision allows, where to write."""

    request: RequestT
    principal: Principal
    scope: Scope
    work: UnitOfWork
    at: datetime
    node: Node | None = None
    trace_id: str = ""
    certificate: bytes | None = None
    """The DER of the certificate by which the peer was authenticated in TLS."""


@dataclass(frozen=True)
class Codec(Generic[RequestT, ResponseT]):
    """Wire form ↔ request and response. `refuse` writes the profile's own form of a refusal.

    `refuse_request` stands in its place where a refusal repeats parts of the request: it also takes what
    `decode` took, and when.
    """

    decode: Callable[[Any, Domain], RequestT]
    encode: Callable[[ResponseT, Domain], Any]
    refuse: Callable[[tuple[Problem, ...]], Any]
    refuse_request: Callable[[tuple[Problem, ...], Any, datetime], Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Transaction(Generic[RequestT, ResponseT]):
    """One transaction of the Technical Framework.

    `twin`: another transaction with the very same message; a node enrolled for that one only speaks of it.
    `logs_in`: it asks for what shows who somebody is, so that its person is told by certificates and the
    directory, and has no role yet.
    """

    code: str
    title: str
    section: str
    actors: Actors
    binding: Binding
    action: Action
    audit: AuditEvent
    codec: Codec[RequestT, ResponseT]
    target: Callable[[RequestT], Target]
    handle: Callable[[Call[RequestT], Services], Awaitable[ResponseT]]
    twin: Transaction[Any, Any] | None = None
    logs_in: bool = False


AnyTransaction = Transaction[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One IHE profile: its transactions, the path at which each responder answers, and what we send.

    `consents` are readers of documents in which a patient decides about access, by formatCode.
    """

    code: str
    title: str
    transactions: tuple[AnyTransaction, ...]
    notifications: tuple[Notification, ...] = ()
    endpoints: dict[str, str] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    consents: Mapping[str, ConsentReader] = field(default_factory=dict)
