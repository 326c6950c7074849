"""SOAP 1.2 envelopes written as canonical text, signed by WS-Security 1.1: no parse, no canonicalization."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import quote
from xml.sax.saxutils import escape

from gateway.crypto.keys import Signer
from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import names
from gateway.crypto.xmldsig.attachments import Attachment, hash_base64
from gateway.crypto.xmldsig.c14n import c14n
from gateway.crypto.xmldsig.signature import reference_xml, signature_xml
from gateway.errors import Defect, Malformed

MESSAGE_LIFE = timedelta(seconds=300)
ENVELOPE_PREFIX = "e"
"""Bound to SOAP 1.2 in what is written here; content of a Body must bind no prefix of this name."""

_E = b'xmlns:e="%b"' % names.SOAP.encode()
_WSU = b'xmlns:wsu="%b"' % names.WSU.encode()
BODY_START = b'<e:Body %b %b wsu:Id="body">' % (_E, _WSU)
_OPEN_PLAIN_BODY = b"<e:Body>"
_CLOSE_BODY = b"</e:Body>"
_SECURITY = b'<wsse:Security xmlns:wsse="%b" e:mustUnderstand="true">' % names.WSSE.encode()
_TOKEN = b'<wsse:BinarySecurityToken %b EncodingType="%b" ValueType="%b" wsu:Id="token">' % (
    _WSU,
    names.BASE64.encode(),
    names.X509_V3.encode(),
)
KEY_INFO = (
    b'<wsse:SecurityTokenReference xmlns:wsse="%b"><wsse:Reference URI="#token" ValueType="%b">'
    b"</wsse:Reference></wsse:SecurityTokenReference>" % (names.WSSE.encode(), names.X509_V3.encode())
)
_INCLUDE = b'<xop:Include xmlns:xop="%b" href="cid:%b"></xop:Include>'
_OTHER_PREFIX = b"h"
_ESCAPED_RETURN = {"\r": "&#xD;"}


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """A header block. `name` in Clark notation, `content` in canonical XML.

    In the content the prefix of the block's namespace is bound already: `wsa`, or `h` for any other.
    """

    name: str
    content: bytes
    must_understand: bool = False

    @classmethod
    def of_text(cls, name: str, text: str, *, must_understand: bool = False) -> HeaderBlock:
        """A block that holds a text."""
        return cls(name, escape(text, _ESCAPED_RETURN).encode(), must_understand)


@dataclass(frozen=True, slots=True)
class Attached:
    """An attachment at its place in a Body. `content_id` is without brackets."""

    content_id: str
    attachment: Attachment


BodyContent = bytes | Sequence[bytes | Attached]
"""What stands in the Body, in exclusive canonical form as if alone; attachments where their base64 stands."""


def compose(
    headers: Sequence[HeaderBlock],
    body: BodyContent,
    signer: Signer | None,
    *,
    now: datetime,
    assertion: bytes | None = None,
) -> bytes:
    """A SOAP 1.2 envelope in UTF-8.

    Signed, all blocks, Body, Timestamp and the assertion are covered. `signer` None gives the same message
    unsigned. The body must not bind the prefix `e` (Defect): it is the envelope's.
    """
    pieces = [body] if isinstance(body, bytes) else body
    _check_prefix(pieces)
    assertion = _without_declaration(assertion)
    if signer is None:
        blocks = [_block(block, None) for block in headers]
        security = _security(b"", assertion) if assertion else b""
        return _envelope(blocks, security, _OPEN_PLAIN_BODY, pieces)
    blocks = [_block(block, f"header-{number}") for number, block in enumerate(headers)]
    timestamp = timestamp_xml(now)
    references = [reference_xml(f"header-{n}", sha256(b).digest()) for n, b in enumerate(blocks)]
    references.append(reference_xml("timestamp", sha256(timestamp).digest()))
    references.append(reference_xml("body", _body_digest(pieces)))
    if assertion:
        references.append(_assertion_reference(assertion))
    token = _TOKEN + b64encode(signer.certificate) + b"</wsse:BinarySecurityToken>"
    signature = signature_xml(references, KEY_INFO, signer)
    return _envelope(blocks, _security(timestamp + token + signature, assertion), BODY_START, pieces)


def _envelope(
    blocks: Sequence[bytes], security: bytes, open_body: bytes, pieces: Sequence[bytes | Attached]
) -> bytes:
    return b"".join(
        (
            b"<e:Envelope %b><e:Header>" % _E,
            *blocks,
            security,
            b"</e:Header>",
            open_body,
            *[_on_the_wire(piece) for piece in pieces],
            _CLOSE_BODY,
            b"</e:Envelope>",
        )
    )


def _security(own: bytes, assertion: bytes | None) -> bytes:
    return b"".join((_SECURITY, own, assertion or b"", b"</wsse:Security>"))


def _block(block: HeaderBlock, identifier: str | None) -> bytes:
    """Attributes in canonical order: declarations by prefix, then by namespace name."""
    namespace, _, local = block.name[1:].partition("}")
    prefix = b"wsa" if namespace == names.WSA else _OTHER_PREFIX
    name = prefix + b":" + local.encode()
    declared = b'xmlns:%b="%b"' % (prefix, escape(namespace, {'"': "&quot;"}).encode())
    return b"".join(
        (
            b"<%b" % name,
            b" %b" % _E if block.must_understand else b"",
            b" %b" % declared,
            b' %b wsu:Id="%b"' % (_WSU, identifier.encode()) if identifier else b"",
            b' e:mustUnderstand="true"' if block.must_understand else b"",
            b">%b</%b>" % (block.content, name),
        )
    )


def timestamp_xml(now: datetime) -> bytes:
    """The Timestamp of a message that is written now."""
    created, expires = _instant(now), _instant(now + MESSAGE_LIFE)
    return (
        b'<wsu:Timestamp %b wsu:Id="timestamp"><wsu:Created>%b</wsu:Created>'
        b"<wsu:Expires>%b</wsu:Expires></wsu:Timestamp>" % (_WSU, created, expires)
    )


def _instant(time: datetime) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S.").encode() + b"%03dZ" % (time.microsecond // 1000)


# --- the body ------------------------------------------------------------------------------------


def _check_prefix(pieces: Sequence[bytes | Attached]) -> None:
    first = pieces[0] if pieces else b""
    if isinstance(first, bytes) and b" xmlns:e=" in first[: first.find(b">") + 1]:
        raise Defect("content of a Body must not bind the prefix of the envelope")


def _body_digest(pieces: Sequence[bytes | Attached]) -> bytes:
    digest = sha256(BODY_START)
    for piece in pieces:
        if isinstance(piece, bytes):
            digest.update(piece)
        else:
            hash_base64(piece.attachment.chunks(), digest)
    digest.update(_CLOSE_BODY)
    return digest.digest()


def _on_the_wire(piece: bytes | Attached) -> bytes:
    if isinstance(piece, bytes):
        return piece
    return _INCLUDE % (names.XOP.encode(), quote(piece.content_id, safe="@.-_~").encode())


def _without_declaration(assertion: bytes | None) -> bytes | None:
    if assertion is None or not assertion.startswith(b"<?xml"):
        return assertion
    return assertion[assertion.index(b"?>") + 2 :].lstrip()


def _assertion_reference(assertion: bytes) -> bytes:
    element = parse(assertion)
    identifier = element.get("ID")
    if element.tag != names.ASSERTION or not identifier:
        raise Malformed("not a SAML 2.0 assertion with an ID", location="Assertion")
    return reference_xml(identifier, sha256(c14n(element)).digest())
