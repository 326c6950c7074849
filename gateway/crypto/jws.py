"""Compact JWS: taken apart so that all readers see the same, verified, written (RFC 7515, RFC 7518)."""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.crypto import safejson
from gateway.crypto.jwk import thumbprint
from gateway.crypto.keys import PublicKey, Scheme, Signer, usable_key, verify_with
from gateway.errors import AlgorithmRefused, Malformed, TokenInvalid

LONGEST = 16 * 1024
"""Characters of a token; one with a certificate in its header has some 3,000."""

ALGORITHMS: Mapping[str, tuple[Scheme, str]] = MappingProxyType(
    {
        "ES256": (Scheme.ECDSA_SHA256, "secp256r1"),
        "ES384": (Scheme.ECDSA_SHA384, "secp384r1"),
        "ES512": (Scheme.ECDSA_SHA512, "secp521r1"),
        "PS256": (Scheme.RSA_PSS_SHA256, ""),
        "PS384": (Scheme.RSA_PSS_SHA384, ""),
        "PS512": (Scheme.RSA_PSS_SHA512, ""),
        "RS256": (Scheme.RSA_PKCS1_SHA256, ""),
        "EdDSA": (Scheme.ED25519, ""),
        "Ed25519": (Scheme.ED25519, ""),
    }
)
"""Every algorithm there can be (RFC 7518, RFC 9864), all asymmetric; with the curve that ECDSA demands."""

STRONG = frozenset(ALGORITHMS) - {"RS256"}
"""Without the padding that is taken from some issuers only."""

_DEPTH = 16
_PARTS = 3


@dataclass(frozen=True, slots=True)
class Jws:
    """Header and claims as they came, unproven; what was signed, and the signature."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


def read(token: str) -> Jws:
    """The parts of a token; TokenInvalid where two readers could see different ones."""
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != _PARTS or not token.isascii():
        raise TokenInvalid(f"expected a compact JWS of at most {LONGEST} characters", location="token")
    header, claims = _object(parts[0], "header"), _object(parts[1], "claims")
    if "crit" in header or "b64" in header:
        raise TokenInvalid("extensions of the header are not understood", location="crit")
    signed = token.rpartition(".")[0].encode()
    return Jws(header, claims, signed, _octets(parts[2], "signature"))


def verify(jws: Jws, key: object, *, allowed: frozenset[str] = STRONG, minimum_rsa: int = 3072) -> None:
    """Return when the key made the signature by an allowed algorithm, one of its own.

    AlgorithmRefused or SignatureBroken otherwise.
    """
    name = jws.header.get("alg")
    if not isinstance(name, str) or name not in allowed or name not in ALGORITHMS:
        raise AlgorithmRefused("the token is signed by an algorithm that is not taken", location="alg")
    scheme, curve = ALGORITHMS[name]
    usable = usable_key(key, minimum_rsa=minimum_rsa)
    if curve and getattr(getattr(usable, "curve", None), "name", "") != curve:
        raise AlgorithmRefused("the key is not one for this algorithm", location="alg")
    verify_with(usable, scheme, jws.signature, jws.signed)


def algorithm_of(key: PublicKey) -> str:
    """The JOSE name of the algorithm that we use a key for."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        names = [name for name, (_, curve) in ALGORITHMS.items() if curve == key.curve.name]
        if not names:
            raise AlgorithmRefused(f"no JWT is signed on the curve {key.curve.name}")
        return names[0]
    return "PS256" if isinstance(key, rsa.RSAPublicKey) else "Ed25519"


def sign(claims: Mapping[str, Any], signer: Signer, *, kind: str) -> str:
    """A compact JWS of claims by our key; `kind` is its `typ`, the key is named by its thumbprint."""
    key = signer.key.public_key()
    name = algorithm_of(key)
    header = {"alg": name, "typ": kind, "kid": thumbprint(key)}
    signed = f"{encoded(orjson.dumps(header))}.{encoded(orjson.dumps(claims))}"
    return f"{signed}.{encoded(signer.sign(signed.encode(), ALGORITHMS[name][0]))}"


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """What base64url without padding stands for; ValueError where it is not the one way to write it."""
    data = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encoded(data) != text:
        raise ValueError("not base64url in its one form")
    return data


def _object(part: str, location: str) -> Mapping[str, Any]:
    try:
        found = safejson.parse(_octets(part, location), _DEPTH)
    except Malformed as error:
        raise TokenInvalid(f"not one readable JSON object: {error.detail}", location=location) from error
    if not isinstance(found, dict):
        raise TokenInvalid("not a JSON object", location=location)
    return found


def _octets(part: str, location: str) -> bytes:
    try:
        return decoded(part)
    except (ValueError, binascii.Error) as error:
        raise TokenInvalid("not base64url in its only spelling", location=location) from error
