"""Judges what other systems send: an audit message (ITI-20), good or not, or something else (RFC 5424).

What is kept where:

| class | what | kept in |
|---|---|---|
| USE | audit messages, valid or not, of whatever concerns people and their data | the trail |
| SYSTEM | audit messages about systems only, and everything that is no audit message | the system store |

Systems only: Application Activity (110100), and Security Alerts (110113) whose only types are those in
`SYSTEM_TYPES`. What cannot be read is in doubt, and in doubt it is kept in the trail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gateway import schemas
from gateway.crypto.safexml import parse
from gateway.errors import GatewayError, SchemaInvalid
from gateway.record.events import Agent, AuditRecord, Received
from gateway.record.people import Code
from gateway.stores.events import INVALID, OTHER_SENDER, SYSTEM, USE
from gateway.trail.dicom import LIMITS, outline_of

if TYPE_CHECKING:
    from lxml.etree import _Element

DICOM, FHIR, PLAIN = "dicom", "fhir", "plain"
"""Forms of a received message."""

SYSTEM_EVENTS = frozenset({"110100"})
"""EventID of events that are about systems only."""

ALERT = "110113"
SYSTEM_TYPES = frozenset({"110128", "110129", "110131", "110133", "110134", "110139", "110140"})
"""EventTypeCode of alerts that are about systems only: configuration of network, security and software, audit
recording stopped or started, remote service begun or ended."""

SCHEMA = "audit-message"
MESSAGE_IDS = frozenset({"IHE+RFC-3881", "DICOM+RFC3881", "DICOM+RFC-3881", "IHE+DICOM"})
"""MSGID of audit messages (ITI TF-2 3.20.4.1.2.1, DICOM PS3.15 A.6.1)."""

UNREADABLE = Code("", "", "Unreadable")
_UNJUDGED = "the message could not be read"
_UNKNOWN_OUTCOME = 4
_BOM = b"\xef\xbb\xbf"
_LOOKED_AT = 1024
_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?AuditMessage[\s/>]")
_AHEAD = timedelta(days=1)
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Judged:
    """A message with the event in it, its class, and its flags (`stores.events`).

    `message.fault` says why it is no valid audit message. `record` has what the event is found by; who wants
    all of it reads the message (`TrailBook.open`).
    """

    message: Received
    record: AuditRecord
    trail: int
    flags: int = 0

    @property
    def at(self) -> datetime:
        """When it happened, or when it came where that cannot be told."""
        return self.record.at


def judged(message: Received, record: AuditRecord | None = None) -> Judged:
    """The message with its event; `record` where the event is known. Nothing is refused."""
    if record is not None:
        return _timely(Judged(message, record, USE, INVALID if message.fault else 0))
    if message.form == PLAIN:
        return Judged(message, unreadable(message), SYSTEM)
    return _timely(_read(message))


def judged_again(message: Received, record: AuditRecord | None = None) -> Judged:
    """A message that was kept, as it was judged when it came."""
    if message.fault == _UNJUDGED:
        return unjudged(message)
    found = judged(message, record)
    flags = (INVALID if message.fault else 0) | (OTHER_SENDER if message.claimed else 0)
    return replace(found, flags=found.flags | flags)


def unjudged(message: Received) -> Judged:
    """The message as one that nobody could read."""
    kept = replace(message, fault=_UNJUDGED)
    return Judged(kept, unreadable(kept), USE, INVALID)


def form_of(raw: bytes, message_id: str | None) -> str:
    """Whether somebody meant to send an audit message."""
    if message_id in MESSAGE_IDS or _ROOT.search(raw, 0, _LOOKED_AT):
        return DICOM
    return PLAIN


def unreadable(message: Received) -> AuditRecord:
    """The event of a message in which none can be read: that it came, when, and from whom."""
    sender = message.sender or message.address
    return AuditRecord(
        event=UNREADABLE,
        at=message.at,
        outcome=_UNKNOWN_OUTCOME,
        description=message.fault,
        agents=(Agent(user_id=sender, requestor=True, address=message.address or None),),
        source_id=sender,
    )


def _read(message: Received) -> Judged:
    try:
        root = parse(message.raw.removeprefix(_BOM), LIMITS)
        record = outline_of(root)
    except GatewayError as error:
        kept = replace(message, fault=error.detail)
        return Judged(kept, unreadable(kept), USE, INVALID)
    fault = _fault(root)
    if fault is None:
        return Judged(message, record, _class(record))
    return Judged(replace(message, fault=fault), record, _class(record), INVALID)


def _fault(root: _Element) -> str | None:
    try:
        schemas.validate(SCHEMA, root)
    except SchemaInvalid as error:
        return error.detail
    return None


def _class(record: AuditRecord) -> int:
    if record.event.code in SYSTEM_EVENTS:
        return SYSTEM
    types = {each.code for each in record.types}
    return SYSTEM if record.event.code == ALERT and types and types <= SYSTEM_TYPES else USE


def _timely(found: Judged) -> Judged:
    """An event whose time cannot be is found by the time at which it came."""
    if _EARLIEST <= found.record.at <= found.message.at + _AHEAD:
        return found
    fault = found.message.fault or "the time of the event is not plausible"
    message, record = replace(found.message, fault=fault), replace(found.record, at=found.message.at)
    return replace(found, message=message, record=record, flags=found.flags | INVALID)


# --- who says it ---------------------------------------------------------------------------------


def marked(found: Judged, claimed: str) -> Judged:
    """As a message that claims a name of another sender."""
    return replace(found, message=replace(found.message, claimed=claimed), flags=found.flags | OTHER_SENDER)


def other_sender(found: Judged, own: frozenset[str], others: frozenset[str]) -> str | None:
    """The name that a message claims and its sender does not have.

    `own` are the names of the sender: of its enrolment, its certificate and its address. HOSTNAME must be one
    of them, with its domain or without. AuditSourceID is chosen freely by systems: it must not be one of
    `others`, the names of other enrolled nodes. All names are in lower case.
    """
    host = next((value for name, value in found.message.header if name == "hostname"), "")
    if host and not {host.lower(), host.lower().partition(".")[0]} & own:
        return host
    source = found.record.source_id
    return source if source.lower() in others - own else None
