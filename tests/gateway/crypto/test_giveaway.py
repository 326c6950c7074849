"""Private keys and key stores are told from documents by their first octets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
    pkcs12,
)

from gateway.crypto import pki
from gateway.crypto.giveaway import is_private_key
from gateway.crypto.pki import create_key

SECRET = b"a pass phrase"


def keys() -> Iterator[tuple[str, bytes]]:
    kinds = {Encoding.PEM: "pem", Encoding.DER: "der"}
    rsa_key = rsa.generate_private_key(65537, 2048)
    made = {
        "rsa": rsa_key,
        "ec": ec.generate_private_key(ec.SECP256R1()),
        "ed": ed25519.Ed25519PrivateKey.generate(),
    }
    for name, key in made.items():
        for encoding in (Encoding.PEM, Encoding.DER):
            for protection in (NoEncryption(), BestAvailableEncryption(SECRET)):
                kind = f"{name} pkcs8 {kinds[encoding]} {type(protection).__name__}"
                yield kind, key.private_bytes(encoding, PrivateFormat.PKCS8, protection)
        if name != "ed":
            for encoding in (Encoding.PEM, Encoding.DER):
                data = key.private_bytes(encoding, PrivateFormat.TraditionalOpenSSL, NoEncryption())
                yield f"{name} traditional {kinds[encoding]}", data
        yield f"{name} openssh", key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    pem = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    yield (
        "with bag attributes",
        b"Bag Attributes\n    friendlyName: me\nKey Attributes: <No Attributes>\n" + pem,
    )
    yield "with a mark of order", b"\xef\xbb\xbf\r\n" + pem
    for protection in (NoEncryption(), BestAvailableEncryption(SECRET)):
        data = pkcs12.serialize_key_and_certificates(b"me", rsa_key, None, None, protection)
        yield f"pkcs12 {type(protection).__name__}", data
    numbers = {"kty": "EC", "crv": "P-256", "x": "a" * 43, "y": "b" * 43, "d": "c" * 43}
    yield "jwk", json.dumps(numbers).encode()
    yield "jwks", json.dumps({"keys": [numbers]}).encode()
    yield "java", b"\xfe\xed\xfe\xed" + bytes(60)
    yield "putty", b"PuTTY-User-Key-File-3: ecdsa-sha2-nistp256\r\n"


KEYS = dict(keys())


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_is_seen(kind: str) -> None:
    assert is_private_key(KEYS[kind])
    assert is_private_key(KEYS[kind] + bytes(100_000))


def certificates() -> list[bytes]:
    authority = pki.create_authority("Test", "integration", datetime.now(UTC))
    key = create_key()
    issued = pki.issue_server(authority, key.public_key(), datetime.now(UTC), ["localhost"])
    public = key.public_key()
    return [
        issued.public_bytes(Encoding.PEM),
        issued.public_bytes(Encoding.DER),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        pkcs7.serialize_certificates([issued], Encoding.DER),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0",
        b"\x30\x80",
        b"%PDF-1.7\n",
        b"<ClinicalDocument>the -----BEGIN PRIVATE KEY----- of a text</ClinicalDocument>",
        b'{"resourceType": "Observation", "d": "not a key at all here"}',
        b"PK\x03\x04",
        b"\x30\x82\x01\x00\x02\x01\x03\x30\x03\x06\x01\x00",
        *certificates(),
        *(os.urandom(200) for _ in range(20)),
    ],
)
def test_a_document_passes(data: bytes) -> None:
    assert not is_private_key(data)
