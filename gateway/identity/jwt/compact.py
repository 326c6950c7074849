"""A compact JWS taken apart and verified with one of its issuer's keys (RFC 7515, RFC 8725)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.crypto import safejson
from gateway.crypto.jwk import NamedKey
from gateway.crypto.keys import verify_with
from gateway.errors import AlgorithmRefused, Malformed, SignatureBroken, TokenInvalid
from gateway.identity.jwt.policy import ALGORITHMS, TokenIssuer

LONGEST = 16 * 1024
_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Compact:
    """Header and claims as they came, unproven; what was signed, and the signature."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


def read_compact(token: str) -> Compact:
    """The parts of a token; TokenInvalid where two readers could see different ones."""
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != 3 or not token.isascii():  # noqa: PLR2004 - header, claims, signature
        raise TokenInvalid(f"expected a compact JWS of at most {LONGEST} characters", location="token")
    header, claims = _object(parts[0], "header"), _object(parts[1], "claims")
    if "crit" in header or "b64" in header:
        raise TokenInvalid("extensions of the header are not understood", location="crit")
    signed = token.rpartition(".")[0].encode()
    return Compact(header, claims, signed, _octets(parts[2], "signature"))


def check_signature(token: Compact, issuer: TokenIssuer, key: NamedKey) -> None:
    """Raise TokenInvalid unless the key made the signature, by an algorithm open to its issuer."""
    name = token.header.get("alg")
    if not isinstance(name, str) or name not in issuer.algorithms or name not in ALGORITHMS:
        raise TokenInvalid("signed by an algorithm that this issuer may not use", location="alg")
    if key.algorithm is not None and key.algorithm != name:
        raise TokenInvalid("the key is for another algorithm", location="alg")
    scheme, curve = ALGORITHMS[name]
    if curve and getattr(getattr(key.key, "curve", None), "name", "") != curve:
        raise TokenInvalid("the key is not one for this algorithm", location="alg")
    try:
        verify_with(key.key, scheme, token.signature, token.signed)
    except (SignatureBroken, AlgorithmRefused) as error:
        raise TokenInvalid("the signature of the token is wrong", location="signature") from error


def _object(part: str, location: str) -> Mapping[str, Any]:
    try:
        found = safejson.parse(_octets(part, location), _DEPTH)
    except Malformed as error:
        raise TokenInvalid(f"not one readable JSON object: {error.detail}", location=location) from error
    if not isinstance(found, dict):
        raise TokenInvalid("not a JSON object", location=location)
    return found


def _octets(part: str, location: str) -> bytes:
    """Base64url without padding, in its only spelling."""
    try:
        octets = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise TokenInvalid("not base64url", location=location) from error
    if base64.urlsafe_b64encode(octets).rstrip(b"=") != part.encode():
        raise TokenInvalid("not base64url in its only spelling", location=location)
    return octets
