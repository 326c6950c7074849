"""Sends SOAP 1.2 messages with WS-Addressing, plain or as MTOM package, and reads the answers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from xml.sax.saxutils import escape

import httpx
from answer import (
    NO_ANSWER,
    Answer,
    documents_of,
    fault_of,
    first,
    local,
    parse,
    problems_of,
    query_code_of,
    status_of,
    text_of,
)
from lxml import etree
from multipart import SOAP, BadPackageError, content_type_of, pack, parameters, unpack, with_wire_line_ends

ENV = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
ANONYMOUS = f"{WSA}/anonymous"
ENVELOPE_START = re.compile(r"<(?:[\w.-]+:)?Envelope[\s>]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request ready to be sent. `payload` is the body without envelope; None if unreadable."""

    content_type: str
    content: bytes
    action: str
    message_id: str
    mtom: bool
    payload: etree._Element | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """Where a message goes and what it asks for."""

    url: str
    action: str
    mtom: bool
    header: str = ""


def is_envelope(text: str) -> bool:
    """True where a file holds a whole SOAP envelope and not only its body."""
    return ENVELOPE_START.search(text[:4000]) is not None


def is_http_body(text: str) -> bool:
    """True where a file holds a whole MIME body with its boundaries."""
    return text.startswith("--")


def wrap(body: str, to: Addressing, documents: Sequence[tuple[str, bytes]] = ()) -> Message:
    """Put a body into an envelope; every document becomes an xop:Include with its own MIME part."""
    names = [f"{number}.{uuid.uuid4()}@conformance" for number in range(1, len(documents) + 1)]
    text = without_prologue(body)
    if documents:
        includes = "".join(
            f'<Document xmlns="urn:ihe:iti:xds-b:2007" id="{escape(name)}"><xop:Include '
            f'xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:{part}"/></Document>'
            for (name, _), part in zip(documents, names, strict=True)
        )
        before, end, after = text.rpartition("</")
        text = before + includes + end + after
    message_id = f"urn:uuid:{uuid.uuid4()}"
    envelope = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<s:Envelope xmlns:s="{ENV}" xmlns:wsa="{WSA}"><s:Header>'
        f'<wsa:Action s:mustUnderstand="true">{escape(to.action)}</wsa:Action>'
        f"<wsa:MessageID>{message_id}</wsa:MessageID><wsa:To>{escape(to.url)}</wsa:To>"
        f"<wsa:ReplyTo><wsa:Address>{ANONYMOUS}</wsa:Address></wsa:ReplyTo>{to.header}</s:Header>"
        f"<s:Body>{text}</s:Body></s:Envelope>"
    ).encode()
    parts = [(part, content) for part, (_, content) in zip(names, documents, strict=True)]
    return _message(envelope, to, message_id, parts)


def forward(text: str, to: Addressing, *, complete: bool) -> Message:
    """Send a stored envelope: addressed to this system, with a new MessageID, otherwise as it is.

    With `complete` the addressing headers that a test tool would have added are filled in where missing.
    An envelope that is not well-formed, declares a DTD or is signed goes out untouched.
    """
    content = text.encode()
    root = parse(content) if "<!DOCTYPE" not in text else None
    header = first(root, "Header") if root is not None else None
    if root is not None and header is None and complete:
        header = etree.Element(f"{{{ENV}}}Header")
        root.insert(0, header)
    if root is None or header is None or first(root, "Signature") is not None:
        return _message(content, to, "", ())
    _renew(header, "To", to.url, add=complete)
    message_id = f"urn:uuid:{uuid.uuid4()}"
    renewed = _renew(header, "MessageID", message_id, add=complete)
    if complete and header.find(f"{{{WSA}}}Action") is None:
        action = _renew(header, "Action", to.action, add=True)
        if action is not None:
            action.set(f"{{{ENV}}}mustUnderstand", "true")
    content = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return _message(content, to, message_id if renewed is not None else "", ())


def replay(text: str, to: Addressing, content_type: str) -> Message:
    """Send a stored HTTP body: only To and MessageID are made ours, part headers get CRLF."""
    message_id = f"urn:uuid:{uuid.uuid4()}"
    for name, value in (("To", escape(to.url)), ("MessageID", message_id)):
        text = re.sub(rf"(<(?:\w+:)?{name}\b[^>]*>)[^<]*(</)", rf"\g<1>{value}\g<2>", text, count=1)
    content = text.encode()
    kind = content_type or content_type_of(content)
    content = with_wire_line_ends(content, kind)
    try:
        root = parse(unpack(kind, content).root.strip())
    except BadPackageError:
        root = None
    return Message(
        content_type=kind, content=content, action=to.action, message_id=message_id, mtom=True,
        payload=payload_of(root),
    )  # fmt: skip


def _renew(header: etree._Element, name: str, value: str, *, add: bool) -> etree._Element | None:
    found = header.find(f"{{{WSA}}}{name}")
    if found is None and add:
        found = etree.SubElement(header, f"{{{WSA}}}{name}")
    if found is not None:
        found.text = value
    return found


def _message(envelope: bytes, to: Addressing, message_id: str, parts: Sequence[tuple[str, bytes]]) -> Message:
    content_type = f'{SOAP}; charset=UTF-8; action="{to.action}"' if to.action else f"{SOAP}; charset=UTF-8"
    content = envelope
    if to.mtom:
        content_type, content = pack(envelope, parts, to.action)
    return Message(
        content_type=content_type, content=content, action=to.action, message_id=message_id, mtom=to.mtom,
        payload=payload_of(parse(envelope)),
    )  # fmt: skip


def without_prologue(text: str) -> str:
    """The text without byte-order mark, XML declaration and the comments before the first element."""
    bare = re.sub(r"^\s*<\?xml[^>]*\?>\s*", "", text.removeprefix("\ufeff"))
    return re.sub(r"^(?:\s*<!--.*?-->)*\s*", "", bare, flags=re.DOTALL)


def payload_of(envelope: etree._Element | None) -> etree._Element | None:
    """A copy of the first element of the Body, in a tree of its own."""
    body = first(envelope, "Body") if envelope is not None else None
    inner = next((e for e in body if local(e)), None) if body is not None else None
    return deepcopy(inner) if inner is not None else None


def send(client: httpx.Client, url: str, message: Message) -> Answer:
    """Post the message and read what comes back; a broken connection is an answer of its own kind."""
    headers = {"Content-Type": message.content_type, "Accept": "application/soap+xml, multipart/related"}
    try:
        response = client.post(url, content=message.content, headers=headers)
    except httpx.HTTPError as error:
        return Answer(status=NO_ANSWER, detail=f"{type(error).__name__}: {error}")
    return read(response.status_code, response.headers.get("content-type", ""), response.content)


def read(http_status: int, content_type: str, content: bytes) -> Answer:
    """An HTTP answer, plain or multipart, as Answer."""
    kind, _ = parameters(content_type) if content_type else ("", {})
    root_bytes, parts, packaging = content, {}, "plain" if kind == SOAP else kind
    if kind == "multipart/related":
        try:
            package = unpack(content_type, content)
        except BadPackageError as error:
            return Answer(status=f"HTTP {http_status}", http_status=http_status, detail=str(error))
        inner = parameters(package.root_type)[0] if package.root_type else ""
        root_bytes, parts = package.root, dict(package.parts)
        packaging = "mtom" if inner == "application/xop+xml" else f"multipart with {inner or 'untyped root'}"
    envelope = parse(root_bytes)
    text = root_bytes.decode("utf-8", "replace")
    payload = payload_of(envelope)
    if envelope is None or payload is None:
        return Answer(
            status=f"HTTP {http_status}", http_status=http_status, packaging=packaging, text=text,
            detail=f"HTTP {http_status} {kind}: no SOAP body",
        )  # fmt: skip
    action = next((e for e in envelope.iter(f"{{{WSA}}}Action")), None)
    return Answer(
        status=status_of(payload),
        http_status=http_status,
        packaging=packaging,
        payload=payload,
        problems=problems_of(payload),
        documents=documents_of(payload, parts),
        action=(action.text or "").strip() if action is not None else "",
        action_understood=action is not None and action.get(f"{{{ENV}}}mustUnderstand") in {"1", "true"},
        relates_to=text_of(envelope, "RelatesTo"),
        query_code=query_code_of(payload),
        detail=fault_of(payload),
        text=text,
    )
