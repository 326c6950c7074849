"""SOAP 1.2 over HTTPS (ITI TF-2 Appendix V): opens, proves, seals and refuses messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lxml import etree

from gateway.bindings import soapfault
from gateway.bindings.addressing import (
    SOAP,
    WSA,
    Addressing,
    check_addressing,
    read_addressing,
    refuse_unknown_headers,
)
from gateway.bindings.mtom import PackageLimits, mime_type, pack
from gateway.bindings.unpack import OpenSink, Unpacker, unpack
from gateway.crypto.keys import Signer
from gateway.crypto.safexml import XmlLimits, parse
from gateway.crypto.xmldsig import Attached, HeaderBlock, SignaturePolicy, compose, verify_envelope
from gateway.declare.bindings import (
    Attachment,
    Content,
    MimeType,
    Package,
    Proven,
    Raw,
    Sealed,
    Soap,
    SoapPayload,
    SoapReply,
)
from gateway.declare.catalogue import Catalogue
from gateway.declare.transaction import AnyTransaction
from gateway.errors import ActionMismatch, Defect, EnvelopeVersion, Malformed, MediaTypeUnsupported
from gateway.record.people import Node

_SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
_ENVELOPE = f"{{{SOAP}}}Envelope"
_HEADER = f"{{{SOAP}}}Header"
_SIMPLE = "application/soap+xml"
_PACKAGE = "multipart/related"


class Certified(Protocol):
    """A certificate whose key may be used."""

    def public_key(self) -> object:
        """The key of its subject."""
        ...


SignerOf = Callable[[Node, bytes, datetime], Certified]
"""The certificate of a node's message signature; SignerRefused when it is not the node's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An opened message: its tree with attachments beside it, and the headers that route it."""

    root: etree._Element
    attachments: Mapping[str, Attachment]
    addressing: Addressing
    action_parameter: str | None
    path: str
    packaged: bool
    digest: bytes


@dataclass(frozen=True, kw_only=True)
class SoapForm:
    """The SOAP wire form. `signer` is ours; `signer_of` knows those of the nodes.

    `outside` opens what takes a document too large for memory; without it all stay in memory.
    """

    signer: Signer
    signer_of: SignerOf
    xml_limits: XmlLimits
    package_limits: PackageLimits
    signature_policy: SignaturePolicy
    outside: OpenSink | None = None
    name: str = "soap"
    signs_messages: bool = True
    carries_assertions: bool = True
    answers_again: bool = False
    admits_persons: bool = False
    trust: bool = False
    """Whether refusals are told as WS-Trust has them."""

    def intake(self, headers: Mapping[str, str]) -> Unpacker | None:
        """What takes a package apart while it comes in; None for a body that is read whole.

        Malformed when the Content-Type does not say how.
        """
        told = headers.get("content-type", "")
        if told[: len(_PACKAGE)].lower() != _PACKAGE:
            return None
        content_type = mime_type(told)
        if content_type.type != _PACKAGE:
            return None
        return Unpacker(content_type, self.package_limits, self.outside)

    def open(self, raw: Raw) -> Envelope:
        """Media type, package, well-formedness, SOAP version and addressing; the Body stays unread."""
        if raw.failure is not None:
            raise raw.failure
        known = raw.package
        content_type = known.type if known else mime_type(raw.headers.get("content-type", ""))
        text, text_type, attachments = self._text(raw, content_type)
        root = parse(text, self.xml_limits, charset=text_type.parameters.get("charset"))
        if root.tag == f"{{{_SOAP_11}}}Envelope":
            raise EnvelopeVersion("a SOAP 1.1 envelope was sent; expected SOAP 1.2")
        if root.tag != _ENVELOPE:
            raise Malformed("the root element is not a SOAP 1.2 Envelope", location="Envelope")
        return Envelope(
            root=root,
            attachments=attachments,
            addressing=read_addressing(root.find(_HEADER)),
            action_parameter=content_type.parameters.get("action"),
            path=raw.path,
            packaged=content_type.type == _PACKAGE,
            digest=raw.digest(),
        )

    def _text(self, raw: Raw, content_type: MimeType) -> tuple[bytes, MimeType, Mapping[str, Attachment]]:
        if content_type.type == _SIMPLE:
            return raw.body, content_type, {}
        if content_type.type == _PACKAGE:
            package: Package = raw.package or unpack(raw.body, content_type, self.package_limits)
            if package.root_type.type != "application/xop+xml":
                raise MediaTypeUnsupported(
                    "the root part is not application/xop+xml", location="Content-Type"
                )
            return package.root, package.root_type, package.attachments
        if content_type.type == "text/xml" and _SOAP_11.encode() in raw.body[:1024]:
            raise EnvelopeVersion("a SOAP 1.1 message was sent; expected SOAP 1.2")
        raise MediaTypeUnsupported(
            f"Content-Type is not {_SIMPLE} or {_PACKAGE} with XOP", location="Content-Type"
        )

    def match(self, envelope: Envelope, catalogue: Catalogue) -> AnyTransaction:
        """By wsa:Action; an action parameter of the media type must not say otherwise."""
        action = envelope.addressing.action
        if envelope.action_parameter and envelope.action_parameter != action:
            raise ActionMismatch("wsa:Action differs from the action parameter", location="wsa:Action")
        return catalogue.find(("soap", envelope.path, action))

    def prove(self, envelope: Envelope, node: Node, now: datetime) -> Proven:
        """The Body's child, signed by the node itself where it is signed at all.

        Headers are judged here, not when the message is opened: then it is known what was asked for.
        """
        header = envelope.root.find(_HEADER)
        refuse_unknown_headers(header)
        answer_to = check_addressing(header, envelope.path)
        parts = verify_envelope(
            envelope.root,
            parts={name: part.content for name, part in envelope.attachments.items()},
            trusted=lambda der: self.signer_of(node, der, now),
            now=now,
            policy=self.signature_policy,
        )
        children = [child for child in parts.body if isinstance(child.tag, str)]
        if len(children) != 1:
            raise Malformed(f"Body has {len(children)} elements, expected 1", location="Body")
        return Proven(
            payload=SoapPayload(children[0], envelope.attachments),
            assertion=parts.assertion,
            certificate=parts.certificate,
            message_id=envelope.addressing.message_id,
            digest=envelope.digest,
            reply_to=answer_to.reply,
            fault_to=answer_to.fault,
        )

    def seal(
        self,
        reply: SoapReply,
        transaction: AnyTransaction,
        envelope: Envelope,
        now: datetime,
        trace_id: str,
        to: str | None = None,
    ) -> Sealed:
        """The reply, addressed and signed; as an MTOM package where the transaction prescribes it."""
        if not isinstance(transaction.binding, Soap):
            raise Defect(f"{transaction.code} is not bound to SOAP")
        binding = transaction.binding
        action = soapfault.ACTION if reply.fault else binding.response_action
        headers = _headers(action, envelope.addressing.message_id, to)
        pieces = [
            piece if isinstance(piece, bytes) else Attached(piece.content_id, piece.content)
            for piece in reply.pieces
        ]
        text = compose(headers, pieces, self.signer, now=now)
        if reply.fault:
            return _sent(
                soapfault.with_prefixes(text), [], action, trace_id, packaged=False, status=reply.fault
            )
        attachments = [piece for piece in reply.pieces if isinstance(piece, Attachment)]
        return _sent(text, attachments, action, trace_id, packaged=binding.mtom)

    def fault(
        self,
        error: Exception,
        _raw: Raw,
        envelope: Envelope | None,
        now: datetime,
        trace_id: str,
        to: str | None = None,
    ) -> Sealed:
        """A SOAP fault, or a bare HTTP status where no SOAP message was read yet."""
        if isinstance(error, EnvelopeVersion):
            return soapfault.version_mismatch(trace_id)
        form = soapfault.form_of(error, trust=self.trust)
        if form.bare and to is None:
            return soapfault.bare(form, trace_id)
        relates_to = envelope.addressing.message_id if envelope is not None else None
        headers = _headers(soapfault.ACTION, relates_to, to) + soapfault.headers(error)
        composed = compose(headers, soapfault.body(form, error, trace_id), self.signer, now=now)
        text = soapfault.with_prefixes(composed)
        packaged = envelope is not None and envelope.packaged
        return _sent(text, [], soapfault.ACTION, trace_id, packaged=packaged, status=form.status)


def _headers(action: str, relates_to: str | None, to: str | None) -> list[HeaderBlock]:
    blocks = [
        HeaderBlock.of_text(f"{{{WSA}}}Action", action, must_understand=True),
        HeaderBlock.of_text(f"{{{WSA}}}MessageID", f"urn:uuid:{uuid.uuid4()}"),
    ]
    if relates_to is not None:
        blocks.append(HeaderBlock.of_text(f"{{{WSA}}}RelatesTo", relates_to))
    if to is not None:
        blocks.append(HeaderBlock.of_text(f"{{{WSA}}}To", to))
    return blocks


def _sent(
    text: bytes,
    attachments: list[Attachment],
    action: str,
    trace_id: str,
    *,
    packaged: bool,
    status: int = 200,
) -> Sealed:
    pieces: list[bytes | Content] = [text]
    content_type = f'{_SIMPLE}; charset=UTF-8; action="{action}"'
    if packaged:
        content_type, pieces = pack(text, attachments, action)
    return Sealed(
        status=status, headers={"content-type": content_type, "x-request-id": trace_id}, pieces=pieces
    )
