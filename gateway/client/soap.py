"""A signing SOAP 1.2 client (ITI TF-2 Appendix V); it checks what comes back as the server does."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import httpx
from cryptography import x509
from lxml import etree

from gateway.bindings.addressing import ANONYMOUS, SOAP, WSA
from gateway.bindings.mtom import PackageLimits, mime_type, pack
from gateway.bindings.unpack import OpenSink, Unpacker, unpack
from gateway.crypto.keys import Signer
from gateway.crypto.safexml import MEBIBYTE, parse
from gateway.crypto.xmldsig import Attached, HeaderBlock, SignaturePolicy, compose, verify_envelope
from gateway.declare.bindings import Attachment, Sealed
from gateway.errors import GatewayError, Malformed, SignatureBroken, SignerRefused

_LIMITS = PackageLimits(parts=1_000, header=8_192, root=16 * MEBIBYTE, document=1 << 40)
_ACCEPTED = 202
_FAULT = f"{{{SOAP}}}Fault"
_BODY = f"{{{SOAP}}}Body"


class Faulted(GatewayError):
    """The server answered with a SOAP fault, or with an HTTP status and no SOAP."""

    def __init__(self, status: int, subcode: str | None, reason: str) -> None:
        super().__init__(reason, location=subcode)
        self.status = status
        self.subcode = subcode


@dataclass(frozen=True, slots=True)
class Reply:
    """The Body's child, the attachments, and whether the server signed."""

    element: etree._Element
    attachments: Mapping[str, Attachment]
    signed: bool


@dataclass(frozen=True, kw_only=True)
class SoapClient:
    """Sends from one partner. `server_certificates` (DER) are those whose signature on replies counts."""

    http: httpx.AsyncClient
    signer: Signer | None
    server_certificates: frozenset[bytes] = frozenset()

    async def call(
        self,
        url: str,
        action: str,
        pieces: Sequence[bytes | Attachment],
        *,
        packaged: bool,
        assertion: bytes | None = None,
        outside: OpenSink | None = None,
    ) -> Reply:
        """One exchange; Faulted when the answer is a fault, SignatureBroken when it is not signed.

        Documents are sent as they are read; `outside` opens what takes those of the answer that are large.
        """
        message = self.compose(url, action, pieces, packaged=packaged, assertion=assertion)
        headers = {**message.headers, "content-length": str(message.size)}
        async with self.http.stream("POST", url, content=_sending(message), headers=headers) as response:
            kind = mime_type(response.headers.get("content-type", ""))
            if kind.type != "multipart/related":
                return self._read_text(response.status_code, kind.type, await response.aread())
            unpacker = Unpacker(kind, _LIMITS, outside)
            try:
                async for chunk in response.aiter_bytes():
                    unpacker.feed(chunk)
                package = unpacker.finish()
                return self._verified(response.status_code, package.root, package.attachments)
            except BaseException:
                unpacker.discard()
                raise

    async def ask(
        self,
        url: str,
        action: str,
        pieces: Sequence[bytes | Attachment],
        *,
        packaged: bool,
        reply_to: str,
        assertion: bytes | None = None,
    ) -> str:
        """A request whose reply is to come to an address (V.5); gives its MessageID, which the reply names.

        Faulted when it was answered on the connection, that is, refused.
        """
        message_id = f"urn:uuid:{uuid.uuid4()}"
        content_type, body = self.write(
            url,
            action,
            pieces,
            packaged=packaged,
            assertion=assertion,
            reply_to=reply_to,
            message_id=message_id,
        )
        response = await self.http.post(url, content=body, headers={"content-type": content_type})
        if response.status_code != _ACCEPTED or response.content:
            self.read(response.status_code, response.headers.get("content-type", ""), response.content)
            raise Faulted(response.status_code, None, "the request was answered on the connection")
        return message_id

    def write(
        self,
        url: str,
        action: str,
        pieces: Sequence[bytes | Attachment],
        *,
        packaged: bool,
        assertion: bytes | None = None,
        reply_to: str = ANONYMOUS,
        message_id: str | None = None,
    ) -> tuple[str, bytes]:
        """The request as it goes over the wire: content type and octets."""
        message = self.compose(
            url,
            action,
            pieces,
            packaged=packaged,
            assertion=assertion,
            reply_to=reply_to,
            message_id=message_id,
        )
        return message.headers["content-type"], b"".join(message.chunks())

    def compose(
        self,
        url: str,
        action: str,
        pieces: Sequence[bytes | Attachment],
        *,
        packaged: bool,
        assertion: bytes | None = None,
        reply_to: str = ANONYMOUS,
        message_id: str | None = None,
    ) -> Sealed:
        """The request, signed; documents stay what they are."""
        headers = [
            HeaderBlock.of_text(f"{{{WSA}}}Action", action, must_understand=True),
            HeaderBlock.of_text(f"{{{WSA}}}MessageID", message_id or f"urn:uuid:{uuid.uuid4()}"),
            HeaderBlock(f"{{{WSA}}}ReplyTo", f"<wsa:Address>{escape(reply_to)}</wsa:Address>".encode()),
            HeaderBlock.of_text(f"{{{WSA}}}To", url),
        ]
        content = [
            piece if isinstance(piece, bytes) else Attached(piece.content_id, piece.content)
            for piece in pieces
        ]
        text = compose(headers, content, self.signer, now=datetime.now(UTC), assertion=assertion)
        if not packaged:
            kind = f'application/soap+xml; charset=UTF-8; action="{action}"'
            return Sealed(headers={"content-type": kind}, pieces=(text,))
        attachments = [piece for piece in pieces if isinstance(piece, Attachment)]
        content_type, parts = pack(text, attachments, action)
        return Sealed(headers={"content-type": content_type}, pieces=parts)

    def read(self, status: int, content_type: str, body: bytes) -> Reply:
        """A reply that came in one piece, its signature checked against the server's certificates."""
        kind = mime_type(content_type)
        if kind.type != "multipart/related":
            return self._read_text(status, kind.type, body)
        package = unpack(body, kind, _LIMITS)
        return self._verified(status, package.root, package.attachments)

    def _read_text(self, status: int, kind: str, body: bytes) -> Reply:
        if kind != "application/soap+xml":
            raise Faulted(status, None, body[:200].decode("utf-8", "replace").strip())
        return self._verified(status, body, {})

    def _verified(self, status: int, text: bytes, attachments: Mapping[str, Attachment]) -> Reply:
        """The reply, its signature checked against the server's certificates."""
        root = parse(text)
        fault = root.find(f"{_BODY}/{_FAULT}")
        if fault is not None:
            raise _faulted(status, fault)
        parts = verify_envelope(
            root,
            parts={name: part.content for name, part in attachments.items()},
            trusted=self._trusted,
            now=datetime.now(UTC),
            policy=SignaturePolicy(),
        )
        if self.server_certificates and parts.certificate is None:
            raise SignatureBroken("the reply is not signed")
        if len(parts.body) != 1:
            raise Malformed("the reply has no single element in its Body", location="Body")
        return Reply(parts.body[0], attachments, parts.certificate is not None)

    def _trusted(self, der: bytes) -> x509.Certificate:
        if self.server_certificates and der not in self.server_certificates:
            raise SignerRefused("the reply is signed by another certificate than the server's")
        return x509.load_der_x509_certificate(der)


def relates_to(content_type: str, body: bytes) -> str | None:
    """The MessageID of the request that a reply is for, read before its signature is checked."""
    told = mime_type(content_type)
    if told.type == "multipart/related":
        body = unpack(body, told, _LIMITS).root
    return parse(body).findtext(f"{{{SOAP}}}Header/{{{WSA}}}RelatesTo")


async def _sending(message: Sealed) -> AsyncIterator[bytes]:
    for chunk in message.chunks():
        yield chunk


def _faulted(status: int, fault: etree._Element) -> Faulted:
    space = {"e": SOAP}
    subcode = fault.findtext("e:Code/e:Subcode/e:Value", namespaces=space)
    code = fault.findtext("e:Code/e:Value", namespaces=space)
    reason = fault.findtext("e:Reason/e:Text", namespaces=space) or ""
    return Faulted(status, subcode or code, reason)
