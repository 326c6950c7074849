"""The proof that one checkpoint appends to another, as a file."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.audit.checkpoint import make
from gateway.audit.consistency import ConsistencyProof, is_consistency
from gateway.crypto.keys import Signer, fingerprint
from gateway.crypto.merkle import consistency_proof
from gateway.errors import GatewayError, Malformed, SignatureBroken, SignerRefused


@pytest.fixture
def proof(trail: Any) -> ConsistencyProof:
    path = consistency_proof([leaf for _, leaf in trail.leaves], 10)
    return ConsistencyProof(trail.trees[1].note, trail.trees[-1].note, path)


def test_a_proof_is_written_and_verified_elsewhere(proof: ConsistencyProof, signer: Signer) -> None:
    data = proof.write([signer.certificate])
    assert is_consistency(data)
    found, certificates = ConsistencyProof.read(data, {fingerprint(signer.certificate)})
    old, new = found.verify(certificates)
    assert (old.size, new.size) == (10, 20)
    assert ConsistencyProof.read(data, {"00"})[1] == []


def test_what_does_not_append(proof: ConsistencyProof, signer: Signer, stranger: Signer, trail: Any) -> None:
    known = [signer.certificate]
    for path in (proof.path[1:], [*proof.path, bytes(32)], [bytes(32), *proof.path[1:]]):
        with pytest.raises(SignatureBroken):
            ConsistencyProof(proof.old, proof.new, path).verify(known)
    with pytest.raises(SignatureBroken):
        ConsistencyProof(proof.new, proof.old, proof.path).verify(known)
    other = make(trail.header.origin, 10, bytes(32), signer)
    with pytest.raises(SignatureBroken):
        ConsistencyProof(other, proof.new, proof.path).verify(known)
    foreign = make("audit.example/other", 10, trail.trees[1].root, signer)
    with pytest.raises(SignerRefused, match="two logs"):
        ConsistencyProof(foreign, proof.new, proof.path).verify(known)
    with pytest.raises(SignerRefused):
        proof.verify([stranger.certificate])


@pytest.mark.parametrize("change", [{"version": 2}, {"path": ["x"]}, {"path": 1}, {"certificates": 1}])
def test_what_is_no_proof(proof: ConsistencyProof, signer: Signer, change: dict[str, Any]) -> None:
    fields = orjson.loads(proof.write([signer.certificate]))
    with pytest.raises(Malformed):
        ConsistencyProof.read(orjson.dumps({**fields, **change}))
    with pytest.raises(GatewayError):
        ConsistencyProof.read(b"{")
