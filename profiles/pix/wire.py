"""HL7 v2.3.1 ADT messages → feeds and merges (ITI TF-2 3.8.4.1.2, 3.8.4.2.2)."""

from __future__ import annotations

from gateway.bindings.hl7v2 import Message
from gateway.errors import Meaning
from gateway.record.demographics import Demographics, PersonName, Telecom
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed, PatientMerge
from profiles.pix.rules import (
    checked_date,
    checked_sex,
    identifier,
    identifiers,
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
        identifiers=identifiers(message, "PID-3", domain),
        demographics=_demographics(message),
        message_id=message.value("MSH-10") or "",
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
    )


def _demographics(message: Message) -> Demographics:
    """None of it is required: a newborn may have no name yet."""
    number = _bounded(message.value("PID-13.1"), 13)
    return Demographics(
        names=_names(message),
        birth_date=checked_date(message.value("PID-7.1"), "PID^1^7"),
        sex=checked_sex(message.value("PID-8"), "PID^1^8"),
        telecoms=None if number is None else (Telecom(value=number),) if number else (),
    )


def _names(message: Message) -> tuple[PersonName, ...] | None:
    """Family and given name of the first repetition.

    A name that is sent replaces the whole name: an old given name never stands beside a new family name.
    """
    if message.value("PID-5") is None:
        return None
    family = _bounded(message.value("PID-5.1.1") or "", 5) or ""
    given = _bounded(message.value("PID-5.2") or "", 5)
    name = PersonName(family=family, given=(given,) if given else ())
    return (name,) if name != PersonName() else ()


def _bounded(value: str | None, field: int) -> str | None:
    if value and len(value) > _LONGEST_VALUE:
        raise refused(
            Meaning.DATA_TYPE, f"PID-{field} is longer than {_LONGEST_VALUE} characters", f"PID^1^{field}"
        )
    return value
