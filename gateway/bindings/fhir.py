"""FHIR R4 REST over HTTPS in JSON and XML (FHIR R4 http, ITI TF-2 Appendix Z): opens, proves, seals, refuses.

Transactions see JSON only: what comes or goes as XML is turned here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from gateway.bindings import fhirbatch, fhirfault, fhirtypes, fhirxml
from gateway.bindings.fhirrequest import (
    ANY_JSON,
    ANY_XML,
    FORM,
    JSON,
    XML,
    Parameters,
    accepts,
    accepts_resource,
    bearer_token,
    check_body_type,
    media_type_of,
    named_format,
    read_parameters,
    strict,
    wanted_type,
    wants_xml,
)
from gateway.config import Limits
from gateway.crypto import safejson
from gateway.crypto.httpsig import Request, sign_response_of
from gateway.crypto.keys import Signer
from gateway.declare.bindings import Content, Fhir, FhirReply, FhirRequest, Octets, Proven, Raw, Sealed
from gateway.declare.catalogue import Catalogue
from gateway.declare.transaction import AnyTransaction
from gateway.errors import Malformed, Meaning, Problem, Refused, TooLarge, TransactionUnknown
from gateway.record.people import Node

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_RESOURCES = (*ANY_JSON, *ANY_XML)
_FIRST_REFUSAL = 400
_FOR_THE_BINDING = frozenset({"_format", "_pretty"})
_BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_MEMBER = rf"\s*[a-z*][a-z0-9_.*-]*=:{_BASE64}:\s*"
_SIGNATURE = re.compile(rf"{_MEMBER}(?:,{_MEMBER})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An opened request. `path` lies below the base; `variables` are filled in when it is matched."""

    method: str
    path: str
    parameters: Parameters
    body: bytes
    accept: str
    content_type: str
    strict: bool
    authorization: str
    if_match: str
    digest: bytes
    request: Request
    variables: dict[str, str] = field(default_factory=dict)
    """Of the path; set when it is matched."""


@dataclass(frozen=True, kw_only=True)
class FhirForm:
    """The FHIR wire form. `signer` signs our replies; `base` is the absolute URL of the service.

    `scope_status` answers a token that was not granted for the transaction: 403 (RFC 6750) or 401 (IUA).
    """

    signer: Signer
    limits: Limits
    base: str
    scope_status: int = 403
    name: str = "fhir"
    signs_messages: bool = False
    carries_assertions: bool = True
    answers_again: bool = False
    admits_persons: bool = False

    def open(self, raw: Raw) -> Envelope:
        """URL, media types and parameters; a resource in the body stays unread."""
        if self._too_long(raw):
            raise TooLarge(f"URL longer than {self.limits.url_bytes} bytes", location="URL")
        path = self._below_base(raw.path)
        form = raw.method == "POST" and path.endswith("/_search")
        if raw.body and raw.method not in _WITH_BODY:
            raise Malformed("a body came with a method that takes none", location="body")
        if form:
            _check_body(raw.body, raw.headers.get("content-type", ""), (FORM,), self.limits.fhir_bytes)
        parameters = read_parameters(raw.query, raw.body if form else b"", self.limits)
        return Envelope(
            method=raw.method,
            path=path,
            parameters=tuple(pair for pair in parameters if pair[0] not in _FOR_THE_BINDING),
            body=b"" if form else raw.body,
            accept=wanted_type(raw.headers.get("accept", ""), parameters),
            content_type=raw.headers.get("content-type", ""),
            strict=strict(raw.headers.get("prefer", "")),
            authorization=raw.headers.get("authorization", ""),
            if_match=raw.headers.get("if-match", ""),
            digest=raw.digest(),
            request=_request(raw),
        )

    def _too_long(self, raw: Raw) -> bool:
        return len(raw.target) > self.limits.url_bytes

    def _below_base(self, path: str) -> str:
        prefix = urlsplit(self.base).path
        if path == prefix:
            return fhirbatch.BASE
        if not path.startswith(f"{prefix}/"):
            raise TransactionUnknown("no FHIR service answers at this path", location="path")
        return path.removeprefix(prefix)

    def match(self, envelope: Envelope, catalogue: Catalogue) -> AnyTransaction:
        """By method and path, with the media types that are declared; without any, both are resources."""
        transaction, variables = catalogue.find_fhir(envelope.method, envelope.path)
        binding = transaction.binding
        takes, gives = (binding.takes, binding.gives) if isinstance(binding, Fhir) else (None, None)
        expected, most = (
            ((takes,), self.limits.media_bytes) if takes else (_RESOURCES, self.limits.fhir_bytes)
        )
        _check_body(envelope.body, envelope.content_type, expected, most)
        if not _accepted(envelope.accept, gives):
            text = f"the answer is {gives or f'{JSON} or {XML}'}, which is not accepted"
            raise Refused(Problem(Meaning.NOT_ACCEPTABLE, text, "Accept"))
        envelope.variables.update(variables)
        return transaction

    def prove(self, envelope: Envelope, node: Node, now: datetime) -> Proven:  # noqa: ARG002 - all forms look alike
        """The request as it is, protected by TLS, its resource read; its token is an assertion or a JWS."""
        holds_resource = media_type_of(envelope.content_type) in _RESOURCES
        body, resource, broken = self._read(envelope) if holds_resource else (envelope.body, None, {})
        assertion, token = bearer_token(envelope.authorization)
        return Proven(
            payload=FhirRequest(
                variables=envelope.variables,
                parameters=envelope.parameters,
                body=body,
                accept=envelope.accept,
                base=self.base,
                strict=envelope.strict,
                resource=resource,
                broken=broken,
                if_match=envelope.if_match,
            ),
            assertion=assertion,
            token=token,
            digest=envelope.digest,
        )

    def _read(self, envelope: Envelope) -> tuple[bytes, dict[str, Any] | None, fhirbatch.Broken]:
        """The body as JSON, the resource in it, and which entries of a batch are not valid."""
        if not envelope.body:
            return b"", None, {}
        limits = self.limits
        if envelope.path == fhirbatch.BASE:
            return self._read_base(envelope)
        if media_type_of(envelope.content_type) in ANY_XML:
            resource = fhirxml.read(envelope.body, size=limits.fhir_bytes, depth=limits.fhir_depth)
            fhirtypes.check(resource)
            return orjson.dumps(resource), resource, {}
        resource = safejson.parse(envelope.body, limits.fhir_depth)
        fhirtypes.check(resource)
        return envelope.body, resource, {}

    def _read_base(self, envelope: Envelope) -> tuple[bytes, dict[str, Any], fhirbatch.Broken]:
        """What came to the base: entries of a batch are checked each for itself."""
        limits = self.limits
        if media_type_of(envelope.content_type) in ANY_XML:
            resource, broken = fhirbatch.read_xml(
                envelope.body, size=limits.fhir_bytes, depth=limits.fhir_depth
            )
            return orjson.dumps(resource), resource, broken
        resource = safejson.parse(envelope.body, limits.fhir_depth)
        return envelope.body, resource, fhirbatch.check(resource)

    def seal(
        self,
        reply: FhirReply,
        transaction: AnyTransaction,
        envelope: Envelope,
        now: datetime,
        trace_id: str,
        to: str | None = None,  # noqa: ARG002 - all forms look alike
    ) -> Sealed:
        """The reply, signed together with the request it answers (RFC 9421)."""
        headers = {**fhirfault.retry_headers(reply.status), **reply.headers}
        media_type, content = reply.media_type, reply.content
        gives = transaction.binding.gives if isinstance(transaction.binding, Fhir) else None
        # A document of the type of a resource leaves as it was stored.
        if gives is None or reply.status >= _FIRST_REFUSAL:
            media_type, content = _as_wanted(media_type, content, envelope.accept, envelope.content_type)
        return self._sealed(reply.status, media_type, content, headers, envelope.request, now, trace_id)

    def fault(
        self,
        error: Exception,
        raw: Raw,
        envelope: Envelope | None,
        now: datetime,
        trace_id: str,
        to: str | None = None,  # noqa: ARG002 - all forms look alike
    ) -> Sealed:
        """An OperationOutcome for any exception: as XML where that is wanted, else as JSON."""
        form = fhirfault.form_of(error, url_too_long=self._too_long(raw), scope_status=self.scope_status)
        outcome = fhirfault.operation_outcome([fhirfault.issue_of(form, error, trace_id)])
        headers = fhirfault.headers_of(form, error)
        accept = envelope.accept if envelope else named_format(raw.query) or raw.headers.get("accept", "")
        media_type, content = _as_wanted(
            JSON, Octets(orjson.dumps(outcome)), accept, raw.headers.get("content-type", "")
        )
        return self._sealed(form.status, media_type, content, headers, _request(raw), now, trace_id)

    def _sealed(
        self,
        status: int,
        media_type: str,
        content: Content,
        headers: Mapping[str, str],
        request: Request,
        now: datetime,
        trace_id: str,
    ) -> Sealed:
        told = {
            "content-type": media_type,
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            "x-request-id": trace_id,
            **headers,
        }
        digest = _digest(content)
        signed = sign_response_of(status, told, digest, request, self.signer, now)
        told |= {name.lower(): value for name, value in signed.items()}
        piece = content.data if isinstance(content, Octets) else content
        return Sealed(status=status, headers=told, pieces=(piece,), sha256=digest)


def _as_wanted(media_type: str, content: Content, accept: str, content_type: str) -> tuple[str, Content]:
    """A resource in JSON as XML, where the caller wants that."""
    if media_type != JSON or not isinstance(content, Octets) or not wants_xml(accept, content_type):
        return media_type, content
    return XML, Octets(fhirxml.write(orjson.loads(content.data)) if content.data else b"")


def _digest(content: Content) -> bytes:
    running = hashlib.sha256()
    for chunk in content.chunks():
        running.update(chunk)
    return running.digest()


def _check_body(body: bytes, content_type: str, expected: tuple[str, ...], most: int) -> None:
    if len(body) > most:
        raise TooLarge(f"body above the limit of {most} bytes", location="body")
    if body:
        check_body_type(content_type, expected)


def _accepted(accept: str, gives: str | None) -> bool:
    """Whether the answer may come; what a Binary holds is compared once it is known (Binary 2.31.5)."""
    if gives is None:
        return accepts_resource(accept)
    return gives == "*/*" or accepts(accept, gives)


def _request(raw: Raw) -> Request:
    """What the reply's signature is bound to: method, URL, and the request's own signature if it has one."""
    signature = raw.headers.get("signature", "")
    headers = {"signature": signature} if _SIGNATURE.fullmatch(signature) else {}
    return Request(raw.method, raw.target, headers)
