"""The media client: what it asks for, and that it takes signed answers only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from gateway.client.fhir import FhirRefused
from gateway.client.media import MediaClient
from gateway.crypto.httpsig import Request, sign_response
from gateway.crypto.keys import Signer
from gateway.errors import GatewayError, SignatureBroken, SignerRefused

BASE = "https://localhost:8443/fhir"
Served = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def signer(identity: Callable[..., Any]) -> Signer:
    found: Signer = identity("p256", "gateway").signer
    return found


def outcome(*issues: dict[str, Any]) -> bytes:
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": issues})


def issue(severity: str, text: str, *location: str) -> dict[str, Any]:
    return {"severity": severity, "code": "x", "details": {"text": text}, "location": location}


def serving(signer: Signer, status: int, body: bytes, seen: list[httpx.Request]) -> Served:
    """A server that answers everything in one way, signed for the request."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        headers = {"content-type": "application/fhir+json"}
        asked = Request(request.method, str(request.url), {})
        headers |= sign_response(status, headers, body, asked, signer, datetime.now(UTC))
        return httpx.Response(status, headers=headers, content=body)

    return answer


def asked(served: Served, trusted: Signer, call: Callable[[MediaClient], Any]) -> Any:
    async def run() -> Any:
        async with httpx.AsyncClient(transport=httpx.MockTransport(served)) as http:
            certificates = frozenset({trusted.certificate})
            return await call(
                MediaClient(http=http, base=BASE, assertion=b"<a/>", server_certificates=certificates)
            )

    return asyncio.run(run())


def test_import_gives_a_line_for_every_issue(signer: Signer) -> None:
    seen: list[httpx.Request] = []
    body = outcome(issue("information", "done", "IHE_XDM/S1"), issue("warning", "but", "Link1"))
    lines = asked(serving(signer, 200, body, seen), signer, lambda client: client.import_medium(b"PK"))
    assert lines == ["IHE_XDM/S1: done", "warning: Link1: but"]
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/$import-media")
    assert request.headers["content-type"] == "application/zip"
    assert request.headers["authorization"] == "Bearer PGEvPg"


def test_export_names_patient_and_documents(signer: Signer) -> None:
    seen: list[httpx.Request] = []
    body = asked(
        serving(signer, 200, b"PK", seen),
        signer,
        lambda client: client.export_medium("P&1^^^&2.999.1&ISO", ["2.999.4"], "Clinic & Co"),
    )
    assert body == b"PK"
    assert dict(seen[0].url.params) == {
        "patient": "urn:oid:2.999.1|P&1",
        "document": "2.999.4",
        "institution": "Clinic & Co",
    }


def test_a_refusal_is_told_in_words(signer: Signer) -> None:
    body = outcome(issue("error", "not a ZIP archive", "ZIP"), issue("error", "second"))
    with pytest.raises(FhirRefused, match=r"error: ZIP: not a ZIP archive; error: second") as told:
        asked(serving(signer, 400, body, []), signer, lambda client: client.import_medium(b""))
    assert told.value.status == 400


@pytest.mark.parametrize("status", [200, 400])
def test_only_the_server_itself_is_believed(
    signer: Signer, identity: Callable[..., Any], status: int
) -> None:
    other: Signer = identity("p256", "other").signer
    with pytest.raises(SignerRefused):
        asked(serving(other, status, outcome(), []), signer, lambda client: client.import_medium(b""))


def test_an_unsigned_success_is_none(signer: Signer) -> None:
    def plain(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"PK")

    with pytest.raises((SignatureBroken, GatewayError)) as told:
        asked(plain, signer, lambda client: client.export_medium("P^^^&2.999.1&ISO"))
    assert not isinstance(told.value, FhirRefused)


def test_a_refusal_before_the_gateway_is_told_as_it_is(signer: Signer) -> None:
    def proxy(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(502, text="bad gateway\n")

    with pytest.raises(FhirRefused, match="bad gateway") as told:
        asked(proxy, signer, lambda client: client.import_medium(b""))
    assert told.value.status == 502
