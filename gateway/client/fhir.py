"""FHIR requests of a partner: a token goes along, replies must be signed (FHIR R4 http, RFC 6750, 9421)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
from cryptography import x509

from gateway.crypto.httpsig import Request, verify_response
from gateway.errors import GatewayError, SignerRefused

JSON = "application/fhir+json"
Resource = dict[str, Any]


class FhirRefused(GatewayError):
    """The gateway answered with an OperationOutcome of errors; `status` is that of HTTP."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class FhirClient:
    """Speaks from one partner. `base` is the FHIR base; one of `server_certificates` (DER) signs replies."""

    http: httpx.AsyncClient
    base: str
    assertion: bytes
    server_certificates: frozenset[bytes]

    async def get(self, path: str, *, accept: str = JSON) -> bytes:
        """The body of an answer. `path` is relative to the base, with its query; or a link of an answer."""
        url = path if path.startswith(f"{self.base}/") else f"{self.base}{path}"
        return self._body("GET", url, await self.http.get(url, headers={**self._headers(), "accept": accept}))

    async def post(self, path: str, content: bytes, *, content_type: str = JSON) -> bytes:
        """The body of the answer to what was posted."""
        url = f"{self.base}{path}"
        headers = {**self._headers(), "content-type": content_type}
        return self._body("POST", url, await self.http.post(url, content=content, headers=headers))

    async def operate(self, path: str, **told: str) -> Resource:
        """The answer of an operation that takes texts as Parameters."""
        parameters = [{"name": name, "valueString": text} for name, text in told.items()]
        content = orjson.dumps({"resourceType": "Parameters", "parameter": parameters})
        return read_resource(await self.post(path, content))

    async def pages(self, path: str) -> list[Resource]:
        """The resources of a search, all pages of it."""
        found: list[Resource] = []
        following: str | None = path
        while following is not None:
            bundle = read_resource(await self.get(following))
            found += [each["resource"] for each in bundle.get("entry", ())]
            links = {each["relation"]: each["url"] for each in bundle.get("link", ())}
            following = links.get("next")
        return found

    def _headers(self) -> dict[str, str]:
        token = base64.urlsafe_b64encode(self.assertion).rstrip(b"=").decode()
        return {"authorization": f"Bearer {token}"}

    def _body(self, method: str, url: str, response: httpx.Response) -> bytes:
        body = response.content
        headers = {name.lower(): value for name, value in response.headers.items()}
        if "signature" in headers or response.is_success:
            request = Request(method, url, {})
            verify_response(response.status_code, headers, body, request, self._signer, datetime.now(UTC))
        if not response.is_success:
            raise FhirRefused(response.status_code, _told(body))
        return body

    def _signer(self, keyid: str) -> x509.Certificate:
        for der in self.server_certificates:
            if hashlib.sha256(der).hexdigest() == keyid:
                return x509.load_der_x509_certificate(der)
        raise SignerRefused("the reply is signed by another certificate than the server's")


def _told(body: bytes) -> str:
    try:
        return "; ".join(issue_line(each) for each in orjson.loads(body)["issue"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace").strip()


def issue_line(issue: dict[str, Any]) -> str:
    """One issue of an OperationOutcome as a line: severity unless it is information, place, text."""
    severity = str(issue.get("severity", ""))
    place = "".join(f"{each}: " for each in (*issue.get("location", ()), *issue.get("expression", ())))
    told = "" if severity == "information" else f"{severity}: "
    return f"{told}{place}{issue['details']['text']}"


def read_resource(body: bytes) -> Resource:
    """A resource from JSON."""
    found: Resource = orjson.loads(body)
    return found
