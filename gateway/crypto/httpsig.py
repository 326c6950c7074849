"""HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530) for FHIR requests and replies."""

from __future__ import annotations

import binascii
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gateway.crypto.keys import PublicKey, Scheme, Signer, fingerprint, usable_key, verify_with
from gateway.crypto.xmldsig import Certified
from gateway.errors import AlgorithmRefused, MessageStale, SecurityHeaderInvalid, SignatureBroken

LABEL = "passerelle"
MAX_AGE = timedelta(seconds=300)
SKEW = timedelta(seconds=60)

Lookup = Callable[[str], Certified]
"""Gives the trusted certificate of a keyid (SHA-256 of the certificate, in hex), or raises SignerRefused."""

_SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "ecdsa-p256-sha256": Scheme.ECDSA_SHA256,
        "ecdsa-p384-sha384": Scheme.ECDSA_SHA384,
        "rsa-pss-sha512": Scheme.RSA_PSS_SHA512,
        "ed25519": Scheme.ED25519,
    }
)
_CURVES = MappingProxyType({"secp256r1": "ecdsa-p256-sha256", "secp384r1": "ecdsa-p384-sha384"})
_DIGESTS = MappingProxyType({"sha-256": sha256, "sha-512": sha512})

_METHOD, _TARGET, _STATUS = '"@method"', '"@target-uri"', '"@status"'
_DIGEST, _TYPE = '"content-digest"', '"content-type"'
_OF_REQUEST = ";req"

# structured fields (RFC 8941), as far as these headers need them
_KEY = r"[a-z*][a-z0-9_.*-]*"
_PARAMETERS = rf';(?P<name>{_KEY})=(?:(?P<number>\d{{1,15}})|"(?P<text>[^"\\]*)")'
_INPUT = re.compile(
    rf'\s*(?P<label>{_KEY})=(?P<list>\((?P<items>[^()]*)\)(?P<parameters>(?:;{_KEY}=(?:\d{{1,15}}|"[^"\\]*"))*))\s*'
)
_PARAMETER = re.compile(_PARAMETERS)
_BYTES = re.compile(rf"\s*(?P<label>{_KEY})=:(?P<value>[A-Za-z0-9+/=]*):\s*")


@dataclass(frozen=True, slots=True)
class Request:
    """The request of an exchange. `target` is its absolute URI."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Signed:
    """The one signature of a message, as its two header fields give it; `raw` are its parameters as sent."""

    components: tuple[str, ...]
    parameters: Mapping[str, str]
    raw: str
    value: bytes


# --- signing -------------------------------------------------------------------------------------


def sign_request(request: Request, body: bytes, signer: Signer, now: datetime) -> dict[str, str]:
    """The headers to add to a request: signature over method and target, and over the digest of a body."""
    added = {"Content-Digest": content_digest(body)} if body else {}
    values = _of_request(request)
    covered = [_METHOD, _TARGET]
    if body:
        values[_DIGEST] = added["Content-Digest"]
        covered.append(_DIGEST)
    return added | _signature(covered, values, signer, now)


def sign_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    request: Request,
    signer: Signer,
    now: datetime,
) -> dict[str, str]:
    """The headers to add to a reply: signature over status, digest and type of the body, and the request.

    A request that was signed itself is bound by its signature (RFC 9421 section 2.4).
    """
    return sign_response_of(status, headers, sha256(body).digest(), request, signer, now)


def sign_response_of(
    status: int,
    headers: Mapping[str, str],
    digest: bytes,
    request: Request,
    signer: Signer,
    now: datetime,
) -> dict[str, str]:
    """The same for a body of which the SHA-256 is known."""
    added = {"Content-Digest": _digest_field(digest)}
    values = _of_response(status, {**headers, **added}, request)
    return added | _signature(_wanted_of_response(values), values, signer, now)


def content_digest(body: bytes) -> str:
    """The value of Content-Digest: SHA-256 of the body."""
    return _digest_field(sha256(body).digest())


def _digest_field(digest: bytes) -> str:
    return f"sha-256=:{b64encode(digest).decode()}:"


def _signature(
    covered: Iterable[str], values: Mapping[str, str], signer: Signer, now: datetime
) -> dict[str, str]:
    algorithm = _algorithm_of(signer.key.public_key())
    created, key = int(now.timestamp()), fingerprint(signer.certificate)
    parameters = f'({" ".join(covered)});created={created};keyid="{key}";alg="{algorithm}"'
    value = signer.sign(_base(covered, values, parameters), _SCHEMES[algorithm])
    return {
        "Signature-Input": f"{LABEL}={parameters}",
        "Signature": f"{LABEL}=:{b64encode(value).decode()}:",
    }


def _algorithm_of(key: object) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa-pss-sha512"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    raise AlgorithmRefused("no HTTP signature algorithm is registered for this kind of key")


# --- verification --------------------------------------------------------------------------------


def verify_request(request: Request, body: bytes, lookup: Lookup, now: datetime) -> str:
    """The keyid of the signer, when method, target and body are as signed.

    Raises SecurityHeaderInvalid (missing or malformed), SignatureBroken, AlgorithmRefused, MessageStale,
    or what `lookup` raises.
    """
    values = _of_request(request)
    wanted = [_METHOD, _TARGET]
    if body or _DIGEST in values:
        wanted.append(_DIGEST)
    return _verify(request.headers, values, wanted, body, lookup, now)


def verify_response(
    status: int, headers: Mapping[str, str], body: bytes, request: Request, lookup: Lookup, now: datetime
) -> str:
    """The keyid of the signer, when the reply is as signed and answers this request; errors as above."""
    values = _of_response(status, headers, request)
    return _verify(headers, values, _wanted_of_response(values), body, lookup, now)


def _verify(
    headers: Mapping[str, str],
    values: Mapping[str, str],
    wanted: Iterable[str],
    body: bytes,
    lookup: Lookup,
    now: datetime,
) -> str:
    signed = _read(headers)
    _check_age(signed, now)
    missing = [name for name in wanted if name not in signed.components]
    if missing:
        raise SignatureBroken("a part that must be signed is not covered", location=missing[0])
    keyid = signed.parameters.get("keyid", "")
    key = usable_key(lookup(keyid).public_key())
    verify_with(key, _scheme(signed, key), signed.value, _base(signed.components, values, signed.raw))
    if _DIGEST in signed.components:
        _check_content(values[_DIGEST], body)
    return keyid


def _scheme(signed: _Signed, key: PublicKey) -> Scheme:
    natural = _algorithm_of(key)
    if signed.parameters.get("alg", natural) != natural:
        raise AlgorithmRefused("signature algorithm not allowed for the key of the signer", location="alg")
    return _SCHEMES[natural]


def _check_age(signed: _Signed, now: datetime) -> None:
    created = _time(signed, "created")
    if created is None or created > now + SKEW:
        raise SecurityHeaderInvalid(
            "signature without a creation time, or from the future", location="created"
        )
    expires = _time(signed, "expires")
    if now - created > MAX_AGE or (expires is not None and now >= expires):
        raise MessageStale("the signature is too old", location="created")


def _time(signed: _Signed, name: str) -> datetime | None:
    value = signed.parameters.get(name, "")
    try:
        return datetime.fromtimestamp(int(value), UTC) if value.isascii() and value.isdigit() else None
    except (ValueError, OverflowError, OSError):
        return None


def _check_content(field: str, body: bytes) -> None:
    """Every digest of a known algorithm must be the body's, and one of them must be there (RFC 9530)."""
    known = [(label, value) for label, value in _members(field) if label in _DIGESTS]
    if not known:
        raise AlgorithmRefused("digest algorithm not allowed; expected sha-256", location="Content-Digest")
    for label, value in known:
        if _DIGESTS[label](body).digest() != value:
            raise SignatureBroken("the body is not the one that was signed", location="Content-Digest")


# --- header fields -------------------------------------------------------------------------------


def _read(headers: Mapping[str, str]) -> _Signed:
    fields = _lower(headers)
    match = _INPUT.fullmatch(fields.get("signature-input", ""))
    values = _members(fields.get("signature", ""))
    if match is None or len(values) != 1 or values[0][0] != match["label"]:
        raise SecurityHeaderInvalid("expected one HTTP message signature", location="Signature-Input")
    components = tuple(match["items"].split())
    if len(set(components)) != len(components):
        raise SecurityHeaderInvalid("a component is listed twice", location="Signature-Input")
    parameters = {p["name"]: p["number"] or p["text"] or "" for p in _PARAMETER.finditer(match["parameters"])}
    return _Signed(components, parameters, match["list"], values[0][1])


def _members(field: str) -> list[tuple[str, bytes]]:
    """The members of a dictionary of byte sequences."""
    found = []
    for member in field.split(",") if field else ():
        match = _BYTES.fullmatch(member)
        if match is None:
            raise SecurityHeaderInvalid("header field is no dictionary of byte sequences")
        try:
            found.append((match["label"], binascii.a2b_base64(match["value"], strict_mode=True)))
        except ValueError as error:
            raise SecurityHeaderInvalid("header field holds no base64") from error
    return found


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value.strip() for name, value in headers.items()}


def _of_request(request: Request) -> dict[str, str]:
    values = {f'"{name}"': value for name, value in _lower(request.headers).items()}
    return values | {_METHOD: request.method, _TARGET: request.target}


def _of_response(status: int, headers: Mapping[str, str], request: Request) -> dict[str, str]:
    values = {f'"{name}"': value for name, value in _lower(headers).items()}
    values[_STATUS] = str(status)
    values |= {f"{name}{_OF_REQUEST}": value for name, value in _of_request(request).items()}
    for label, value in _members(_lower(request.headers).get("signature", "")):
        values[f'"signature"{_OF_REQUEST};key="{label}"'] = f":{b64encode(value).decode()}:"
    return values


def _wanted_of_response(values: Mapping[str, str]) -> list[str]:
    bound = [name for name in values if name.startswith('"signature";req;key=')]
    typed = [_TYPE] if _TYPE in values else []
    return [_STATUS, _DIGEST, *typed, f"{_METHOD}{_OF_REQUEST}", f"{_TARGET}{_OF_REQUEST}", *bound]


def _base(components: Iterable[str], values: Mapping[str, str], parameters: str) -> bytes:
    """The signature base (RFC 9421 section 2.5)."""
    lines = []
    for component in components:
        if component not in values:
            raise SignatureBroken("a signed component is not in the message", location=component)
        lines.append(f"{component}: {values[component]}")
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()
