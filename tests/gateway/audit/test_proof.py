"""The evidence of one exchange with a real stamp and a witness, and each part of it altered (AUD-09)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.checkpoint import make
from gateway.audit.cosignature import read_key
from gateway.audit.export import Header
from gateway.audit.proof import Grounds, Placed, Trusted, is_proof, prove, verify_proof
from gateway.crypto.keys import Signer, fingerprint
from gateway.crypto.merkle import inclusion_proof
from gateway.crypto.stamp import ask
from gateway.errors import GatewayError, Malformed
from tests.tsa import Tsa
from tests.witness import cosign, verifier_key

POSITION = 7
Fields = dict[str, Any]
WITNESS = Ed25519PrivateKey.generate()
NAME = "witness.example/w1"


def token_of(tsa: Tsa, note: str) -> bytes:
    """As the keeper stores it; its time is of today, and the rows of the trail are older."""
    from gateway.crypto.stamp import accept  # noqa: PLC0415

    tsa.mode = "good"
    asked = ask(note.encode())
    now = datetime.now(UTC)
    return accept(tsa.reply(asked.request), asked, tsa.authorities, now, now - now.replace(year=2000))[0]


@pytest.fixture
def proof(trail: Any, signer: Signer, tsa: Tsa) -> bytes:
    header: Header = trail.header
    leaves = [leaf for _, leaf in trail.leaves]
    note = trail.trees[-1].note
    rows = [
        Placed(replace(trail.rows[trail.leaves[at][0]]), at, inclusion_proof(leaves, at))
        for at in (POSITION,)
    ]
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    grounds = Grounds(
        origin=header.origin,
        environment=header.environment,
        note=note,
        certificates=[signer.certificate],
        token=token_of(tsa, note),
        authorities=[each.public_bytes(Encoding.DER) for each in tsa.authorities],
        cosignatures=[cosign(WITNESS, NAME, note, 1_790_000_000)],
    )
    return prove(f"trace-{POSITION}", rows, grounds)


def test_aud_09_good_evidence(proof: bytes, trail: Any, signer: Signer, tsa: Tsa) -> None:
    key = read_key(verifier_key(WITNESS, NAME))
    signers = {fingerprint(signer.certificate)}
    brought = Trusted(
        signers=signers, authorities=tsa.authorities, witnesses=[key], request=b"request", reply=b"reply"
    )
    for trusted in (None, brought):
        proven = verify_proof(proof, trusted)
        assert proven.rows == (trail.rows[trail.leaves[POSITION][0]],)
        assert (proven.positions, proven.tree.size) == ((POSITION,), 20)
        assert (proven.trace_id, proven.signers) == (f"trace-{POSITION}", tuple(signers))
        assert proven.stamped is not None
        assert abs((proven.stamped - datetime.now(UTC)).total_seconds()) < 60
    assert proven.witnesses == (NAME,)
    assert is_proof(proof)
    assert not is_proof(b'{"type":"header"}')


def put(*path: str | int, value: Any) -> Callable[[Fields], None]:
    def change(fields: Fields) -> None:
        here: Any = fields
        for step in path[:-1]:
            here = here[step]
        assert here[path[-1]] != value
        here[path[-1]] = value

    return change


def in_evidence(old: str, new: str) -> Callable[[Fields], None]:
    def change(fields: Fields) -> None:
        row = fields["rows"][0]["row"]
        assert old in row["evidence"]
        row["evidence"] = row["evidence"].replace(old, new)

    return change


def bent(*path: str | int) -> Callable[[Fields], None]:
    """Some octets of a value in base64 changed."""

    def change(fields: Fields) -> None:
        here: Any = fields
        for step in path[:-1]:
            here = here[step]
        text = here[path[-1]]
        middle = len(text) // 2
        here[path[-1]] = text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]

    return change


OTHER = sha256(b"other").hexdigest()
ROW = ("rows", 0)
ALTERED: dict[str, tuple[Callable[[Fields], None], str]] = {
    "request digest": (put(*ROW, "request_sha256", value=OTHER), "request_sha256: it is not that of"),
    "response digest": (put(*ROW, "reply_sha256", value=OTHER), "reply_sha256: it is not that of"),
    "token digest": (put(*ROW, "token_sha256", value=OTHER), "token_sha256: it is not that of"),
    "signed digest": (in_evidence('"reply_sha256":"', '"reply_sha256":"00'), "evidence: the signature value"),
    "path": (put(*ROW, "path", 2, "hash", value=OTHER), "path: the inclusion path does not lead to the root"),
    "position": (put(*ROW, "position", value=POSITION + 1), "position: the path does not lead there"),
    "far position": (put(*ROW, "position", value=99), "position: the path does not lead there"),
    "time of the row": (put(*ROW, "row", "at", value=1), "evidence: the time is not that of the evidence"),
    "time stamp": (bent("stamp"), "stamp: "),
    "no time stamp": (put("stamp", value=None), "stamp: its authorities are there, and it is gone"),
    "certificate": (bent("certificates", 0), "certificate: |checkpoint: the checkpoint is signed by nobody"),
    "no certificate": (put("certificates", value=[]), "certificate: none of those"),
    "decision": (put(*ROW, "row", "decision", value="{}"), "evidence: the decision is not that"),
    "audit message": (put(*ROW, "row", "message", value="<A/>"), "evidence: the audit message is not that"),
    "trace id": (put("trace_id", value="trace-8"), "trace id: the row is of another exchange"),
    "trace id of the row": (put(*ROW, "row", "trace_id", value="trace-8"), "evidence: the trace id"),
    "outcome": (put(*ROW, "row", "outcome", value=8), "evidence: the outcome is not that"),
    "transaction": (put(*ROW, "row", "transaction", value="ITI-43"), "evidence: the transaction is not that"),
    "signature": (bent(*ROW, "row", "evidence_signature"), "evidence: the signature value does not fit"),
    "row id": (put(*ROW, "row", "id", value=7), "path: the inclusion path does not lead to the root"),
    "environment": (put("environment", value="prod"), "origin: the evidence is of another log"),
    "origin": (put("origin", value="audit.example/other"), "origin: the evidence is of another log"),
}


@pytest.mark.parametrize("name", ALTERED)
def test_aud_09_each_alteration_has_its_reason(proof: bytes, name: str) -> None:
    change, reason = ALTERED[name]
    fields = orjson.loads(proof)
    change(fields)
    with pytest.raises(GatewayError, match=rf"^({reason})"):
        verify_proof(orjson.dumps(fields))


def test_aud_09_another_checkpoint(proof: bytes, stranger: Signer, trail: Any) -> None:
    fields = orjson.loads(proof)
    size, origin = trail.trees[-1].size, trail.header.origin
    fields["checkpoint"] = make(origin, size, bytes(32), stranger)
    with pytest.raises(GatewayError, match=r"^checkpoint: the checkpoint is signed by nobody"):
        verify_proof(orjson.dumps(fields))
    fields["checkpoint"] = orjson.loads(proof)["checkpoint"].replace("\n20\n", "\n21\n")
    with pytest.raises(GatewayError, match=r"^checkpoint: the signature value does not fit"):
        verify_proof(orjson.dumps(fields))


def test_aud_09_an_older_checkpoint_has_another_stamp(proof: bytes, trail: Any) -> None:
    fields = orjson.loads(proof)
    fields["checkpoint"] = trail.trees[1].note
    with pytest.raises(GatewayError, match=r"^(position|path): "):
        verify_proof(orjson.dumps(fields))


def test_other_octets_of_request_and_reply(proof: bytes) -> None:
    with pytest.raises(GatewayError, match=r"^request_sha256: the file that was given"):
        verify_proof(proof, Trusted(request=b"other"))
    with pytest.raises(GatewayError, match=r"^reply_sha256: the file that was given"):
        verify_proof(proof, Trusted(reply=b"other"))


def test_somebody_who_is_not_trusted(proof: bytes, stranger: Signer, tmp_path_factory: Any) -> None:
    with pytest.raises(GatewayError, match=r"^certificate: none of those"):
        verify_proof(proof, Trusted(signers={fingerprint(stranger.certificate)}))
    other = Tsa.create(tmp_path_factory.mktemp("other"))
    with pytest.raises(GatewayError, match=r"^stamp: "):
        verify_proof(proof, Trusted(authorities=other.authorities))
    absent = read_key(verifier_key(Ed25519PrivateKey.generate(), NAME))
    with pytest.raises(GatewayError, match=rf"^cosignature of {NAME}: "):
        verify_proof(proof, Trusted(witnesses=[absent]))


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", b'{"version": 9}', b'{"type": "passerelle-evidence", "version": 2}'],
)
def test_what_is_no_evidence(data: bytes) -> None:
    with pytest.raises(Malformed):
        verify_proof(data)


@pytest.mark.parametrize(
    "change",
    [
        put("rows", value=[]),
        put(*ROW, "position", value="x"),
        put(*ROW, "path", value=[1]),
        put("certificates", value=["?"]),
        put("stamp", value="?"),
        put("stamp_authorities", value=[b64encode(b"none").decode()]),
    ],
)
def test_evidence_in_another_form(proof: bytes, change: Callable[[Fields], None]) -> None:
    fields = orjson.loads(proof)
    change(fields)
    with pytest.raises(GatewayError):
        verify_proof(orjson.dumps(fields))
