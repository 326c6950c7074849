"""What is sealed, and the entry it gives to the Merkle tree (RFC 6962 section 2.1): audit rows and blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import orjson

from gateway.audit.evidence import digest_of
from gateway.crypto.merkle import tree_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """One row of the table `audit`. `at` is milliseconds since 1970 in UTC; `outcome` 0, 4, 8 or 12."""

    id: int
    at: int
    trace_id: str
    transaction: str
    outcome: int
    message: str
    evidence: str
    evidence_signature: bytes
    decision: str | None = None

    @property
    def message_sha256(self) -> bytes:
        """The digest of the audit message."""
        return digest_of(self.message)

    @property
    def decision_sha256(self) -> bytes | None:
        """The digest of the decision receipt."""
        return None if self.decision is None else digest_of(self.decision)

    def hashed(self) -> HashedRow:
        """The row without what it tells of persons."""
        return HashedRow(
            id=self.id,
            at=self.at,
            trace_id=self.trace_id,
            transaction=self.transaction,
            outcome=self.outcome,
            message_sha256=self.message_sha256,
            evidence=self.evidence,
            evidence_signature=self.evidence_signature,
            decision_sha256=self.decision_sha256,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedRow:
    """A row whose message and decision are given by their digests only; it is verified all the same."""

    id: int
    at: int
    trace_id: str
    transaction: str
    outcome: int
    message_sha256: bytes
    evidence: str
    evidence_signature: bytes
    decision_sha256: bytes | None = None


AnyRow = StoredRow | HashedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One row of the table `event_block` without its body; `root` is the tree hash of its messages."""

    id: int
    trail: int
    slot: int
    at: int
    count: int
    root: bytes


def leaf_of(sealed: AnyRow | Block) -> bytes:
    """The entry of a row: SHA-256 over canonical JSON of id, at and the hashes of message and evidence.

    What the row says besides stands in the signed evidence, which the entry covers. That of a block: over
    id, trail, slot, count and root.
    """
    if isinstance(sealed, Block):
        return _entry(
            {
                "id": sealed.id,
                "trail": sealed.trail,
                "slot": sealed.slot,
                "count": sealed.count,
                "root": sealed.root.hex(),
            }
        )
    return _entry(
        {
            "id": sealed.id,
            "at": sealed.at,
            "message_sha256": sealed.message_sha256.hex(),
            "evidence_sha256": digest_of(sealed.evidence).hex(),
        }
    )


def root_of(messages: Sequence[bytes]) -> bytes:
    """The root of a block: the tree hash over its messages as they were received."""
    return tree_hash(messages)


def _entry(fields: dict[str, object]) -> bytes:
    return sha256(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)).digest()
