"""Who acts in the demonstration: a person at a partner system, with its own certificate and connection."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.cli.demo.papers import Papers
from gateway.cli.partner import Acting
from gateway.client import xds
from gateway.client.soap import SoapClient
from gateway.config import Settings
from gateway.crypto.httpsig import Request, verify_response
from gateway.crypto.keys import fingerprint, load_certificates
from gateway.errors import GatewayError, SignerRefused

TRACE_HEADER = "x-request-id"


class Unexpected(GatewayError):
    """A scene did not show what it should."""


def expect(condition: bool, text: str) -> None:  # noqa: FBT001 - reads as the sentence it is
    """Unexpected with this text, unless the condition holds."""
    if not condition:
        raise Unexpected(text)


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A person at a partner. `traces` are the trace ids of all answers, oldest first."""

    acting: Acting
    http: httpx.AsyncClient
    traces: list[str] = field(default_factory=list)

    @classmethod
    def enter(cls, settings: Settings, partner: str, role: str) -> Actor:
        """An actor with an HTTP client of its own, which whoever called must close."""
        acting = Acting.at(settings, partner, role)
        actor = cls(acting=acting, http=acting.identity.http())

        async def note(response: httpx.Response) -> None:
            actor.traces.append(response.headers.get(TRACE_HEADER, ""))

        actor.http.event_hooks = {"response": [note]}
        return actor

    def soap(self) -> SoapClient:
        """A client that signs, and takes only answers that the server signed."""
        return SoapClient(
            http=self.http,
            signer=self.acting.identity.signer,
            server_certificates=frozenset(server_certificates(self.acting.settings)),
        )

    async def provide(self, document: xds.Document) -> None:
        """ITI-41."""
        await xds.provide(self.soap(), self.acting.endpoints, [document], self.acting.assertion())

    async def find(self, patient: str, client: SoapClient | None = None) -> list[xds.Listed]:
        """ITI-18, the documents of a patient; one who is the patient says so in the assertion."""
        identity = self.acting.full_id(patient)
        assertion = self.acting.assertion(identity if self.acting.role == "patient" else None)
        return await xds.find(client or self.soap(), self.acting.endpoints, identity, assertion)

    async def retrieve(self, unique_id: str) -> bytes:
        """ITI-43, one document."""
        endpoints = self.acting.endpoints
        wanted = [(endpoints.repository_unique_id, unique_id)]
        return (await xds.retrieve(self.soap(), endpoints, wanted, self.acting.assertion()))[unique_id]

    async def get(self, url: str, **parameters: str) -> httpx.Response:
        """A FHIR read or search with the assertion as Bearer token; the answer's signature is verified."""
        token = base64.urlsafe_b64encode(self.acting.assertion()).rstrip(b"=").decode()
        response = await self.http.get(
            url, params=parameters or None, headers={"authorization": f"Bearer {token}"}
        )
        expect(response.status_code == httpx.codes.OK, f"HTTP {response.status_code}: {response.text[:300]}")
        asked = Request("GET", str(response.request.url), {})
        verify_response(
            response.status_code, response.headers, response.content, asked, self._signer, datetime.now(UTC)
        )
        return response

    async def tell(
        self, method: str, path: str, patient: str, resource: dict[str, Any] | None = None
    ) -> httpx.Response:
        """A FHIR request of the patient, in the own record; `path` is below the base."""
        token = base64.urlsafe_b64encode(self.acting.assertion(self.acting.full_id(patient))).rstrip(b"=")
        headers = {"authorization": f"Bearer {token.decode()}", "content-type": "application/fhir+json"}
        url = f"{self.acting.endpoints.fhir}{path}"
        return await self.http.request(method, url, json=resource, headers=headers)

    def _signer(self, key_id: str) -> x509.Certificate:
        for der in server_certificates(self.acting.settings):
            if fingerprint(der) == key_id:
                return x509.load_der_x509_certificate(der)
        raise SignerRefused("the answer is signed by another key than the server's")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everybody in the play, the documents, and the folder of the installation."""

    home: Path
    settings: Settings
    papers: Papers
    hospital: Actor
    laboratory: Actor
    pharmacist: Actor
    patient: Actor
    clinic: Actor
    auditor: Actor

    @property
    def actors(self) -> tuple[Actor, ...]:
        """All of them."""
        return self.hospital, self.laboratory, self.pharmacist, self.patient, self.clinic, self.auditor


def server_certificates(settings: Settings) -> Sequence[bytes]:
    """The certificates (DER) that sign what the server sends."""
    found = load_certificates(settings.signing.certificate.read_bytes())
    return [each.public_bytes(Encoding.DER) for each in found]
