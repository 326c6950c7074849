"""Media through the FHIR door of a gateway (ITI-32): import and export; replies must be signed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
from cryptography import x509

from gateway.crypto.httpsig import Request, verify_response
from gateway.errors import GatewayError, SignerRefused

ZIP = "application/zip"


class MediumRefused(GatewayError):
    """The gateway answered with an OperationOutcome of errors; `status` is that of HTTP."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class MediaClient:
    """Speaks from one partner. `base` is the FHIR base; one of `server_certificates` (DER) signs replies."""

    http: httpx.AsyncClient
    base: str
    assertion: bytes
    server_certificates: frozenset[bytes]

    async def import_medium(self, medium: bytes) -> list[str]:
        """What became of each submission set, and the warnings; MediumRefused where nothing was imported."""
        url = f"{self.base}/$import-media"
        headers = {**self._headers(), "content-type": ZIP}
        response = await self.http.post(url, content=medium, headers=headers)
        return [_line(each) for each in orjson.loads(self._body("POST", url, response))["issue"]]

    async def export_medium(
        self, patient: str, documents: Sequence[str] = (), institution: str = ""
    ) -> bytes:
        """A medium with documents of a patient (CX): all that may be read, or those named by uniqueId."""
        extension, _, rest = patient.partition("^^^&")
        told = [("patient", f"urn:oid:{rest.removesuffix('&ISO')}|{extension}")]
        told += [("document", each) for each in documents]
        told += [("institution", institution)] if institution else []
        url = f"{self.base}/$export-media?{urlencode(told)}"
        return self._body("GET", url, await self.http.get(url, headers={**self._headers(), "accept": ZIP}))

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
            raise MediumRefused(response.status_code, _told(body))
        return body

    def _signer(self, keyid: str) -> x509.Certificate:
        for der in self.server_certificates:
            if hashlib.sha256(der).hexdigest() == keyid:
                return x509.load_der_x509_certificate(der)
        raise SignerRefused("the reply is signed by another certificate than the server's")


def _told(body: bytes) -> str:
    try:
        return "; ".join(_line(each) for each in orjson.loads(body)["issue"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace").strip()


def _line(issue: dict[str, Any]) -> str:
    """One issue of an OperationOutcome as a line: severity unless it is information, place, text."""
    severity = str(issue.get("severity", ""))
    place = "".join(f"{each}: " for each in issue.get("location", ()))
    told = "" if severity == "information" else f"{severity}: "
    return f"{told}{place}{issue['details']['text']}"
