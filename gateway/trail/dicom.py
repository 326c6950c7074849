"""Reads an audit message: DICOM PS3.15 A.5, and the older form of its codes (RFC 3881), into an event."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime

from lxml import etree
from lxml.etree import _Element

from gateway.crypto.safexml import XmlLimits, parse
from gateway.errors import Malformed
from gateway.record.events import Agent, AuditRecord, Entity
from gateway.record.people import Code

LIMITS = XmlLimits(size=1024 * 1024, depth=16, attributes=32, elements=20_000, namespaces=32)
"""Bounds of one message; the frame it came in has a bound of its own."""

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
    if _name(root) != "AuditMessage":
        raise Malformed("no AuditMessage element")
    head = _child(root, "EventIdentification")
    source = _child(root, "AuditSourceIdentification")
    event = next(_codes(head, "EventID"), None) if head is not None else None
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
        types=tuple(_codes(head, "EventTypeCode")),
        purposes=tuple(_codes(head, "PurposeOfUse")),
        description=_text(head, "EventOutcomeDescription"),
        agents=tuple(_agent(each) for each in _children(root, "ActiveParticipant")),
        source_id=source.get("AuditSourceID", "") if source is not None else "",
        source_site=source.get("AuditEnterpriseSiteID") if source is not None else None,
        source_types=tuple(_source_types(source)),
        entities=tuple(_entity(each) for each in _children(root, "ParticipantObjectIdentification")),
    )


def _agent(element: _Element) -> Agent:
    media = _child(element, "MediaIdentifier")
    return Agent(
        user_id=element.get("UserID", ""),
        alternative_id=element.get("AlternativeUserID"),
        name=element.get("UserName"),
        requestor=element.get("UserIsRequestor", "").strip() in {"true", "1"},
        roles=tuple(_codes(element, "RoleIDCode")),
        address=element.get("NetworkAccessPointID"),
        address_type=element.get("NetworkAccessPointTypeCode"),
        media=next(_codes(media, "MediaType"), None) if media is not None else None,
    )


def _entity(element: _Element) -> Entity:
    return Entity(
        identifier=element.get("ParticipantObjectID", ""),
        id_type=next(_codes(element, "ParticipantObjectIDTypeCode"), None),
        type_code=element.get("ParticipantObjectTypeCode"),
        role=element.get("ParticipantObjectTypeCodeRole"),
        life_cycle=element.get("ParticipantObjectDataLifeCycle"),
        sensitivity=element.get("ParticipantObjectSensitivity"),
        name=_text(element, "ParticipantObjectName"),
        query=_query(element),
        details=tuple(_details(element)),
    )


def _query(element: _Element) -> str | None:
    """In base64; a query that stands there in clear, as text or XML, is put into it."""
    found = _child(element, "ParticipantObjectQuery")
    if found is None:
        return None
    text = _inside(found).strip()
    try:
        b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b64encode(text.encode()).decode()
    return text


def _inside(element: _Element) -> str:
    """All that stands in an element, markup too, as text."""
    if not len(element):
        return element.text or ""
    return (element.text or "") + "".join(etree.tostring(each, encoding="unicode") for each in element)


def _details(element: _Element) -> Iterator[tuple[str, str]]:
    """Type and value; a value that is no base64 of text is kept as it stands."""
    for each in _children(element, "ParticipantObjectDetail"):
        value = each.get("value", "")
        try:
            yield each.get("type", ""), b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            yield each.get("type", ""), value


def _source_types(source: _Element | None) -> Iterator[str]:
    if source is None:
        return
    for each in _children(source, "AuditSourceTypeCode"):
        yield each.get("csd-code") or each.get("code") or ""


def _codes(element: _Element, tag: str) -> Iterator[Code]:
    """Coded values: csd-code, or code as RFC 3881 wrote it; the text that came with it as its name."""
    for each in _children(element, tag):
        code = each.get("csd-code") or each.get("code")
        if code:
            name = each.get("displayName") or each.get("originalText") or ""
            yield Code(code, each.get("codeSystemName", ""), name)


def _children(element: _Element, tag: str) -> Iterator[_Element]:
    return (each for each in element if _name(each) == tag)


def _child(element: _Element, tag: str) -> _Element | None:
    return next(_children(element, tag), None)


def _text(element: _Element, tag: str) -> str | None:
    found = _child(element, tag)
    return None if found is None else _inside(found).strip()


def _name(element: _Element) -> str:
    """Without namespace, which the schema has none of; nothing for comments."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Malformed("EventDateTime is no date and time") from error
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise Malformed("EventDateTime lies outside of what can be kept")
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
