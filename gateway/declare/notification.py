"""The declaration of a message that we send when persons change (ITI TF-2 3.10, 3.46, 3.64, PMIR 2:3.93)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique

import orjson

from gateway.declare.bindings import Binding
from gateway.declare.events import AuditEvent
from gateway.declare.services import Services
from gateway.record.domain import Domain
from gateway.record.emergencies import EmergencyNotice
from gateway.record.patients import PersonChange
from gateway.record.people import Node, PatientId, Subscriber
from gateway.record.subscriptions import Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What there is to tell one subscriber: changes in its domains of interest, as far as it may see them.

    `new_id` gives message ids: UUIDs as text. `subscription` is set where the node asked for it itself.
    """

    changes: tuple[PersonChange, ...]
    node: Node
    subscriber: Subscriber
    domain: Domain
    at: datetime
    new_id: Callable[[], str]
    subscription: Subscription | None = None
    notice: EmergencyNotice | None = None
    """What a patient is to be told, where it is not about changed persons."""


@dataclass(frozen=True, slots=True)
class Named:
    """A patient that a notification names. `kind` and `life_cycle` are for its audit, where they are set."""

    patient: PatientId
    kind: str = ""
    life_cycle: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What the audit tells of a notification: its message id, the patients in it, and who asked for it."""

    message_id: str
    patients: tuple[Named, ...]
    subscription: int | None = None

    def dump(self) -> bytes:
        """JSON."""
        named = [
            (each.patient.extension, each.patient.root, each.kind, each.life_cycle) for each in self.patients
        ]
        return orjson.dumps({"id": self.message_id, "patients": named, "subscription": self.subscription})

    @classmethod
    def load(cls, data: bytes) -> About:
        """What `dump` wrote."""
        kept = orjson.loads(data)
        return cls(
            kept["id"],
            tuple(
                Named(PatientId(extension, root), kind, life_cycle)
                for extension, root, kind, life_cycle in kept["patients"]
            ),
            kept["subscription"],
        )


@dataclass(frozen=True, slots=True)
class Notice:
    """One message as it waits: what stands in its envelope, and what it is about.

    `content_type` is set where it is not the one of the binding.
    """

    payload: bytes
    about: About
    content_type: str = ""


@unique
class Reception(Enum):
    """What the receiver says: it has it, it is to come again, or it is never to come again as it is."""

    TAKEN = "taken"
    AGAIN = "again"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message of the Technical Framework that we are the initiator of.

    `write` gives the messages that changes lead to, in their order. `judge` reads what the receiver answered:
    HTTP status (200 over MLLP) and body. What cannot be read counts as "again".
    `complete` gives the payload as it leaves, where it is to tell the state of that moment; None where there
    is nothing to tell any more. `id_detail` is what the audit calls the message id. `of_persons`: it tells of
    changed persons, and not of an emergency.
    """

    code: str
    title: str
    section: str
    binding: Binding
    audit: AuditEvent
    write: Callable[[Telling], Iterable[Notice]]
    judge: Callable[[int, bytes], Reception]
    complete: Callable[[bytes, Node, Services, datetime], Awaitable[bytes | None]] | None = None
    id_detail: str = "MSH-10"
    of_persons: bool = True
