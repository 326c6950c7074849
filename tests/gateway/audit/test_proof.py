"""The proof of one exchange, and each part of it altered (AUD-09)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.audit.checkpoint import make
from gateway.audit.proof import prove, verify_proof
from gateway.crypto.keys import Signer, fingerprint
from gateway.errors import GatewayError, Malformed, SignatureBroken, SignerRefused

POSITION = 7
Fields = dict[str, Any]


@pytest.fixture
def proof(trail: Any, signer: Signer) -> bytes:
    row = trail.rows[trail.leaves[POSITION][0]]
    leaves = [leaf for _, leaf in trail.leaves]
    return prove(row, POSITION, leaves, trail.trees[-1].note, [signer.certificate])


def test_aud_09_a_good_proof(proof: bytes, trail: Any, signer: Signer) -> None:
    proven = verify_proof(proof, trusted={fingerprint(signer.certificate)})
    assert proven.row == trail.rows[trail.leaves[POSITION][0]]
    assert (proven.position, proven.tree.size, proven.tree.root) == (POSITION, 20, trail.trees[-1].root)


def in_evidence(old: str, new: str) -> Callable[[Fields], None]:
    def change(fields: Fields) -> None:
        assert old in fields["row"]["evidence"]
        fields["row"]["evidence"] = fields["row"]["evidence"].replace(old, new)

    return change


def put(*path: str | int, value: Any) -> Callable[[Fields], None]:
    def change(fields: Fields) -> None:
        here: Any = fields
        for step in path[:-1]:
            here = here[step]
        assert here[path[-1]] != value
        here[path[-1]] = value

    return change


ALTERED: dict[str, tuple[Callable[[Fields], None], type[GatewayError], str]] = {
    "request digest": (
        in_evidence('"request_sha256":"', '"request_sha256":"00'),
        SignatureBroken,
        "signature",
    ),
    "response digest": (in_evidence('"reply_sha256":"', '"reply_sha256":"00'), SignatureBroken, "signature"),
    "decision": (in_evidence("PERMIT", "CONSENT"), SignatureBroken, "signature"),
    "decision text": (put("row", "decision", value="{}"), SignatureBroken, "decision"),
    "audit text": (put("row", "message", value="<x/>"), SignatureBroken, "audit message"),
    "time in the evidence": (in_evidence("10:00:07", "11:00:07"), SignatureBroken, "signature"),
    "time of the row": (put("row", "at", value=1), SignatureBroken, "time"),
    "outcome": (put("row", "outcome", value=8), SignatureBroken, "outcome"),
    "trace id": (put("row", "trace_id", value="x"), SignatureBroken, "trace id"),
    "row id": (put("row", "id", value=1), SignatureBroken, "path"),
    "evidence signature": (put("row", "evidence_signature", value="AAAA"), SignatureBroken, "signature"),
    "path": (put("path", 0, value="00" * 32), SignatureBroken, "path"),
    "path cut": (put("path", value=[]), SignatureBroken, "path"),
    "position": (put("position", value=8), SignatureBroken, "path"),
    "position outside": (put("position", value=20), SignatureBroken, "position"),
    "certificates": (put("certificates", value=[]), SignatureBroken, "trusted"),
    "version": (put("version", value=2), Malformed, "version"),
    "certificate no base64": (put("certificates", 0, value="?"), Malformed, "field"),
    "row no row": (put("row", value=[]), Malformed, "field"),
    "checkpoint no note": (put("checkpoint", value="x"), Malformed, "signed note"),
}


@pytest.mark.parametrize("name", ALTERED)
def test_aud_09_each_alteration_is_rejected_with_its_reason(proof: bytes, name: str) -> None:
    change, error, reason = ALTERED[name]
    fields = orjson.loads(proof)
    change(fields)
    with pytest.raises(error) as caught:
        verify_proof(orjson.dumps(fields))
    assert reason in caught.value.detail


def test_aud_09_the_checkpoint_of_another_time_or_signer(proof: bytes, trail: Any, stranger: Signer) -> None:
    fields = orjson.loads(proof)
    earlier = orjson.dumps(fields | {"checkpoint": trail.trees[1].note})
    with pytest.raises(SignatureBroken):
        verify_proof(earlier)
    forged = make("audit.example/2.999.1", 20, trail.trees[-1].root, stranger)
    with pytest.raises(SignerRefused):
        verify_proof(orjson.dumps(fields | {"checkpoint": forged}))


def test_aud_09_a_proof_all_signed_by_somebody_else(proof: bytes) -> None:
    with pytest.raises(SignatureBroken, match="nobody who is trusted"):
        verify_proof(proof, trusted={"00" * 32})


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff"])
def test_what_is_no_proof(data: bytes) -> None:
    with pytest.raises(Malformed):
        verify_proof(data)
