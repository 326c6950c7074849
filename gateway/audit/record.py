"""Writes one audit message: DICOM PS3.15 A.5, as ITI-20 sends it (ITI TF-2 3.20.4.1)."""

from __future__ import annotations

import re
from binascii import b2a_base64
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from gateway.audit.objects import TRACE_ID, AuditObject, left_out_object
from gateway.declare.events import DESTINATION, SOURCE, EventAction, Outcome
from gateway.errors import Defect
from gateway.record.people import Code, Principal

TEXT_LIMIT = 1024
"""Characters of any one value; a longer one is cut and ends with the SHA-256 of the whole."""
OBJECT_LIMIT = 256
ROLE_LIMIT = 16

MACHINE_NAME, IP_ADDRESS = "1", "2"

_SPECIAL = re.compile("[^ !#-%'-;=?-~\xa0-\ud7ff\ue000-\ufffd]")
_ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITIES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


class Participant(NamedTuple):
    """A system that took part. `process_id` is known of our own side only; `network_id` IP or DNS name.

    `media` is the kind of medium that data came from or went to (DICOM CID 405).
    """

    user_id: str
    network_id: str
    process_id: str | None = None
    is_requestor: bool = False
    role: Code | None = None
    media: Code | None = None


class Human(NamedTuple):
    """The person who asked. `user_name` is `alias<user@issuer>` (ITI TF-2 3.40.4.2)."""

    user_id: str
    user_name: str
    roles: tuple[Code, ...] = ()


class AuditSource(NamedTuple):
    """Who writes the record. `type_code` is 4 for an application server, 6 for a security server."""

    identifier: str
    site: str | None = None
    type_code: str = "4"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFacts:
    """What one message tells. `more_types` are further EventTypeCodes, such as 110127 or 110147."""

    event: Code
    type: Code
    action: EventAction
    at: datetime
    outcome: Outcome
    source: Participant
    destination: Participant
    audit_source: AuditSource
    objects: tuple[AuditObject, ...] = ()
    human: Human | None = None
    purpose: Code | None = None
    description: str | None = None
    more_types: tuple[Code, ...] = ()
    trace_id: str | None = None


def human_of(principal: Principal) -> Human:
    """The human requestor of an authenticated principal."""
    roles = (principal.role,) if principal.role else ()
    return Human(principal.subject, principal.audit_name, roles)


def audit_message(facts: AuditFacts) -> str:
    """The AuditMessage element, without XML declaration; valid for any text in the facts."""
    parties = _parties(facts.human, facts.source, facts.destination, facts.audit_source)
    return f"<AuditMessage>{_event(facts)}{parties}{_objects(facts)}</AuditMessage>"


# --- elements ------------------------------------------------------------------------------------


def _event(facts: AuditFacts) -> str:
    description = ""
    if facts.description is not None:
        description = f"<EventOutcomeDescription>{_text(facts.description)}</EventOutcomeDescription>"
    purpose = _coded("PurposeOfUse", facts.purpose) if facts.purpose is not None else ""
    return (
        f'<EventIdentification EventActionCode="{facts.action._value_}" EventDateTime="{instant(facts.at)}"'
        f' EventOutcomeIndicator="{facts.outcome._value_}">'
        f"{_kinds(facts.event, facts.type, facts.more_types)}{description}{purpose}</EventIdentification>"
    )


@lru_cache(maxsize=16)
def instant(at: datetime) -> str:
    """An aware time as text: UTC, milliseconds, Z. Remembered: message and evidence tell the same one."""
    if at.tzinfo is None:
        raise Defect("the time of an audit event must be aware")
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"


@lru_cache(maxsize=512)
def _kinds(event: Code, kind: Code, more: tuple[Code, ...]) -> str:
    types = "".join([_coded("EventTypeCode", code) for code in (kind, *more)])
    return f"{_coded('EventID', event)}{types}"


@lru_cache(maxsize=512)
def _parties(
    human: Human | None, source: Participant, destination: Participant, audit_source: AuditSource
) -> str:
    """Who took part, and who tells of it. Remembered: one person asks several times through one system."""
    return (
        f"{_human(human) if human is not None else ''}"
        f"{_participant(source, SOURCE)}{_participant(destination, DESTINATION)}{_audit_source(audit_source)}"
    )


def _human(human: Human) -> str:
    roles = "".join([_coded("RoleIDCode", role) for role in human.roles[:ROLE_LIMIT]])
    return (
        f'<ActiveParticipant UserID="{_text(human.user_id)}" UserName="{_text(human.user_name)}"'
        f' UserIsRequestor="true">{roles}</ActiveParticipant>'
    )


def _participant(who: Participant, role: Code) -> str:
    process = f' AlternativeUserID="{_text(who.process_id)}"' if who.process_id is not None else ""
    media = f"<MediaIdentifier>{_coded('MediaType', who.media)}</MediaIdentifier>" if who.media else ""
    return (
        f'<ActiveParticipant UserID="{_text(who.user_id)}"{process}'
        f' UserIsRequestor="{"true" if who.is_requestor else "false"}"'
        f' NetworkAccessPointID="{_text(who.network_id)}"'
        f' NetworkAccessPointTypeCode="{network_type(who.network_id)}">'
        f"{_coded('RoleIDCode', who.role or role)}{media}</ActiveParticipant>"
    )


def _audit_source(source: AuditSource) -> str:
    site = f' AuditEnterpriseSiteID="{_text(source.site)}"' if source.site else ""
    return (
        f'<AuditSourceIdentification{site} AuditSourceID="{_text(source.identifier)}">'
        f'<AuditSourceTypeCode csd-code="{_text(source.type_code)}"/></AuditSourceIdentification>'
    )


def _objects(facts: AuditFacts) -> str:
    objects = facts.objects
    if len(objects) > OBJECT_LIMIT:
        objects = (*objects[:OBJECT_LIMIT], left_out_object(objects[OBJECT_LIMIT:]))
    trace = _trace(facts.trace_id) if facts.trace_id is not None else ""
    return "".join([_object(each) for each in objects]) + trace


def _trace(trace_id: str) -> str:
    """The id that ties logs, evidence and audit of one exchange together: type Other, role Processing."""
    return f'<ParticipantObjectIdentification ParticipantObjectID="{_text(trace_id)}"{_TRACE_REST}'


def _object(each: AuditObject) -> str:
    life = f' ParticipantObjectDataLifeCycle="{_text(each.life_cycle)}"' if each.life_cycle else ""
    if each.query is not None:
        content = f"<ParticipantObjectQuery>{each.query}</ParticipantObjectQuery>"
    elif each.name is not None:
        content = f"<ParticipantObjectName>{_text(each.name)}</ParticipantObjectName>"
    else:
        content = ""
    details = "".join([_detail(kind, value) for kind, value in each.details]) if each.details else ""
    return (
        f'<ParticipantObjectIdentification ParticipantObjectID="{_text(each.identifier)}"'
        f' ParticipantObjectTypeCode="{each.type_code}" ParticipantObjectTypeCodeRole="{each.role}"{life}>'
        f"{_coded('ParticipantObjectIDTypeCode', each.id_type)}{content}{details}"
        f"</ParticipantObjectIdentification>"
    )


def _detail(kind: str, value: str) -> str:
    encoded = b2a_base64(_bounded(value).encode("utf-8", "replace"), newline=False).decode("ascii")
    return f'<ParticipantObjectDetail type="{_text(kind)}" value="{encoded}"/>'


@lru_cache(maxsize=512)
def _coded(tag: str, code: Code) -> str:
    """A coded element; originalText is required, so a code without a name repeats itself.

    Remembered, because a few dozen codes make up a third of every message.
    """
    return (
        f'<{tag} csd-code="{_text(code.code)}" codeSystemName="{_text(code.scheme)}"'
        f' originalText="{_text(code.display or code.code)}"/>'
    )


# --- values --------------------------------------------------------------------------------------


def network_type(network_id: str) -> str:
    """NetworkAccessPointTypeCode: "2" for an IP address, "1" for a machine name."""
    if ":" in network_id or network_id.replace(".", "").isdigit():
        return IP_ADDRESS
    return MACHINE_NAME


def _text(value: str) -> str:
    """The value for an attribute or element: bounded, XML characters only, markup escaped."""
    if len(value) > TEXT_LIMIT:
        value = _bounded(value)
    if _SPECIAL.search(value) is None:
        return value
    if not value.isprintable():
        value = _ILLEGAL.sub("\ufffd", value)
        return value.translate(_ENTITIES)
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _bounded(value: str) -> str:
    if len(value) <= TEXT_LIMIT:
        return value
    digest = sha256(value.encode("utf-8", "replace")).hexdigest()
    return f"{value[: TEXT_LIMIT - 72]}…sha256:{digest}"


_TRACE_REST = (
    ' ParticipantObjectTypeCode="4" ParticipantObjectTypeCodeRole="26">'
    f"{_coded('ParticipantObjectIDTypeCode', TRACE_ID)}</ParticipantObjectIdentification>"
)
