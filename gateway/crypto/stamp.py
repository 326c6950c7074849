"""Time stamps: what is asked of an authority, what is accepted, and later checks (RFC 3161)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha512

from cryptography import x509
from rfc3161_client import (
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from gateway.crypto import der
from gateway.errors import Busy, Malformed, SignatureBroken

_GRANTED = der.write(der.SEQUENCE, der.write(der.INTEGER, b"\x00"))
_CERTIFICATES = 0xA0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as it is sent, and what its answer must repeat."""

    request: bytes
    digest: bytes
    nonce: int
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Stamped:
    """What a token shows: that the octets existed at this time (aware UTC)."""

    at: datetime
    policy: str


def ask(data: bytes, policy: str | None = None) -> Asked:
    """A request over SHA-512 of the octets, with a fresh nonce; `policy` is the OID that is asked for."""
    made = TimestampRequestBuilder().data(data).nonce(nonce=True).cert_request(cert_request=True).build()
    request = made.as_bytes() if policy is None else _with_policy(made.as_bytes(), policy)
    return Asked(request, sha512(data).digest(), made.nonce or 0, policy)


def accept(
    reply: bytes, asked: Asked, trust: Sequence[x509.Certificate], now: datetime, tolerance: timedelta
) -> tuple[bytes, Stamped]:
    """The token (DER) of an answer, and what it shows.

    `trust` are authorities that the chain of the stamp must lead to at its time, which must be `now` within
    the tolerance. Busy when no stamp was granted, Malformed or SignatureBroken when the answer is not one to
    this request.
    """
    response = _read(_in_order(reply))
    if response.status != 0:
        raise Busy(f"the authority granted no stamp (status {response.status})")
    shown = _check(response, asked.digest, trust, nonce=asked.nonce, policy=asked.policy)
    if not -tolerance <= shown.at - now <= tolerance:
        raise SignatureBroken("the time of the stamp is not that of now")
    return response.time_stamp_token(), shown


def verify(
    token: bytes, data: bytes, trust: Sequence[x509.Certificate], policy: str | None = None
) -> Stamped:
    """What a token shows of the octets; Malformed or SignatureBroken when it does not stand for them."""
    response = _read(_in_order(der.write(der.SEQUENCE, _GRANTED + token)))
    return _check(response, sha512(data).digest(), trust, nonce=None, policy=policy)


def _read(reply: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(reply)
    except ValueError as error:
        raise Malformed("the answer is no time stamp") from error


def _check(
    response: TimeStampResponse,
    digest: bytes,
    trust: Sequence[x509.Certificate],
    *,
    nonce: int | None,
    policy: str | None,
) -> Stamped:
    builder = VerifierBuilder(roots=list(trust), nonce=nonce)
    if policy is not None:
        builder = builder.policy_id(x509.ObjectIdentifier(policy))
    try:
        builder.build().verify(response, digest)
        info = response.tst_info
    except (VerificationError, ValueError, x509.InvalidVersion) as error:
        raise SignatureBroken(f"the time stamp does not hold: {error}") from error
    return Stamped(info.gen_time, info.policy.dotted_string)


def _with_policy(request: bytes, policy: str) -> bytes:
    """The request with reqPolicy, which stands behind version and messageImprint (section 2.4.1)."""
    whole = der.element(request, 0)
    imprint = der.children(request, whole)[1]
    before, after = request[whole.start : imprint.end], request[imprint.end : whole.end]
    return der.write(der.SEQUENCE, before + der.write_object(policy) + after)


def _in_order(reply: bytes) -> bytes:
    """The answer with the certificates of its token in the order of DER; no signature covers their order.

    Some authorities send them as they stand in their configuration, which strict readers refuse.
    """
    try:
        _, token = der.children(reply, der.element(reply, 0))
        _, wrapped = der.children(reply, token)
        signed = der.element(reply, wrapped.start, wrapped.end)
        parts = der.children(reply, signed)
    except (ValueError, Malformed):
        return reply
    for part in parts:
        if part.tag == _CERTIFICATES:
            each = [reply[one.begin : one.end] for one in der.children(reply, part)]
            return reply[: part.start] + b"".join(sorted(each)) + reply[part.end :]
    return reply
