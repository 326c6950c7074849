"""What retention needs of the trail: places in the tree, what is over, holds, records of erasure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from gateway.stores import tables
from gateway.stores.database import Database

_LEAF, _TREE = tables.audit_leaf.c, tables.audit_checkpoint.c


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a row or a block stands in the tree."""

    position: int
    leaf: bytes


class RetentionStore:
    """Reads at once; changes are noted in a unit of work."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def leaves(self, keys: Sequence[int]) -> dict[int, Leaf]:
        """The leaves of rows or blocks by their ids; what is not sealed yet has none."""
        query = select(_LEAF.audit_id, _LEAF.position, _LEAF.leaf).where(_LEAF.audit_id.in_(keys))
        rows = await self._database.fetch(query)
        return {row.audit_id: Leaf(row.position, bytes(row.leaf)) for row in rows}

    async def checkpoint_over(self, position: int) -> tuple[int, str] | None:
        """Size and note of the first checkpoint that covers a position."""
        query = select(_TREE.size, _TREE.note).where(_TREE.size > position).order_by(_TREE.size).limit(1)
        rows = await self._database.fetch(query)
        return (rows[0].size, rows[0].note) if rows else None
