"""OAuth 2.1 over HTTPS as IUA uses it: form-encoded in, JSON out, or a redirect (RFC 6749, 8705, 9207)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode

import orjson

from gateway.bindings.fhirfault import RETRY_SECONDS
from gateway.bindings.fhirrequest import FORM, check_body_type
from gateway.bindings.oauthfault import fault_reply
from gateway.config import Limits
from gateway.declare.bindings import OauthReply, OauthRequest, Proven, Raw, Sealed
from gateway.declare.catalogue import Catalogue
from gateway.declare.transaction import AnyTransaction
from gateway.errors import Malformed, NodeRefused, TokenInvalid, TooComplex, TooLarge
from gateway.record.people import Node

LARGEST: Final = 64 * 1024
"""Octets of a form; one with a signed token and its certificate has some 5,000."""
_MOST = 30
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BEARER = re.compile(r"(?i:bearer) +(?P<token>[A-Za-z0-9._~+/-]+=*)")
_SECRETS = frozenset({"client_secret", "password"})
_FOUND, _UNAUTHORIZED, _TOO_LONG, _UNAVAILABLE = 302, 401, 414, 503

Redirects = Callable[[Mapping[str, str]], str | None]
"""By the parameters of an authorization request, the enrolled address of its client, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An opened request, each parameter once."""

    method: str
    path: str
    parameters: Mapping[str, str]
    authorization: str
    certificate: bytes
    digest: bytes


@dataclass(frozen=True, kw_only=True)
class OauthForm:
    """The OAuth wire form. `issuer` is our URL.

    With `redirects` it is the door of persons: they connect with their own certificate, by the browser, and
    what is answered goes to the client by redirect.
    """

    issuer: str
    limits: Limits
    redirects: Redirects | None = None
    name: str = "oauth"
    signs_messages: bool = False
    carries_assertions: bool = False
    answers_again: bool = False

    @property
    def admits_persons(self) -> bool:
        """Whether the peer is a person of the directory, in place of an enrolled node."""
        return self.redirects is not None

    def open(self, raw: Raw) -> Envelope:
        """URL and form; what a parameter says stays unread."""
        if len(raw.target) > self.limits.url_bytes:
            raise TooLarge(f"URL longer than {self.limits.url_bytes} bytes", location="URL")
        if len(raw.body) > LARGEST:
            raise TooLarge(f"body above the limit of {LARGEST} bytes", location="body")
        if raw.method == "POST":
            check_body_type(raw.headers.get("content-type", ""), (FORM,))
            if raw.query:
                raise Malformed("parameters belong into the body", location="query")
        elif raw.body:
            raise Malformed("a body came with a method that takes none", location="body")
        return Envelope(
            method=raw.method,
            path=raw.path,
            parameters=_parameters(raw.body if raw.method == "POST" else raw.query.encode()),
            authorization=raw.headers.get("authorization", ""),
            certificate=raw.peer_certificate or b"",
            digest=raw.digest(),
        )

    def match(self, envelope: Envelope, catalogue: Catalogue) -> AnyTransaction:
        """By method and path."""
        return catalogue.find(("oauth", envelope.method, envelope.path))

    def prove(self, envelope: Envelope, node: Node, now: datetime) -> Proven:  # noqa: ARG002 - all forms look alike
        """The request as TLS protected it. A client is the node of its certificate, never of a secret."""
        named = envelope.parameters.get("client_id", node.name)
        if not self.admits_persons and named != node.name:
            raise NodeRefused("client_id is not the name of the node of the certificate")
        if not _SECRETS.isdisjoint(envelope.parameters):
            raise NodeRefused("clients authenticate by certificate, not by a secret")
        return Proven(
            payload=OauthRequest(
                path=envelope.path,
                parameters=envelope.parameters,
                certificate=envelope.certificate,
                client=named if self.admits_persons else node.name,
                bearer=_bearer(envelope.authorization),
            ),
            digest=envelope.digest,
        )

    def seal(
        self,
        reply: OauthReply,
        transaction: AnyTransaction,  # noqa: ARG002 - all forms look alike
        envelope: Envelope,
        now: datetime,  # noqa: ARG002
        trace_id: str,
        to: str | None = None,  # noqa: ARG002
    ) -> Sealed:
        """JSON, or a redirect to the client that brought the person here."""
        return self._sealed(reply, envelope, trace_id)

    def fault(
        self,
        error: Exception,
        raw: Raw,
        envelope: Envelope | None,
        now: datetime,  # noqa: ARG002
        trace_id: str,
        to: str | None = None,  # noqa: ARG002
    ) -> Sealed:
        """The error of any exception."""
        reply = fault_reply(error, trace_id)
        if isinstance(error, TooLarge) and len(raw.target) > self.limits.url_bytes:
            reply = OauthReply(_TOO_LONG, reply.members)
        return self._sealed(reply, envelope, trace_id)

    def _sealed(self, reply: OauthReply, envelope: Envelope | None, trace_id: str) -> Sealed:
        headers = {
            "cache-control": "no-store",
            "pragma": "no-cache",
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "x-request-id": trace_id,
        }
        address = self.redirects(envelope.parameters) if self.redirects and envelope else None
        if address is not None and envelope is not None:
            told = {**reply.members, "iss": self.issuer}
            if "state" in envelope.parameters:
                told["state"] = envelope.parameters["state"]
            location = f"{address}{'&' if '?' in address else '?'}{urlencode(told)}"
            return Sealed(status=_FOUND, headers={**headers, "location": location}, pieces=(b"",))
        if reply.status == _UNAUTHORIZED:
            headers["www-authenticate"] = 'Bearer realm="passerelle"'
        if reply.status == _UNAVAILABLE:
            headers["retry-after"] = str(RETRY_SECONDS)
        headers["content-type"] = "application/json"
        return Sealed(status=reply.status, headers=headers, pieces=(orjson.dumps(reply.members),))


def _parameters(text: bytes) -> dict[str, str]:
    """Each parameter once (RFC 6749 3.1, 3.2); an empty one counts as left out."""
    plain = text.decode("ascii", "replace")
    if not text.isascii() or _BAD_ESCAPE.search(plain):
        raise Malformed("expected percent-encoded UTF-8", location="parameters")
    try:
        pairs = parse_qsl(plain, keep_blank_values=True, strict_parsing=bool(plain), errors="strict")
    except ValueError as error:
        raise Malformed(
            "expected name=value pairs in percent-encoded UTF-8", location="parameters"
        ) from error
    if len(pairs) > _MOST:
        raise TooComplex(f"more than {_MOST} parameters", location="parameters")
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("a parameter stands twice", location="parameters")
    if any(_CONTROL.search(name) or _CONTROL.search(value) for name, value in pairs):
        raise Malformed("a control character in a parameter", location="parameters")
    return {name: value for name, value in found.items() if value}


def _bearer(authorization: str) -> str | None:
    """The token of the header, if there is one; a client that names a secret is refused."""
    if not authorization:
        return None
    match = _BEARER.fullmatch(authorization)
    if match is not None:
        return match["token"]
    if authorization.lower().startswith("basic"):
        raise NodeRefused("clients authenticate by certificate, not by a secret")
    raise TokenInvalid("expected one Bearer token", location="Authorization")
