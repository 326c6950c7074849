"""ITI-30 messages: feeds, merges, changes of an identifier, links (ITI TF-2 3.30.4)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.bindings.hl7v2 import Message
from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed, PatientMerge
from gateway.record.people import PatientId
from profiles.pam.rules import patient_class, require_identified_event, require_name
from profiles.pix.rules import identifiers, merged_pair, refused, require_event, require_segments
from profiles.pix.wire.pid_read import patient_feed


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientLink:
    """The lists of the two PID segments of A24 or A37."""

    first: tuple[PatientId, ...]
    second: tuple[PatientId, ...]
    message_id: str


def read_identity(message: Message, domain: Domain) -> PatientFeed:
    """A28 or A31: MSH, EVN, PID, PV1."""
    require_segments(message, "EVN", "PID", "PV1")
    _require_event(message)
    patient_class(message)
    require_name(message)
    return patient_feed(message, domain)


def read_pair(message: Message, domain: Domain) -> PatientMerge:
    """A40 or A47: MSH, EVN, PID, MRG, of one pair of identifiers."""
    require_segments(message, "EVN", "PID", "MRG")
    _require_event(message)
    subsumed, survivor = merged_pair(message, domain)
    return PatientMerge(survivor=survivor, subsumed=subsumed, message_id=message.value("MSH-10") or "")


def read_link(message: Message, domain: Domain) -> PatientLink:
    """A24 or A37: MSH, EVN, and two PID."""
    require_segments(message, "EVN")
    count = message.segments("PID")
    if count != 2:  # noqa: PLR2004 - both ends of a link
        raise refused(Meaning.SEGMENT_SEQUENCE, f"{count} PID segments were sent, expected 2", "PID")
    _require_event(message)
    return PatientLink(
        first=identifiers(message, "PID-3", domain),
        second=identifiers(message, "PID[2]-3", domain),
        message_id=message.value("MSH-10") or "",
    )


def _require_event(message: Message) -> None:
    require_event(message)
    require_identified_event(message)
