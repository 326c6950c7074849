"""A stored audit row, and the entry it gives to the Merkle tree (RFC 6962 section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import orjson

from gateway.audit.evidence import digest_of


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


def leaf_of(row: StoredRow) -> bytes:
    """The entry of a row: SHA-256 over canonical JSON of id, at and the hashes of message and evidence.

    What the row says besides stands in the signed evidence, which the entry covers.
    """
    text = orjson.dumps(
        {
            "id": row.id,
            "at": row.at,
            "message_sha256": digest_of(row.message).hex(),
            "evidence_sha256": digest_of(row.evidence).hex(),
        },
        option=orjson.OPT_SORT_KEYS,
    )
    return sha256(text).digest()
