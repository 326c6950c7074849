"""The sealed tree as it is stored: hashes of any stretch, proofs and frontiers, from few rows (RFC 6962)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, func, insert, select

from gateway.crypto.merkle import (
    Frontier,
    consistency_ranges,
    folded,
    full_ranges,
    full_root,
    inclusion_ranges,
    leaf_hash,
)
from gateway.errors import Defect
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.work import UnitOfWork

STEP = 8
"""Roots are kept at each eighth level: a subtree is made of at most 255 stored ones."""

_LEAF, _NODE = tables.audit_leaf.c, tables.audit_node.c
_INSERT_NODE = insert(tables.audit_node)
_LEAVES = (
    select(_LEAF.leaf)
    .where(_LEAF.position >= bindparam("low"), _LEAF.position < bindparam("high"))
    .order_by(_LEAF.position)
)
_NODES = (
    select(_NODE.hash)
    .where(_NODE.level == bindparam("at"), _NODE.number >= bindparam("low"), _NODE.number < bindparam("high"))
    .order_by(_NODE.number)
)
_KEPT = select(func.max(_NODE.number)).where(_NODE.level == bindparam("at"))


class TreeStore:
    """Reads hashes of the sealed tree. What it gives is to be checked against a signed checkpoint."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def size(self) -> int:
        """How many entries there are."""
        return await self._count(0)

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """The audit path of the entry at `index` in the tree of `size`, leaf side first."""
        return [await self.hash_of(low, high) for low, high in inclusion_ranges(index, size)]

    async def consistency(self, old_size: int, size: int) -> list[bytes]:
        """The proof that the tree of `size` appends to that of `old_size`, which is at least 1."""
        return [await self.hash_of(low, high) for low, high in consistency_ranges(old_size, size)]

    async def frontier(self, size: int) -> Frontier:
        """The frontier of the first `size` entries."""
        roots = [await self._full(low, high) for low, high in full_ranges(0, size)]
        return Frontier(size, tuple(roots))

    async def hash_of(self, low: int, high: int) -> bytes:
        """The tree hash of the entries from `low` up to before `high`."""
        return folded([await self._full(*each) for each in full_ranges(low, high)])

    async def tile(self, work: UnitOfWork, most: int = 16) -> bool:
        """Notes roots of subtrees that became full; tells whether there were any."""
        noted, level = 0, STEP
        while True:
            kept = await self._kept(level)
            below = await self._count(level - STEP)
            full = min(below >> STEP, kept + most)
            for number in range(kept, full):
                root = full_root(await self._below(level, number << STEP, (number + 1) << STEP))
                work.write(_INSERT_NODE, {"level": level, "number": number, "hash": root})
            noted += max(0, full - kept)
            if below >> STEP == 0:
                return noted > 0
            level += STEP

    async def _full(self, low: int, high: int) -> bytes:
        """The root of a full subtree, from the highest level below it that is kept."""
        level = (high - low).bit_length() - 1
        while level >= STEP:
            stored = level - level % STEP
            rows = await self._nodes(stored, low >> stored, high >> stored)
            if len(rows) == (high - low) >> stored:
                return full_root(rows)
            half = (low + high) // 2
            return folded([await self._full(low, half), await self._full(half, high)])
        return full_root(await self._leaves(low, high))

    async def _below(self, level: int, low: int, high: int) -> Sequence[bytes]:
        if level == STEP:
            return await self._leaves(low, high)
        return await self._nodes(level - STEP, low, high)

    async def _leaves(self, low: int, high: int) -> list[bytes]:
        rows = await self._database.fetch(_LEAVES, {"low": low, "high": high})
        if len(rows) != high - low:
            raise Defect(f"entries of the trail between {low} and {high} are gone")
        return [leaf_hash(bytes(row.leaf)) for row in rows]

    async def _nodes(self, level: int, low: int, high: int) -> list[bytes]:
        rows = await self._database.fetch(_NODES, {"at": level, "low": low, "high": high})
        return [bytes(row.hash) for row in rows]

    async def _kept(self, level: int) -> int:
        rows = await self._database.fetch(_KEPT, {"at": level})
        return 0 if rows[0][0] is None else int(rows[0][0]) + 1

    async def _count(self, level: int) -> int:
        """How many entries, or roots of a level, there are."""
        if level:
            return await self._kept(level)
        rows = await self._database.fetch(select(func.max(_LEAF.position)))
        return 0 if rows[0][0] is None else int(rows[0][0]) + 1
