"""HL7 v2.3.1 ADT messages → feeds and merges (ITI TF-2 3.8.4.1.2, 3.8.4.2.2)."""

from __future__ import annotations

from gateway.bindings.hl7v2 import Message
from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.record.patients import Demographics, PatientFeed, PatientMerge
from profiles.pix.rules import (
    checked_date,
    checked_sex,
    identifier,
    refused,
    require_event,
    require_segments,
)

_LONGEST_VALUE = 1_000


def read_feed(message: Message, domain: Domain) -> PatientFeed:
    """A01, A04, A05 or A08: MSH, EVN, PID, PV1."""
    require_segments(message, "EVN", "PID", "PV1")
    require_event(message)
    if not message.value("PV1-2"):
        raise refused(Meaning.REQUIRED_FIELD, "PV1-2 is missing", "PV1^1^2")
    return PatientFeed(
        trigger=message.value("MSH-9.2") or "",
        identifiers=(identifier(message, "PID-3", domain),),
        demographics=_demographics(message),
        message_id=message.value("MSH-10") or "",
        sender=_sender(message),
    )


def read_merge(message: Message, domain: Domain) -> PatientMerge:
    """A40: MSH, EVN, PID, MRG. The person behind PID is not read: A08 tells that (ITI TF-2 3.8.4.2.2)."""
    require_segments(message, "EVN", "PID", "MRG")
    require_event(message)
    subsumed = identifier(message, "MRG-1", domain)
    survivor = identifier(message, "PID-3", domain)
    if subsumed.root != survivor.root:
        raise refused(Meaning.UNKNOWN_KEY, "MRG-1 and PID-3 are of different authorities", "MRG^1^1^1^4")
    return PatientMerge(
        survivor=survivor,
        subsumed=subsumed,
        message_id=message.value("MSH-10") or "",
        sender=_sender(message),
    )


def _sender(message: Message) -> str:
    """Facility and application, as the audit names them (ITI TF-2 3.8.5)."""
    return f"{message.field('MSH-4')}|{message.field('MSH-3')}"


def _demographics(message: Message) -> Demographics:
    """None of it is required: a newborn may have no name yet."""
    family, given = _name(message)
    return Demographics(
        family=family,
        given=given,
        birth_date=checked_date(message.value("PID-7.1"), "PID^1^7"),
        sex=checked_sex(message.value("PID-8"), "PID^1^8"),
        address=_bounded(message.standard("PID-11"), 11),
        telephone=_bounded(message.standard("PID-13"), 13),
    )


def _name(message: Message) -> tuple[str | None, str | None]:
    """Family and given name of the first repetition.

    A name that is sent replaces the whole name: an old given name never stands beside a new family name.
    """
    if message.value("PID-5") is None:
        return None, None
    family, given = message.value("PID-5.1.1") or "", message.value("PID-5.2") or ""
    return _bounded(family, 5), _bounded(given, 5)


def _bounded(value: str | None, field: int) -> str | None:
    if value and len(value) > _LONGEST_VALUE:
        raise refused(
            Meaning.DATA_TYPE, f"PID-{field} is longer than {_LONGEST_VALUE} characters", f"PID^1^{field}"
        )
    return value
