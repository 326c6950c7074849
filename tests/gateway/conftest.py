"""Signers with throw-away keys and a fixed clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from gateway.crypto.keys import PrivateKey, Signer

NOW = datetime(2026, 11, 22, 9, 30, 0, 250000, tzinfo=UTC)


@dataclass(frozen=True)
class Identity:
    """A signer and the parts it is made of."""

    signer: Signer
    key: PrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.signer.certificate

    @property
    def public_pem(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def _new_key(kind: str) -> PrivateKey:
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(
        {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind]
    )


@cache
def _key(kind: str, name: str) -> tuple[PrivateKey, x509.Certificate]:
    key = _new_key(kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        issuer_name=subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW - timedelta(days=1),
        not_valid_after=NOW + timedelta(days=365),
    )
    return key, builder.sign(key, None if kind == "ed25519" else hashes.SHA256())


@pytest.fixture(scope="session")
def identity() -> Callable[..., Identity]:
    """identity(kind, name): one for the same arguments; kinds are rsaNNNN, p256, p384, p521, ed25519."""

    def make(kind: str = "p256", name: str = "node", *, pkcs1: bool = False) -> Identity:
        key, certificate = _key(kind, name)
        return Identity(Signer.of(key, certificate, pkcs1=pkcs1), key, certificate)

    return make


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW
