"""A signer, and a small sealed audit trail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from gateway.audit.evidence import EvidenceRecord, digest_of, seal_evidence
from gateway.audit.export import ExportedRow, Header
from gateway.audit.rows import StoredRow
from gateway.audit.sealer import SealedTree, seal
from gateway.crypto.keys import PrivateKey, Signer
from gateway.crypto.merkle import Frontier

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ORIGIN = "audit.example/2.999.1"
BATCH = 5


def signer_of(key: PrivateKey) -> Signer:
    """A signer with a certificate of its own, valid around NOW."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=30))
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Signer.of(key, builder.sign(key, algorithm))


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def signer() -> Signer:
    return signer_of(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="session")
def stranger() -> Signer:
    return signer_of(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="session", params=["P-256", "P-384", "brainpoolP512r1", "Ed25519", "RSA"])
def any_signer(request: pytest.FixtureRequest) -> Signer:
    keys: dict[str, Callable[[], PrivateKey]] = {
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "brainpoolP512r1": lambda: ec.generate_private_key(ec.BrainpoolP512R1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "RSA": lambda: rsa.generate_private_key(65537, 3072),
    }
    return signer_of(keys[request.param]())


def record_of(message: str, **changes: Any) -> EvidenceRecord:
    given: dict[str, Any] = {
        "trace_id": "trace-1",
        "at": NOW,
        "environment": "integration",
        "node": "hospital",
        "node_certificate_sha256": "ab" * 32,
        "transaction": "ITI-18",
        "request_sha256": sha256(b"request").digest(),
        "reply_sha256": sha256(b"reply").digest(),
        "token_sha256": sha256(b"token").digest(),
        "token_id": "_a1",
        "subject": "dr-1",
        "reason": "PERMIT",
        "rule": "P9",
        "policy_version": "2026.1+0",
        "decision_sha256": None,
        "outcome": 0,
        "audit_sha256": digest_of(message),
    }
    return EvidenceRecord(**{**given, **changes})


@pytest.fixture(scope="session")
def record() -> Callable[..., EvidenceRecord]:
    return record_of


def row_of(number: int, signer: Signer) -> StoredRow:
    """An audit row as the pipeline writes it; ids leave gaps, as real ones do."""
    message, decision = f"<AuditMessage n='{number}'/>", f'{{"n":{number}}}'
    at = NOW + timedelta(seconds=number)
    sealed = seal_evidence(
        record_of(message, trace_id=f"trace-{number}", at=at, decision_sha256=digest_of(decision)), signer
    )
    return StoredRow(
        id=1000 + 10 * number,
        at=int(at.timestamp() * 1000),
        trace_id=f"trace-{number}",
        transaction="ITI-18",
        outcome=0,
        message=message,
        evidence=sealed.text,
        evidence_signature=sealed.signature,
        decision=decision,
    )


@dataclass
class Trail:
    """The three tables as lists, to be tampered with."""

    header: Header
    rows: dict[int, StoredRow]
    leaves: list[tuple[int, bytes]]
    trees: list[SealedTree]

    def export(self) -> tuple[Header, list[SealedTree], list[ExportedRow]]:
        """What the exporter reads: leaves joined with rows, then the rows without a leaf."""
        sealed = [
            ExportedRow(audit_id, position, leaf, self.rows.get(audit_id))
            for position, (audit_id, leaf) in enumerate(self.leaves)
        ]
        covered = {audit_id for audit_id, _ in self.leaves}
        rest = [ExportedRow(key, None, None, row) for key, row in self.rows.items() if key not in covered]
        return self.header, self.trees, sealed + rest


@pytest.fixture
def trail(signer: Signer) -> Trail:
    """Twenty rows, sealed in batches of five, and one that is not sealed yet."""
    header = Header(ORIGIN, "integration", (signer.certificate,))
    rows = [row_of(number, signer) for number in range(21)]
    found = Trail(header, {row.id: row for row in rows}, [], [])
    frontier = Frontier()
    for start in range(0, 20, BATCH):
        leaves, tree, frontier = seal(
            rows[start : start + BATCH], frontier, signer, ORIGIN, NOW + timedelta(seconds=start + BATCH)
        )
        found.leaves += [(leaf.audit_id, leaf.leaf) for leaf in leaves]
        found.trees.append(tree)
    return found
