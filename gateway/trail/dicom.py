"""Reads an audit message: DICOM PS3.15 A.5, and the older form of its codes (RFC 3881), into an event."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from lxml import etree
from lxml.etree import _Element

from gateway.crypto.safexml import XmlLimits, parse
from gateway.errors import Malformed
from gateway.record.events import Agent, AuditRecord, Entity
from gateway.record.people import Code

LIMITS = XmlLimits(size=1024 * 1024, depth=16, attributes=32, elements=20_000, namespaces=32)
"""Bounds of one message; the frame it came in has a bound of its own."""

_Parts = dict[str, list[_Element]]
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
_OUTCOMES = frozenset({"0", "4", "8", "12"})


def read_message(data: bytes) -> AuditRecord:
    """The event of a message in UTF-8; a byte order mark and an XML declaration are taken.

    Malformed when it is no audit message, or lacks what an event cannot be kept without: its code, its time,
    its outcome.
    """
    return record_of(parse(data.removeprefix(b"\xef\xbb\xbf"), LIMITS))


def record_of(root: _Element) -> AuditRecord:
    """The event of an AuditMessage element."""
    return _record(root, _agent, _entity)


def outline_of(root: _Element) -> AuditRecord:
    """The event with no more of its agents and objects than it is found by; refused where `record_of` is."""
    return _record(root, _named_agent, _named_entity)


def _record(
    root: _Element, agent: Callable[[_Element], Agent], entity: Callable[[_Element], Entity]
) -> AuditRecord:
    if _name(root.tag) != "AuditMessage":
        raise Malformed("no AuditMessage element")
    parts = _parts(root)
    head = next(iter(parts.get("EventIdentification", ())), None)
    source = next(iter(parts.get("AuditSourceIdentification", ())), None)
    told = _parts(head) if head is not None else {}
    event = next(_codes(told, "EventID"), None)
    if head is None or event is None:
        raise Malformed("the audit message does not say what happened: EventIdentification, EventID")
    outcome = head.get("EventOutcomeIndicator", "")
    if outcome not in _OUTCOMES:
        raise Malformed("EventOutcomeIndicator is not 0, 4, 8 or 12")
    return AuditRecord(
        event=event,
        at=_instant(head.get("EventDateTime", "")),
        outcome=int(outcome),
        action=head.get("EventActionCode"),
        types=tuple(_codes(told, "EventTypeCode")),
        purposes=tuple(_codes(told, "PurposeOfUse")),
        description=_text(told, "EventOutcomeDescription"),
        agents=tuple([agent(each) for each in parts.get("ActiveParticipant", ())]),
        source_id=source.get("AuditSourceID", "") if source is not None else "",
        source_site=source.get("AuditEnterpriseSiteID") if source is not None else None,
        source_types=tuple(_source_types(source)),
        entities=tuple([entity(each) for each in parts.get("ParticipantObjectIdentification", ())]),
    )


def _agent(element: _Element) -> Agent:
    told, get = _parts(element), element.get
    media = next(iter(told.get("MediaIdentifier", ())), None)
    return Agent(
        user_id=get("UserID", ""),
        alternative_id=get("AlternativeUserID"),
        name=get("UserName"),
        requestor=get("UserIsRequestor", "").strip() in {"true", "1"},
        roles=tuple(_codes(told, "RoleIDCode")),
        address=get("NetworkAccessPointID"),
        address_type=get("NetworkAccessPointTypeCode"),
        media=next(_codes(_parts(media), "MediaType"), None) if media is not None else None,
    )


def _named_agent(element: _Element) -> Agent:
    return Agent(user_id=element.get("UserID", ""))


def _named_entity(element: _Element) -> Entity:
    return Entity(
        identifier=element.get("ParticipantObjectID", ""),
        type_code=element.get("ParticipantObjectTypeCode"),
        role=element.get("ParticipantObjectTypeCodeRole"),
    )


def _entity(element: _Element) -> Entity:
    told, get = _parts(element), element.get
    return Entity(
        identifier=get("ParticipantObjectID", ""),
        id_type=next(_codes(told, "ParticipantObjectIDTypeCode"), None),
        type_code=get("ParticipantObjectTypeCode"),
        role=get("ParticipantObjectTypeCodeRole"),
        life_cycle=get("ParticipantObjectDataLifeCycle"),
        sensitivity=get("ParticipantObjectSensitivity"),
        name=_text(told, "ParticipantObjectName"),
        query=_query(told),
        details=tuple(_details(told)),
    )


def _query(told: _Parts) -> str | None:
    """In base64; a query that stands there in clear, as text or XML, is put into it."""
    text = _text(told, "ParticipantObjectQuery")
    if text is None:
        return None
    try:
        b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b64encode(text.encode()).decode()
    return text


def _details(told: _Parts) -> Iterator[tuple[str, str]]:
    """Type and value; a value that is no base64 of text is kept as it stands."""
    for each in told.get("ParticipantObjectDetail", ()):
        value = each.get("value", "")
        try:
            yield each.get("type", ""), b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            yield each.get("type", ""), value


def _source_types(source: _Element | None) -> Iterator[str]:
    if source is None:
        return
    for each in _parts(source).get("AuditSourceTypeCode", ()):
        yield each.get("csd-code") or each.get("code") or ""


def _codes(told: _Parts, tag: str) -> Iterator[Code]:
    """Coded values: csd-code, or code as RFC 3881 wrote it; the text that came with it as its name."""
    for each in told.get(tag, ()):
        code = each.get("csd-code") or each.get("code")
        if code:
            name = each.get("displayName") or each.get("originalText") or ""
            yield Code(code, each.get("codeSystemName", ""), name)


def _text(told: _Parts, tag: str) -> str | None:
    """All that stands in an element, markup too, as text."""
    if tag not in told:
        return None
    element = told[tag][0]
    found = element.text or ""
    if len(element):
        found += "".join(etree.tostring(each, encoding="unicode") for each in element)
    return found.strip()


def _parts(element: _Element) -> _Parts:
    """Its children by their names, in one pass."""
    found: _Parts = {}
    for each in element:
        found.setdefault(_name(each.tag), []).append(each)
    return found


def _name(tag: object) -> str:
    """Without namespace, which the schema has none of; nothing for comments."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Malformed("EventDateTime is no date and time") from error
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise Malformed("EventDateTime lies outside of what can be kept")
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
