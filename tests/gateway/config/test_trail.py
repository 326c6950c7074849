"""Addresses of audit record repositories: what has two readings is refused at the start."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from gateway.config.trail import AuditDestination


@pytest.mark.parametrize(
    "address",
    [
        "tls://audit.example:6514",
        "udp://10.0.0.7:514",
        "https://audit.example:8443/fhir",
        "https://audit.example/r4",
    ],
)
def test_taken(address: str) -> None:
    assert AuditDestination(name="national", address=address).address == address


@pytest.mark.parametrize(
    "address",
    [
        "http://audit.example/fhir",
        "https://user@audit.example/fhir",
        "https://audit.example/fhir?x=1",
        "https://audit.example/../fhir",
        "https://audit.example:0/fhir",
        "tls://audit.example:6514/x",
        "tls://audit.example",
    ],
)
def test_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        AuditDestination(name="national", address=address)
