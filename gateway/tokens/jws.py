"""Certificates in tokens, and our keys as a set (RFC 7515 section 4.1, RFC 7517, RFC 8705)."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64decode
from hashlib import sha256
from typing import Any

from cryptography import x509

from gateway.crypto.jwk import public_jwk, thumbprint
from gateway.crypto.jws import algorithm_of, encoded
from gateway.crypto.keys import usable_key
from gateway.errors import TokenInvalid


def thumbprint_claim(der: bytes) -> str:
    """`x5t#S256` of a certificate (RFC 8705 3.1)."""
    return encoded(sha256(der).digest())


def jwk_of(certificate: bytes) -> dict[str, Any]:
    """The public key of a certificate (DER) as JWK; `kid` is its RFC 7638 thumbprint."""
    key = usable_key(x509.load_der_x509_certificate(certificate).public_key(), minimum_rsa=2048)
    told = {"kid": thumbprint(key), "use": "sig", "alg": algorithm_of(key)}
    chain = {"x5c": [b64encode(certificate).decode()], "x5t#S256": thumbprint_claim(certificate)}
    return {**public_jwk(key), **told, **chain}


def certificate_of(entry: object) -> x509.Certificate:
    """A certificate of `x5c` (base64 DER); TokenInvalid when it is none."""
    text = entry.replace("+", "-").replace("/", "_") if isinstance(entry, str) else ""
    try:
        return x509.load_der_x509_certificate(urlsafe_b64decode(text))
    except (ValueError, x509.InvalidVersion) as error:
        raise TokenInvalid("x5c holds no certificate", location="x5c") from error
