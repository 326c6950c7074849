"""Tokens of an authorization server of the test, and the policy that believes it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.crypto.jwk import NamedKey
from gateway.crypto.keys import Scheme, sign_with
from gateway.identity.jwt import TokenIssuer, TokenPolicy

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
CERTIFICATE = b"a certificate"
ROLE, PURPOSE = ("DR", "2.999.1"), ("TREAT", "2.999.2")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture(scope="session")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def claims() -> Callable[..., dict[str, Any]]:
    def make(user: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        start = int(NOW.timestamp())
        told = {
            "iss": "https://as.example",
            "sub": "dr-1",
            "client_id": "ward",
            "aud": ["https://other.example", "https://us.example"],
            "iat": start,
            "exp": start + 300,
            "jti": "t-1",
            "scope": "ITI-67 user/Binary.read",
            "cnf": {"x5t#S256": b64(sha256(CERTIFICATE).digest())},
            "extensions": {
                "ihe_iua": {
                    "subject_name": "Dr. One",
                    "subject_organization": "Hospital",
                    "subject_organization_id": "urn:oid:2.999.7",
                    "subject_role": [{"system": f"urn:oid:{ROLE[1]}", "code": ROLE[0], "display": "Doctor"}],
                    "purpose_of_use": [{"system": PURPOSE[1], "code": PURPOSE[0]}],
                    "national_provider_identifier": "NPI-1",
                    **(user or {}),
                }
            },
            **changes,
        }
        return {name: value for name, value in told.items() if value is not None}

    return make


@pytest.fixture
def signed(key: ec.EllipticCurvePrivateKey) -> Callable[..., str]:
    def make(claims: dict[str, Any], **header: Any) -> str:
        head = orjson.dumps({"alg": "ES256", "typ": "at+jwt", "kid": "k1", **header})
        text = f"{b64(head)}.{b64(orjson.dumps(claims))}"
        return f"{text}.{b64(sign_with(key, Scheme.ECDSA_SHA256, text.encode()))}"

    return make


@pytest.fixture
def issuer(key: ec.EllipticCurvePrivateKey) -> TokenIssuer:
    return TokenIssuer(
        name="https://as.example",
        keys={"k1": NamedKey("k1", key.public_key())},
        audiences=frozenset({"https://us.example"}),
        max_life=timedelta(minutes=10),
    )


@pytest.fixture
def policy(issuer: TokenIssuer) -> TokenPolicy:
    return TokenPolicy(issuers={issuer.name: issuer}, roles=frozenset({ROLE}), purposes=frozenset({PURPOSE}))
