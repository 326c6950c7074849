"""Seals stored audit rows and blocks: entries of the Merkle tree, a signed checkpoint a batch (RFC 6962)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from gateway.audit import checkpoint
from gateway.audit.rows import Block, StoredRow, leaf_of
from gateway.crypto.keys import Signer
from gateway.crypto.merkle import Frontier
from gateway.errors import Defect


@dataclass(frozen=True, slots=True)
class Leaf:
    """One row of the table `audit_leaf`; `position` counts from 0, `audit_id` is that of a row or a block."""

    position: int
    audit_id: int
    leaf: bytes


@dataclass(frozen=True, slots=True)
class SealedTree:
    """One row of the table `audit_checkpoint`; `at` is milliseconds since 1970 in UTC."""

    size: int
    root: bytes
    note: str
    at: int


def seal(
    rows: Sequence[StoredRow | Block], frontier: Frontier, signer: Signer, origin: str, now: datetime
) -> tuple[tuple[Leaf, ...], SealedTree, Frontier]:
    """Append the rows, in their order, and sign the tree they give.

    `frontier` is that of the last checkpoint. Rows must be new and, within the batch, in ascending order
    of id: an exchange of two rows shows by that order even to who changed both table and tree.
    """
    if any(later.id <= earlier.id for earlier, later in pairwise(rows)):
        raise Defect("audit rows must be sealed in ascending order of their id")
    entries = [leaf_of(row) for row in rows]
    grown = frontier.extended(entries)
    leaves = tuple(
        Leaf(frontier.size + offset, row.id, entry)
        for offset, (row, entry) in enumerate(zip(rows, entries, strict=True))
    )
    note = checkpoint.make(origin, grown.size, grown.root, signer)
    return leaves, SealedTree(grown.size, grown.root, note, int(now.timestamp() * 1000)), grown


def frontier_of(leaves: Sequence[bytes]) -> Frontier:
    """The frontier over all stored entries in order of position: how a restart finds its place."""
    return Frontier().extended(leaves)
