"""The three wire forms a transaction can be bound to, and what crosses the border in each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from lxml import etree

from gateway.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Soap:
    """SOAP 1.2 document/literal with WS-Addressing (ITI TF-2 Appendix V).

    `request` and `response` are the elements of the two Bodies in Clark notation; `namespace` is the target
    namespace of the service contract (WSP202). `asynchronous`: the answer may leave later, to another address
    (V.5).
    """

    action: str
    response_action: str
    mtom: bool
    request: str
    response: str
    namespace: str
    asynchronous: bool = False


@dataclass(frozen=True, slots=True)
class Fhir:
    """A FHIR R4 interaction. `path` is relative to the base; `{name}` marks a variable segment.

    `parameters` are the search parameters it takes, each with its FHIR type, for the capability statement.
    """

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Hl7v2:
    """HL7 v2 messages of one type; each trigger is a wire key of its own."""

    message: str
    triggers: tuple[str, ...]
    structure: str
    version: str


NOWHERE: Final = "http://www.w3.org/2005/08/addressing/none"
"""The address of an answer that nobody wants (WS-Addressing 1.0 core 2.1)."""

Binding = Soap | Fhir | Hl7v2

WireKey = tuple[str, str, str]
"""("soap", endpoint path, action), ("fhir", method, path) or ("hl7v2", message type, trigger)."""


class Content(Protocol):
    """Document bytes that can be read several times without holding them in one piece."""

    @property
    def size(self) -> int:
        """Number of octets."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The octets from the start, in pieces."""
        ...


@dataclass(frozen=True, slots=True)
class Attachment:
    """A MIME part: content id without brackets, media type, octets."""

    content_id: str
    media_type: str
    content: Content


@dataclass(frozen=True, slots=True)
class SoapPayload:
    """What a SOAP codec decodes: the one child of Body, and the attachments by content id."""

    element: etree._Element
    attachments: Mapping[str, Attachment]


@dataclass(frozen=True, slots=True)
class SoapReply:
    """What a SOAP codec encodes: the Body's child as canonical text, cut where documents stand.

    Text pieces alternate with attachments; a reply without documents is one piece of text.
    """

    pieces: Sequence[bytes | Attachment]


@dataclass(frozen=True, slots=True)
class FhirRequest:
    """What a FHIR codec decodes: path variables, search parameters in order, body, wanted type."""

    variables: Mapping[str, str]
    parameters: Sequence[tuple[str, str]]
    body: bytes
    accept: str
    base: str
    strict: bool = False


@dataclass(frozen=True, slots=True)
class FhirReply:
    """What a FHIR codec encodes."""

    status: int
    media_type: str
    content: Content
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hl7Reply:
    """What an HL7 v2 codec answers a feed with: accepted, unless one of the problems is no warning."""

    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Octets:
    """Content held in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """Number of octets."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """The octets in one piece."""
        yield self.data


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A message as a transport hands it over. Header names are in lower case; `target` is the full URI."""

    method: str = ""
    path: str = ""
    query: str = ""
    target: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer_certificate: bytes | None = None
    peer_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What verification lets the later stages see: `payload` is for the codec of the binding.

    `assertion` is a SAML assertion that came along, `certificate` the DER of the message's signer. `reply_to`
    and `fault_to` are where the answer goes: an address, NOWHERE, or None for the connection of the request.
    """

    payload: Any
    assertion: etree._Element | None = None
    certificate: bytes | None = None
    message_id: str | None = None
    digest: bytes = b""
    reply_to: str | None = None
    fault_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An answer ready to be sent: transport status (HTTP only), headers, octets in pieces."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[bytes] = ()

    def digest(self) -> bytes:
        """SHA-256 of the octets."""
        running = hashlib.sha256()
        for piece in self.pieces:
            running.update(piece)
        return running.digest()
