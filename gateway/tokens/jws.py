"""Compact JWS by our keys, and of keys that are known beforehand (RFC 7515, RFC 7518, RFC 7638)."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.crypto import safejson
from gateway.crypto.keys import PublicKey, Scheme, Signer, usable_key, verify_with
from gateway.errors import AlgorithmRefused, Malformed, TokenInvalid

LONGEST = 16 * 1024
"""Characters of a token; one with a certificate in its header has some 3,000."""
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "ES256": Scheme.ECDSA_SHA256,
        "ES384": Scheme.ECDSA_SHA384,
        "ES512": Scheme.ECDSA_SHA512,
        "PS256": Scheme.RSA_PSS_SHA256,
        "PS384": Scheme.RSA_PSS_SHA384,
        "PS512": Scheme.RSA_PSS_SHA512,
        "Ed25519": Scheme.ED25519,
        "EdDSA": Scheme.ED25519,
    }
)
_CURVES = MappingProxyType({"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"})
_OF_CURVE = MappingProxyType({"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"})


@dataclass(frozen=True, slots=True)
class Jws:
    """A token taken apart, not verified yet."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


def algorithm_of(key: PublicKey) -> str:
    """The JOSE name of the algorithm that we use a key for."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        names = [name for name, curve in _OF_CURVE.items() if curve == key.curve.name]
        if not names:
            raise AlgorithmRefused(f"no JWT is signed on the curve {key.curve.name}")
        return names[0]
    return "PS256" if isinstance(key, rsa.RSAPublicKey) else "Ed25519"


def sign(claims: Mapping[str, Any], signer: Signer, *, kind: str) -> str:
    """A compact JWS of claims by our key; `kind` is its `typ`."""
    key = signer.key.public_key()
    name = algorithm_of(key)
    header = {"alg": name, "typ": kind, "kid": key_id(key)}
    signed = f"{encoded(orjson.dumps(header))}.{encoded(orjson.dumps(claims))}"
    return f"{signed}.{encoded(signer.sign(signed.encode(), _SCHEMES[name]))}"


def read(token: str) -> Jws:
    """The parts of a compact JWS; TokenInvalid when it is none."""
    match = _COMPACT.fullmatch(token) if len(token) <= LONGEST else None
    if match is None:
        raise TokenInvalid("not a compact JWS", location="token")
    try:
        header, claims = safejson.parse(decoded(match[1])), safejson.parse(decoded(match[2]))
        signature = decoded(match[3])
    except (ValueError, Malformed) as error:
        raise TokenInvalid("not a compact JWS of JSON", location="token") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise TokenInvalid("header and claims of a JWT are JSON objects", location="token")
    return Jws(header, claims, f"{match[1]}.{match[2]}".encode(), signature)


def verify(jws: Jws, key: object, *, minimum_rsa: int = 3072) -> None:
    """Return when the key made the signature by an algorithm of its own; `crit` is never understood."""
    name = jws.header.get("alg")
    scheme = _SCHEMES.get(name) if isinstance(name, str) else None
    if scheme is None or "crit" in jws.header or "b64" in jws.header:
        raise AlgorithmRefused("the token is signed in a way that is not taken", location="alg")
    usable = usable_key(key, minimum_rsa=minimum_rsa)
    if isinstance(usable, ec.EllipticCurvePublicKey) and _OF_CURVE.get(str(name)) != usable.curve.name:
        raise AlgorithmRefused("the key is not one for this algorithm", location="alg")
    verify_with(usable, scheme, jws.signature, jws.signed)


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """What base64url without padding stands for; ValueError where it is not the one way to write it."""
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encoded(data) != text:
        raise ValueError("not base64url in its one form")
    return data


def thumbprint_claim(der: bytes) -> str:
    """`x5t#S256` of a certificate (RFC 8705 3.1)."""
    return encoded(sha256(der).digest())


# --- our key as a JWK ----------------------------------------------------------------------------


def jwk_of(certificate: bytes) -> dict[str, Any]:
    """The public key of a certificate (DER) as JWK; `kid` is its RFC 7638 thumbprint."""
    key = usable_key(x509.load_der_x509_certificate(certificate).public_key(), minimum_rsa=2048)
    told = {"kid": key_id(key), "use": "sig", "alg": algorithm_of(key)}
    chain = {"x5c": [_padded(certificate)], "x5t#S256": thumbprint_claim(certificate)}
    return {**_parts(key), **told, **chain}


def key_id(key: PublicKey) -> str:
    """The RFC 7638 thumbprint of a key."""
    return _thumbprint(_parts(key))


def _thumbprint(parts: Mapping[str, str]) -> str:
    return encoded(sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).digest())


def _parts(key: PublicKey) -> dict[str, str]:
    """The required members of a public key and no others."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        numbers, width = key.public_numbers(), (key.curve.key_size + 7) // 8
        point = {"x": encoded(numbers.x.to_bytes(width)), "y": encoded(numbers.y.to_bytes(width))}
        return {"kty": "EC", "crv": _CURVES[key.curve.name], **point}
    if isinstance(key, rsa.RSAPublicKey):
        public = key.public_numbers()
        return {"kty": "RSA", "n": _integer(public.n), "e": _integer(public.e)}
    if isinstance(key, ec.EllipticCurvePublicKey):
        raise AlgorithmRefused(f"no JWT is signed on the curve {key.curve.name}")
    return {"kty": "OKP", "crv": "Ed25519", "x": encoded(key.public_bytes_raw())}


def _integer(number: int) -> str:
    return encoded(number.to_bytes((number.bit_length() + 7) // 8))


def _padded(der: bytes) -> str:
    text = encoded(der).replace("-", "+").replace("_", "/")
    return text + "=" * (-len(text) % 4)


def certificate_of(entry: object) -> x509.Certificate:
    """A certificate of `x5c` (base64 DER); TokenInvalid when it is none."""
    text = entry.replace("+", "-").replace("/", "_") if isinstance(entry, str) else ""
    try:
        return x509.load_der_x509_certificate(urlsafe_b64decode(text))
    except ValueError as error:
        raise TokenInvalid("x5c holds no certificate", location="x5c") from error
