"""FHIR R4 REST over HTTPS in JSON (FHIR R4 http, ITI TF-2 Appendix Z): opens, proves, seals, refuses."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

import orjson

from gateway.bindings import fhirfault
from gateway.bindings.fhirrequest import (
    FORM,
    JSON,
    PLAIN_JSON,
    Parameters,
    accepts,
    accepts_json,
    bearer_assertion,
    check_body_type,
    read_parameters,
    strict,
    wanted_type,
)
from gateway.config import Limits
from gateway.crypto.httpsig import Request, sign_response_of
from gateway.crypto.keys import Signer
from gateway.declare.bindings import Content, Fhir, FhirReply, FhirRequest, Octets, Proven, Raw, Sealed
from gateway.declare.catalogue import Catalogue
from gateway.declare.transaction import AnyTransaction
from gateway.errors import Malformed, Meaning, Problem, Refused, TooLarge, TransactionUnknown
from gateway.record.people import Node

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
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
    digest: bytes
    request: Request
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FhirForm:
    """The FHIR wire form. `signer` signs our replies; `base` is the absolute URL of the service."""

    signer: Signer
    limits: Limits
    base: str
    name: str = "fhir"
    signs_messages: bool = False
    carries_assertions: bool = True
    answers_again: bool = False

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
            digest=raw.digest(),
            request=_request(raw),
        )

    def _too_long(self, raw: Raw) -> bool:
        return len(raw.target) > self.limits.url_bytes

    def _below_base(self, path: str) -> str:
        prefix = urlsplit(self.base).path
        if not path.startswith(f"{prefix}/"):
            raise TransactionUnknown("no FHIR service answers at this path", location="path")
        return path.removeprefix(prefix)

    def match(self, envelope: Envelope, catalogue: Catalogue) -> AnyTransaction:
        """By method and path, with the media types that are declared; without any, both are FHIR JSON."""
        transaction, variables = catalogue.find_fhir(envelope.method, envelope.path)
        binding = transaction.binding
        takes, gives = (binding.takes, binding.gives) if isinstance(binding, Fhir) else (None, None)
        if takes:
            _check_body(envelope.body, envelope.content_type, (takes,), self.limits.media_bytes)
        else:
            _check_body(envelope.body, envelope.content_type, (JSON, PLAIN_JSON), self.limits.fhir_bytes)
        if not _accepted(envelope.accept, gives):
            text = f"the answer is {gives or JSON}, which is not accepted"
            raise Refused(Problem(Meaning.NOT_ACCEPTABLE, text, "Accept"))
        envelope.variables.update(variables)
        return transaction

    def prove(self, envelope: Envelope, node: Node, now: datetime) -> Proven:  # noqa: ARG002 - all forms look alike
        """The request as it is, protected by TLS; its token is the assertion."""
        return Proven(
            payload=FhirRequest(
                variables=envelope.variables,
                parameters=envelope.parameters,
                body=envelope.body,
                accept=envelope.accept,
                base=self.base,
                strict=envelope.strict,
            ),
            assertion=bearer_assertion(envelope.authorization),
            digest=envelope.digest,
        )

    def seal(
        self,
        reply: FhirReply,
        _transaction: AnyTransaction,
        envelope: Envelope,
        now: datetime,
        trace_id: str,
        to: str | None = None,  # noqa: ARG002 - all forms look alike
    ) -> Sealed:
        """The reply, signed together with the request it answers (RFC 9421)."""
        headers = {**fhirfault.retry_headers(reply.status), **reply.headers}
        return self._sealed(
            reply.status, reply.media_type, reply.content, headers, envelope.request, now, trace_id
        )

    def fault(
        self,
        error: Exception,
        raw: Raw,
        _envelope: Envelope | None,
        now: datetime,
        trace_id: str,
        to: str | None = None,  # noqa: ARG002 - all forms look alike
    ) -> Sealed:
        """An OperationOutcome for any exception, whatever the caller accepts."""
        form = fhirfault.form_of(error, url_too_long=self._too_long(raw))
        outcome = fhirfault.operation_outcome([fhirfault.issue_of(form, error, trace_id)])
        headers = fhirfault.headers_of(form, error)
        content = Octets(orjson.dumps(outcome))
        return self._sealed(form.status, JSON, content, headers, _request(raw), now, trace_id)

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
        return accepts_json(accept)
    return gives == "*/*" or accepts(accept, gives)


def _request(raw: Raw) -> Request:
    """What the reply's signature is bound to: method, URL, and the request's own signature if it has one."""
    signature = raw.headers.get("signature", "")
    headers = {"signature": signature} if _SIGNATURE.fullmatch(signature) else {}
    return Request(raw.method, raw.target, headers)
