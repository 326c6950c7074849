"""HL7 v2.3.1 ADT messages → feeds and merges (ITI TF-2 3.8.4.1.2, 3.8.4.2.2)."""

from __future__ import annotations

from gateway.bindings.hl7v2 import Message
from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed, PatientMerge
from profiles.pix.rules import merged_pair, refused, require_event, require_segments
from profiles.pix.wire.pid_read import patient_feed


def read_feed(message: Message, domain: Domain) -> PatientFeed:
    """A01, A04, A05 or A08: MSH, EVN, PID, PV1. A newborn may have no name yet."""
    require_segments(message, "EVN", "PID", "PV1")
    require_event(message)
    if not message.value("PV1-2"):
        raise refused(Meaning.REQUIRED_FIELD, "PV1-2 is missing", "PV1^1^2")
    return patient_feed(message, domain)


def read_merge(message: Message, domain: Domain) -> PatientMerge:
    """A40: MSH, EVN, PID, MRG. The person behind PID is not read: A08 tells that (ITI TF-2 3.8.4.2.2)."""
    require_segments(message, "EVN", "PID", "MRG")
    require_event(message)
    subsumed, survivor = merged_pair(message, domain)
    return PatientMerge(
        survivor=survivor,
        subsumed=subsumed,
        message_id=message.value("MSH-10") or "",
    )
