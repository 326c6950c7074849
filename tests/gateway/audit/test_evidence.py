"""Evidence of one exchange, and every way to spoil it (AUD-09)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
import pytest

from gateway.audit.evidence import (
    EvidenceRecord,
    digest_of,
    evidence_bytes,
    instant,
    moment,
    read,
    seal_evidence,
    verify,
)
from gateway.crypto.keys import Signer, fingerprint
from gateway.errors import AlgorithmRefused, Defect, GatewayError, Malformed, SignatureBroken, SignerRefused

Record = Callable[..., EvidenceRecord]


def test_evidence_verifies_with_every_kind_of_key(record: Record, any_signer: Signer) -> None:
    sealed = seal_evidence(record("<x/>"), any_signer)
    fields = verify(sealed.text.encode(), sealed.signature, any_signer.certificate)
    assert fields["transaction"] == "ITI-18"
    assert fields["audit_sha256"] == digest_of("<x/>").hex()
    assert fields["signer"] == fingerprint(any_signer.certificate)


def test_the_form_is_canonical(record: Record, signer: Signer) -> None:
    data = evidence_bytes(record("<x/>"), signer)
    fields = orjson.loads(data)
    assert data == orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    assert list(fields) == sorted(fields)
    assert b" " not in data
    assert fields["at"] == "2026-11-22T10:00:00.000Z"
    assert fields["decision"] == {
        "policy_version": "2026.1+0",
        "reason": "PERMIT",
        "rule": "P9",
        "sha256": None,
    }
    assert fields["request_sha256"] == sha256(b"request").hexdigest()


def test_a_reply_that_leaves_elsewhere_says_so(record: Record, signer: Signer) -> None:
    sealed = seal_evidence(record("<x/>", reply_to="https://kis.example/callback"), signer)
    fields = verify(sealed.text.encode(), sealed.signature, signer.certificate)
    assert fields["reply_to"] == "https://kis.example/callback"
    assert "reply_to" not in read(evidence_bytes(record("<x/>"), signer))


def test_what_is_unknown_is_null(record: Record, signer: Signer) -> None:
    told = record(
        "<x/>",
        reply_sha256=None,
        token_sha256=None,
        token_id=None,
        subject=None,
        reason=None,
        rule=None,
        policy_version=None,
        node_certificate_sha256=None,
    )
    fields = read(evidence_bytes(told, signer))
    assert (fields["reply_sha256"], fields["token_id"], fields["subject"]) == (None, None, None)


SPOILT: dict[str, Any] = {
    "request_sha256": "00" * 32,
    "reply_sha256": "00" * 32,
    "audit_sha256": "00" * 32,
    "token_sha256": None,
    "token_id": "_b2",
    "subject": "dr-2",
    "node": "other",
    "node_certificate_sha256": "00" * 32,
    "environment": "prod",
    "transaction": "ITI-43",
    "trace_id": "t",
    "outcome": 4,
    "at": "2026-11-22T10:00:01.000Z",
    "decision": {"reason": "CONSENT", "rule": "P3", "policy_version": "2026.1+0", "sha256": None},
}


@pytest.mark.parametrize("name", SPOILT)
def test_aud_09_a_changed_field_breaks_the_signature(record: Record, signer: Signer, name: str) -> None:
    sealed = seal_evidence(record("<x/>"), signer)
    fields = orjson.loads(sealed.text)
    assert fields[name] != SPOILT[name]
    data = orjson.dumps(fields | {name: SPOILT[name]}, option=orjson.OPT_SORT_KEYS)
    with pytest.raises(SignatureBroken):
        verify(data, sealed.signature, signer.certificate)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"scheme": "none"}, AlgorithmRefused),
        ({"scheme": "ed25519"}, AlgorithmRefused),
        ({"signer": "00" * 32}, SignerRefused),
        ({"version": 2}, Malformed),
        ({"extra": 1}, Malformed),
        ({"decision": None}, Malformed),
        ({"at": "yesterday"}, Malformed),
        ({"at": "2026-11-22T10:00:00"}, Malformed),
    ],
)
def test_aud_09_other_changes(
    record: Record, signer: Signer, change: dict[str, Any], error: type[GatewayError]
) -> None:
    sealed = seal_evidence(record("<x/>"), signer)
    data = orjson.dumps(orjson.loads(sealed.text) | change, option=orjson.OPT_SORT_KEYS)
    with pytest.raises(error):
        verify(data, sealed.signature, signer.certificate)


def test_aud_09_another_certificate(record: Record, signer: Signer, stranger: Signer) -> None:
    sealed = seal_evidence(record("<x/>"), signer)
    with pytest.raises(SignerRefused):
        verify(sealed.text.encode(), sealed.signature, stranger.certificate)
    with pytest.raises(SignerRefused):
        verify(sealed.text.encode(), sealed.signature, b"no certificate")


def test_aud_09_every_bit_of_the_signature_counts(record: Record, signer: Signer) -> None:
    sealed = seal_evidence(record("<x/>"), signer)
    for position in (0, 31, 32, 63):
        broken = bytearray(sealed.signature)
        broken[position] ^= 1
        with pytest.raises(SignatureBroken):
            verify(sealed.text.encode(), bytes(broken), signer.certificate)
    with pytest.raises(SignatureBroken):
        verify(sealed.text.encode(), b"", signer.certificate)


@pytest.mark.parametrize("days", [-31, 31])
def test_the_certificate_must_have_been_valid_then(
    record: Record, signer: Signer, now: datetime, days: int
) -> None:
    sealed = seal_evidence(record("<x/>", at=now + timedelta(days=days)), signer)
    with pytest.raises(SignerRefused):
        verify(sealed.text.encode(), sealed.signature, signer.certificate)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b" ",
        lambda data: data.replace(b'"node"', b'"node" '),
        lambda data: data.replace(b'{"at"', b'{"outcome":0,"at"', 1),
        lambda _: b"[]",
        lambda _: b"\xff",
        lambda _: b"",
    ],
)
def test_another_form_is_malformed(record: Record, signer: Signer, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Malformed):
        read(change(evidence_bytes(record("<x/>"), signer)))


def test_half_a_surrogate_pair_in_a_token_does_not_stop_the_evidence(record: Record, signer: Signer) -> None:
    sealed = seal_evidence(record("<x/>", subject="dr\ud800", token_id="t\udfff"), signer)
    fields = verify(sealed.text.encode(), sealed.signature, signer.certificate)
    assert (fields["subject"], fields["token_id"]) == ("dr?", "t?")


def test_times() -> None:
    with pytest.raises(Defect):
        instant(datetime(2026, 11, 22))  # noqa: DTZ001 - the mistake under test
    assert instant(moment("2026-11-22T12:00:00.5+02:00")) == "2026-11-22T10:00:00.500Z"
