"""The four wire forms a transaction can be bound to, and what crosses the border in each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from lxml import etree

from gateway.errors import Problem, SchemaInvalid
from gateway.stores import content as contents


@dataclass(frozen=True, slots=True, kw_only=True)
class Soap:
    """SOAP 1.2 document/literal with WS-Addressing (ITI TF-2 Appendix V).

    `request` and `response` are the elements of the two Bodies in Clark notation; `namespace` is the target
    namespace of the service contract (WSP202). `asynchronous`: the answer may leave later, to another address
    (V.5). `also` are other spellings of the action that are taken.
    """

    action: str
    response_action: str
    mtom: bool
    request: str
    response: str
    namespace: str
    asynchronous: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fhir:
    """A FHIR R4 interaction. `path` is relative to the base; `{name}` marks a variable segment.

    `parameters` are the search parameters it takes, each with its FHIR type, `profiles` the canonical URLs of
    the profiles it supports, `definition` that of its operation: all for the capability statement.
    `takes` and `gives` are the media types of bodies that are no resources; "*/*" is the type of a document.
    `conditional`: the query names the resource that is written (FHIR R4 http 3.1.0.4.3).
    """

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...] = ()
    takes: str | None = None
    gives: str | None = None
    profiles: tuple[str, ...] = ()
    definition: str | None = None
    conditional: bool = False


@dataclass(frozen=True, slots=True)
class Hl7v2:
    """HL7 v2 messages of one type; each trigger is a wire key of its own.

    `structures` are those of triggers that have another structure (MSH-9.3) than the rest.
    """

    message: str
    triggers: tuple[str, ...]
    structure: str
    version: str
    structures: Mapping[str, str] = field(default_factory=dict, hash=False)

    def structure_of(self, trigger: str) -> str:
        """The message structure that a trigger has."""
        return self.structures.get(trigger, self.structure)


@dataclass(frozen=True, slots=True)
class Oauth:
    """A request of OAuth 2.1 as IUA uses it: form-encoded in, JSON out (RFC 6749, ITI TF-2 3.71)."""

    method: str
    path: str


NOWHERE: Final = "http://www.w3.org/2005/08/addressing/none"
"""The address of an answer that nobody wants (WS-Addressing 1.0 core 2.1)."""

Binding = Soap | Fhir | Hl7v2 | Oauth

WireKey = tuple[str, str, str]
"""("soap", endpoint path, action), ("fhir" or "oauth", method, path) or ("hl7v2", type^trigger, version)."""


Content = contents.Content
"""Document bytes that can be read several times without holding them in one piece."""

Octets = contents.Octets
"""Content held in memory."""


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
    fault: int = 0
    """The HTTP status where the Body holds a SOAP fault of the transaction's own; 0 where it holds none."""

    @property
    def size(self) -> int:
        """Number of octets, documents counted."""
        return sum(len(each) if isinstance(each, bytes) else each.content.size for each in self.pieces)


@dataclass(frozen=True, slots=True)
class FhirRequest:
    """What a FHIR codec decodes: path variables, search parameters in order, body, wanted type.

    `resource` is what the body holds, checked against the elements of FHIR R4; a body that came as XML stands
    in `body` as JSON.
    """

    variables: Mapping[str, str]
    parameters: Sequence[tuple[str, str]]
    body: bytes
    accept: str
    base: str
    strict: bool = False
    resource: Mapping[str, Any] | None = None
    broken: Mapping[int, SchemaInvalid] = field(default_factory=dict)
    """What is wrong with resources in a batch, by the place of the entry."""
    if_match: str = ""
    """The version that the caller has seen, as its ETag (RFC 9110 13.1.1)."""


@dataclass(frozen=True, slots=True)
class FhirReply:
    """What a FHIR codec encodes."""

    status: int
    media_type: str
    content: Content
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of octets."""
        return self.content.size


@dataclass(frozen=True, slots=True, kw_only=True)
class OauthRequest:
    """What an OAuth codec decodes: each parameter once, and who sent it.

    `client` is the node, or where a person came without one, who `client_id` says. `bearer` is a token of
    the Authorization header, not judged yet; `certificate` the DER that TLS proved.
    """

    path: str
    parameters: Mapping[str, str]
    certificate: bytes
    client: str
    bearer: str | None = None


@dataclass(frozen=True, slots=True)
class OauthReply:
    """What an OAuth codec encodes: members of the answer. Of a refusal, `error` is one of them."""

    status: int
    members: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Number of octets: always small."""
        return 0


Hl7Component = str | tuple[str, ...]
"""A component: its text, or its subcomponents."""

Hl7Repetition = str | tuple[Hl7Component, ...]
"""One occurrence of a field: its text, or its components."""

Hl7Field = str | tuple[Hl7Repetition, ...]
"""A field: its text, or its repetitions. One composite value is `((first, second),)`."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An HL7 v2 segment; the first of `fields` is field 1. Texts are plain: what needs escapes gets them."""

    name: str
    fields: tuple[Hl7Field, ...]


@dataclass(frozen=True, slots=True)
class Hl7Reply:
    """What an HL7 v2 codec answers with: accepted, unless one of the problems is no warning.

    A feed is acknowledged. A query gets a response of the type `response` (MSH-9: message, trigger,
    structure), in which `segments` follow the echo of the query; without any, nothing was found.
    """

    problems: tuple[Problem, ...] = ()
    size: int = 0
    response: tuple[str, str, str] | None = None
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class MimeType:
    """A Content-Type taken apart: type in lower case, parameters by lower-case name."""

    type: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A multipart body taken apart: its type, the root part with its own, and the others by content id."""

    type: MimeType
    root: bytes
    root_type: MimeType
    attachments: Mapping[str, Attachment]

    @property
    def size(self) -> int:
        """Number of octets of all parts."""
        return len(self.root) + sum(part.content.size for part in self.attachments.values())


class Intake(Protocol):
    """Takes a body apart while it comes in, so that it is never held in one piece."""

    @property
    def outside(self) -> bool:
        """Whether anything of it is held outside memory."""
        ...

    def feed(self, data: bytes) -> None:
        """More of the body; raises what is wrong with it as soon as it is seen."""
        ...

    def finish(self) -> Package:
        """The body was received whole."""
        ...

    def discard(self) -> None:
        """Gives back what is held of it outside memory, and was not taken."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A message as a transport hands it over. Header names are in lower case; `target` is the full URI.

    What an intake took apart is the `package`, and `body` is empty; `failure` is why it could not.
    `sha256` is that of the body, taken while it was read; `received` is when the message began to arrive.
    """

    method: str = ""
    path: str = ""
    query: str = ""
    target: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    package: Package | None = None
    failure: Exception | None = None
    sha256: bytes = b""
    received: datetime | None = None
    peer_certificate: bytes | None = None
    peer_host: str = ""

    @property
    def size(self) -> int:
        """Number of octets of what was said."""
        return len(self.body) if self.package is None else self.package.size

    def digest(self) -> bytes:
        """SHA-256 of the body; of the target, where there is none."""
        return self.sha256 or hashlib.sha256(self.body or self.target.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What verification lets the later stages see: `payload` is for the codec of the binding.

    `assertion` is a SAML assertion that came along, `token` a compact JWS in its place; `certificate` is the
    DER of the message's signer. `reply_to` and `fault_to` are where the answer goes: an address, NOWHERE, or
    None for the connection of the request.
    """

    payload: Any
    assertion: etree._Element | None = None
    token: str | None = None
    certificate: bytes | None = None
    message_id: str | None = None
    digest: bytes = b""
    reply_to: str | None = None
    fault_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An answer ready to be sent: transport status (HTTP only), headers, octets in pieces.

    A piece that is too large for memory is Content. `sha256` is set where it is known already.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[bytes | Content] = ()
    sha256: bytes = b""

    @property
    def size(self) -> int:
        """Number of octets."""
        return sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in self.pieces)

    def chunks(self) -> Iterator[bytes]:
        """The octets in pieces that fit into memory."""
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from piece.chunks()

    def digest(self) -> bytes:
        """SHA-256 of the octets."""
        if self.sha256:
            return self.sha256
        running = hashlib.sha256()
        for chunk in self.chunks():
            running.update(chunk)
        return running.digest()
