"""Checkpoints are submitted to a witness that implements the protocol by itself (C2SP tlog-witness)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.audit.checkpoint import make
from gateway.audit.cosignature import found_in, read_key
from gateway.client.posting import LARGEST, post
from gateway.client.stamps import fetch_stamp
from gateway.client.witness import SizeDiffers, add_checkpoint
from gateway.crypto import pki
from gateway.crypto.keys import Signer
from gateway.crypto.merkle import consistency_proof, tree_hash
from gateway.errors import Busy, SignatureBroken, TooLarge
from tests.tsa import Tsa
from tests.witness import Witness

LEAVES = [sha256(b"%d" % number).digest() for number in range(40)]
ORIGIN = "audit.example/2.999.1"


@pytest.fixture(scope="module")
def signer() -> Signer:
    key, now = pki.create_key(), datetime.now(UTC)
    authority = pki.create_authority("Test", "integration", now)
    return Signer.of(key, pki.issue_signer(authority, "log", key.public_key(), now))


@pytest.fixture
def witness(signer: Signer) -> Iterator[Witness]:
    key = signer.key.public_key()  # type: ignore[attr-defined]
    assert isinstance(key, ec.EllipticCurvePublicKey)
    with Witness({ORIGIN: key}).serving() as serving:
        yield serving


def note_of(signer: Signer, size: int, root: bytes | None = None) -> str:
    return make(ORIGIN, size, tree_hash(LEAVES[:size]) if root is None else root, signer)


def submit(witness: Witness, old: int, proof: list[bytes], note: str) -> str:
    return asyncio.run(add_checkpoint(f"{witness.url}/", old, proof, note, 5.0))


def test_a_witness_cosigns_what_grew(witness: Witness, signer: Signer) -> None:
    key = read_key(witness.verifier)
    first, then = note_of(signer, 7), note_of(signer, 40)
    assert found_in(submit(witness, 0, [], first), first, key)[1] > 0
    assert found_in(submit(witness, 7, consistency_proof(LEAVES, 7), then), then, key)[1] > 0
    assert found_in(submit(witness, 40, [], then), then, key)[1] > 0


def test_a_witness_refuses_what_was_rolled_back_or_made_anew(witness: Witness, signer: Signer) -> None:
    submit(witness, 0, [], note_of(signer, 20))
    with pytest.raises(SizeDiffers) as told:
        submit(witness, 0, [], note_of(signer, 7))
    assert told.value.size == 20
    with pytest.raises(SignatureBroken, match="did not only grow"):
        submit(witness, 20, consistency_proof(LEAVES, 20), note_of(signer, 40, bytes(32)))
    with pytest.raises(SignatureBroken):
        submit(witness, 20, [], note_of(signer, 20, bytes(32)))
    with pytest.raises(Busy, match="HTTP 400"):
        submit(witness, 20, [], note_of(signer, 7))


def test_a_witness_that_does_not_know_us(witness: Witness, signer: Signer) -> None:
    witness.logs.clear()
    with pytest.raises(Busy, match="HTTP 404"):
        submit(witness, 0, [], note_of(signer, 7))
    witness.down = True
    with pytest.raises(Busy, match="HTTP 503"):
        submit(witness, 0, [], note_of(signer, 7))
    with pytest.raises(Busy, match="no answer"):
        asyncio.run(add_checkpoint("http://127.0.0.1:9", 0, [], note_of(signer, 7), 2.0))


def test_an_answer_that_is_too_long_is_not_read(tsa: Tsa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tsa, "reply", lambda _query: b"x" * (LARGEST + 1))
    with pytest.raises(TooLarge):
        asyncio.run(fetch_stamp(tsa.url, b"", 5.0))
    monkeypatch.setattr(tsa, "mode", "slow")
    with pytest.raises(Busy, match="Timeout"):
        asyncio.run(post(tsa.url, b"", "text/plain", 0.2))
