"""The evidence record of one exchange: what was asked, decided and answered, under our signature (SEED-68).

Canonical form: JSON in UTF-8, keys sorted, no spaces, as orjson writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import orjson
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from gateway.audit.record import instant
from gateway.crypto.keys import Scheme, Signer, fingerprint, usable_key, verify_with
from gateway.errors import AlgorithmRefused, Malformed, SignerRefused

VERSION = 1
DIGEST_BYTES = 32


class EvidenceRecord(NamedTuple):
    """The facts of one exchange. Digests are raw SHA-256 (32 bytes); `at` is aware UTC; None is unknown.

    `reply_sha256` is over the reply as sent (signed). `decision_sha256` is over the stored receipt text.
    `reply_to` is the address of a reply that does not leave on the connection; without one, the record has
    no such field.
    """

    trace_id: str
    at: datetime
    environment: str
    node: str
    node_certificate_sha256: str | None
    transaction: str
    request_sha256: bytes
    reply_sha256: bytes | None
    token_sha256: bytes | None
    token_id: str | None
    subject: str | None
    reason: str | None
    rule: str | None
    policy_version: str | None
    decision_sha256: bytes | None
    outcome: int
    audit_sha256: bytes
    reply_to: str | None = None


class SealedEvidence(NamedTuple):
    """The canonical text, stored as it is, and the signature over its UTF-8 bytes."""

    text: str
    signature: bytes


def seal_evidence(record: EvidenceRecord, signer: Signer) -> SealedEvidence:
    """Write the record in canonical form and sign it; the signer and its scheme are part of the text."""
    data = evidence_bytes(record, signer)
    return SealedEvidence(data.decode("utf-8"), signer.sign(data))


def evidence_bytes(record: EvidenceRecord, signer: Signer) -> bytes:
    """The canonical bytes that the signer signs."""
    return orjson.dumps(
        {
            "version": VERSION,
            "trace_id": record.trace_id,
            "at": instant(record.at),
            "environment": record.environment,
            "node": record.node,
            "node_certificate_sha256": record.node_certificate_sha256,
            "transaction": record.transaction,
            "request_sha256": record.request_sha256.hex(),
            "reply_sha256": None if record.reply_sha256 is None else record.reply_sha256.hex(),
            "token_sha256": None if record.token_sha256 is None else record.token_sha256.hex(),
            "token_id": _clean(record.token_id),
            "subject": _clean(record.subject),
            "decision": {
                "reason": record.reason,
                "rule": record.rule,
                "policy_version": record.policy_version,
                "sha256": None if record.decision_sha256 is None else record.decision_sha256.hex(),
            },
            "outcome": record.outcome,
            "audit_sha256": record.audit_sha256.hex(),
            "scheme": signer.scheme._value_,
            "signer": signer.name,
            **({} if record.reply_to is None else {"reply_to": record.reply_to}),
        },
        option=orjson.OPT_SORT_KEYS,
    )


def verify(record: bytes, signature: bytes, certificate: bytes) -> Mapping[str, object]:
    """The fields of a record whose signature holds under the certificate (DER), valid at that time.

    Malformed when it is no canonical record, SignerRefused when another certificate signed it or this
    one was not valid then, AlgorithmRefused or SignatureBroken when the signature does not hold.
    Whether the certificate itself is trusted is for the caller to know.
    """
    fields = read(record)
    if fields["signer"] != fingerprint(certificate):
        raise SignerRefused("the evidence names another signer than the certificate given")
    try:
        scheme = Scheme(fields["scheme"])
    except ValueError as error:
        raise AlgorithmRefused("the evidence names no known signature scheme") from error
    signer = load_certificate(certificate)
    at = moment(str(fields["at"]))
    if not signer.not_valid_before_utc <= at <= signer.not_valid_after_utc:
        raise SignerRefused("the certificate of the signer was not valid at the time of the evidence")
    verify_with(usable_key(signer.public_key(), minimum_rsa=2048), scheme, signature, record)
    return fields


def read(record: bytes) -> Mapping[str, object]:
    """The fields of a canonical record; says nothing about its signature."""
    try:
        fields = orjson.loads(record)
    except orjson.JSONDecodeError as error:
        raise Malformed("the evidence record is no JSON") from error
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        raise Malformed(f"the evidence record is not of version {VERSION}")
    if fields.keys() - {"reply_to"} != _KEYS or not isinstance(fields["decision"], dict):
        raise Malformed("the evidence record lacks a field, or has one too many")
    if orjson.dumps(fields, option=orjson.OPT_SORT_KEYS) != record:
        raise Malformed("the evidence record is not in canonical form")
    return fields


def load_certificate(der: bytes) -> x509.Certificate:
    """The certificate; Malformed when the bytes are none."""
    try:
        found = x509.load_der_x509_certificate(der)
        found.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise Malformed("the signer's certificate cannot be read") from error
    return found


def moment(text: str) -> datetime:
    """The time that `instant` wrote."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed("the evidence record has no readable time") from error
    if found.tzinfo is None:
        raise Malformed("the evidence record has a time without zone")
    return found


def _clean(text: str | None) -> str | None:
    """Text that can be written as UTF-8; a token may carry half a surrogate pair."""
    if text is None or text.isprintable():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def digest_of(text: str) -> bytes:
    """SHA-256 of a stored text, as evidence and leaves take it."""
    return sha256(text.encode("utf-8")).digest()


_KEYS = frozenset(
    {
        "version", "trace_id", "at", "environment", "node", "node_certificate_sha256", "transaction",
        "request_sha256", "reply_sha256", "token_sha256", "token_id", "subject", "decision", "outcome",
        "audit_sha256", "scheme", "signer",
    }
)  # fmt: skip
