"""ITI-31 messages: who, which visit, what became of it (ITI TF-2 3.31.5)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.bindings.hl7v2 import Message
from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed
from gateway.record.people import PatientId
from gateway.record.visits import VisitFacts
from profiles.pam.rules import (
    NO_VISIT,
    Movement,
    movement,
    patient_class,
    require_identified_event,
    require_name,
    visit_number,
)
from profiles.pix.rules import (
    bounded,
    checked_date,
    identifiers,
    merged_pair,
    place,
    refused,
    require_event,
    require_segments,
)
from profiles.pix.wire.pid_read import patient_feed

_PENDING_TRANSFERS = frozenset({"A15", "A26"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    """One event of a visit. `number` is empty where the message is of no visit (PV1-2 N)."""

    identifiers: tuple[PatientId, ...]
    trigger: str
    number: str
    facts: VisitFacts
    movement: Movement
    message_id: str
    feed: PatientFeed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMove:
    """A44: a visit filed under the wrong patient, by account or visit number."""

    to: PatientId
    wrong: PatientId
    number: str
    message_id: str


def read_told(message: Message, domain: Domain) -> Encounter:
    """A01, A04, A05, A08: the person is told of as well."""
    return _read(message, domain, feeds=True)


def read_moved(message: Message, domain: Domain) -> Encounter:
    """All other triggers: PID does no more than name the patient."""
    return _read(message, domain, feeds=False)


def read_account_move(message: Message, domain: Domain) -> AccountMove:
    """A44: PID-3 is the right patient, MRG-1 the wrong one, MRG-3 or MRG-5 what moves."""
    require_segments(message, "EVN", "PID", "MRG")
    require_event(message)
    wrong, right = merged_pair(message, domain)
    field = next((each for each in ("MRG-5", "MRG-3") if message.value(f"{each}.1")), None)
    if field is None:
        raise refused(Meaning.REQUIRED_FIELD, "MRG-3 is missing", "MRG^1^3")
    return AccountMove(
        to=right,
        wrong=wrong,
        number=visit_number(message, field),
        message_id=message.value("MSH-10") or "",
    )


def _read(message: Message, domain: Domain, *, feeds: bool) -> Encounter:
    require_segments(message, "EVN", "PID", "PV1")
    require_event(message)
    require_identified_event(message)
    kind = patient_class(message)
    trigger = message.value("MSH-9.2") or ""
    if trigger in _PENDING_TRANSFERS and not message.value("PV1-42.1"):
        raise refused(Meaning.REQUIRED_FIELD, "PV1-42 is missing", "PV1^1^42")
    if feeds:
        require_name(message)
    feed = patient_feed(message, domain) if feeds else None
    return Encounter(
        identifiers=feed.identifiers if feed else identifiers(message, "PID-3", domain),
        trigger=trigger,
        number="" if kind == NO_VISIT else visit_number(message),
        facts=_facts(message, kind),
        movement=movement(message),
        message_id=message.value("MSH-10") or "",
        feed=feed,
    )


def _facts(message: Message, kind: str) -> VisitFacts:
    return VisitFacts(
        patient_class=kind,
        location=_text(message, "PV1-3"),
        temporary_location=_text(message, "PV1-11"),
        attending=_doctors(message, "PV1-7"),
        referring=_doctors(message, "PV1-8"),
        consulting=_doctors(message, "PV1-9"),
        admitting=_doctors(message, "PV1-17"),
        service=_text(message, "PV1-10"),
        admitted_at=checked_date(message.value("PV1-44.1"), "PV1^1^44"),
        discharged_at=checked_date(message.value("PV1-45.1"), "PV1^1^45"),
    )


def _text(message: Message, field: str) -> str | None:
    sent = message.standard(field)
    return bounded(sent, place(field)) if sent else sent


def _doctors(message: Message, field: str) -> tuple[str, ...] | None:
    """XCN, each with the recommended delimiters."""
    count = message.repetitions(field)
    if not count:
        return None
    sent = (_text(message, f"{field}[{number}]") for number in range(1, count + 1))
    return tuple(each for each in sent if each)
