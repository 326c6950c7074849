"""The append-only audit trail, its seals, and the memory of messages seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, delete, insert, select, text

from gateway.errors import GatewayError, Outdated
from gateway.stores import tables
from gateway.stores.database import Database, Rows
from gateway.stores.work import UnitOfWork

_FRONTIER = "audit-frontier"
_INDEXED = "audit-indexed"
_KEEP = text(
    "INSERT INTO meta (name, value) VALUES (:name, :value)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_BLOCK = tuple(each for each in tables.event_block.c if each.name != "body")
_BEGIN = text("INSERT INTO meta (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING")
_MOVE = text("UPDATE meta SET value = :value WHERE name = :name AND value = :known")
_INSERT_AUDIT = insert(tables.audit)
_INSERT_SEEN = insert(tables.seen_message)
_INSERT_LEAF = insert(tables.audit_leaf)
_INSERT_CHECKPOINT = insert(tables.audit_checkpoint)


class AuditRow(NamedTuple):
    """One audit message with the evidence of its exchange."""

    trace_id: str
    at: datetime
    transaction: str
    outcome: int
    message: str
    evidence: str
    evidence_signature: bytes
    decision: str | None


_ROWS = select(tables.audit).where(tables.audit.c.id.in_(bindparam("keys", expanding=True)))
_AT_ONCE = 64
_SEEN = select(tables.seen_message.c.digest, tables.seen_message.c.answer).where(
    tables.seen_message.c.sender == bindparam("sender"),
    tables.seen_message.c.message_id == bindparam("message_id"),
)


class Journal:
    """Notes audit rows in a unit of work, reads them for sealing and proof."""

    def __init__(self, database: Database, new_key: Callable[[], int]) -> None:
        self._database = database
        self._new_key = new_key

    def append(self, work: UnitOfWork, row: AuditRow) -> int:
        """Notes an audit row; gives its id."""
        key = self._new_key()
        values = {
            "id": key,
            "at": _ms(row.at),
            "trace_id": row.trace_id,
            "transaction": row.transaction,
            "outcome": row.outcome,
            "message": row.message,
            "evidence": row.evidence,
            "evidence_signature": row.evidence_signature,
            "decision": row.decision,
        }
        work.record(_INSERT_AUDIT, values)
        return key

    async def seen(self, sender: str, message_id: str) -> tuple[bytes, bytes | None] | None:
        """(digest, stored answer) of a message of this sender that was already taken."""
        rows = await self._database.fetch(_SEEN, {"sender": sender, "message_id": message_id})
        return (rows[0].digest, rows[0].answer) if rows else None

    def remember(
        self,
        work: UnitOfWork,
        *,
        sender: str,
        message_id: str,
        digest: bytes,
        expires: datetime,
        answer: bytes | None,
        otherwise: GatewayError,
    ) -> None:
        """Notes a message so that it is taken once; `otherwise` is raised if it was taken meanwhile."""
        row = {
            "sender": sender,
            "message_id": message_id,
            "expires_at": _ms(expires),
            "digest": digest,
            "answer": answer,
        }
        work.record(_INSERT_SEEN, row, clash=otherwise)

    def forget(self, work: UnitOfWork, now: datetime) -> None:
        """Notes the removal of messages whose window is over."""
        work.write(delete(tables.seen_message).where(tables.seen_message.c.expires_at < _ms(now)))

    async def left_out(self, first: int, until: int) -> bool:
        """Whether a row or a block with an id from `first` up to before `until` has no leaf."""
        leaf = tables.audit_leaf
        for table in (tables.audit, tables.event_block):
            query = (
                select(table.c.id)
                .outerjoin(leaf, leaf.c.audit_id == table.c.id)
                .where(table.c.id >= first, table.c.id < until, leaf.c.audit_id.is_(None))
                .limit(1)
            )
            if await self._database.fetch(query):
                return True
        return False

    async def unsealed(self, since: int, limit: int) -> Rows:
        """Audit rows with an id from `since` on that no leaf covers yet, oldest first."""
        leaf = tables.audit_leaf
        query = (
            select(tables.audit)
            .outerjoin(leaf, leaf.c.audit_id == tables.audit.c.id)
            .where(tables.audit.c.id >= since, leaf.c.audit_id.is_(None))
            .order_by(tables.audit.c.id)
            .limit(limit)
        )
        return await self._database.fetch(query)

    async def unsealed_blocks(self, since: int, limit: int) -> Rows:
        """Blocks with an id from `since` on that no leaf covers yet, oldest first, without their bodies."""
        leaf = tables.audit_leaf
        query = (
            select(*_BLOCK)
            .outerjoin(leaf, leaf.c.audit_id == tables.event_block.c.id)
            .where(tables.event_block.c.id >= since, leaf.c.audit_id.is_(None))
            .order_by(tables.event_block.c.id)
            .limit(limit)
        )
        return await self._database.fetch(query)

    async def blocks(self, keys: Sequence[int]) -> Rows:
        """Blocks by their ids, without their bodies."""
        if not keys:
            return ()
        return await self._database.fetch(select(*_BLOCK).where(tables.event_block.c.id.in_(keys)))

    async def frontier(self) -> str | None:
        """The frontier of the sealed tree as it was written with the last seal."""
        rows = await self._database.fetch(select(tables.meta.c.value).where(tables.meta.c.name == _FRONTIER))
        return rows[0].value if rows else None

    def keep_frontier(self, work: UnitOfWork, value: str) -> None:
        """Notes the frontier beside the leaves it belongs to."""
        work.write(_KEEP, {"name": _FRONTIER, "value": value})

    async def indexed(self) -> int:
        """The position in the tree from which on rows are not findable yet."""
        rows = await self._database.fetch(select(tables.meta.c.value).where(tables.meta.c.name == _INDEXED))
        return int(rows[0].value) if rows else 0

    def keep_indexed(self, work: UnitOfWork, position: int, known: int | None = None) -> None:
        """Notes how far rows are findable, beside what they are found by.

        The commit raises Outdated when that is not what was `known` any more.
        """
        if known is None:
            work.write(_KEEP, {"name": _INDEXED, "value": str(position)})
            return
        moved = Outdated("the trail is to be indexed from another place")
        values = {"name": _INDEXED, "value": str(position), "known": str(known)}
        work.write(_BEGIN, {"name": _INDEXED, "value": "0"})
        work.write(_MOVE, values, otherwise=moved, expect=1)

    def seal(self, work: UnitOfWork, leaves: Sequence[tuple[int, int, bytes]]) -> None:
        """Notes leaves (position, audit id, hash)."""
        rows = [{"position": at, "audit_id": key, "leaf": leaf} for at, key, leaf in leaves]
        work.write(_INSERT_LEAF, *rows)

    def checkpoint(self, work: UnitOfWork, size: int, root: bytes, note: str, at: datetime) -> None:
        """Notes a signed checkpoint."""
        work.write(_INSERT_CHECKPOINT, {"size": size, "root": root, "note": note, "at": _ms(at)})

    async def sealed_rows(self, start: int, limit: int) -> Rows:
        """Audit rows in tree order, from a position."""
        leaf, row = tables.audit_leaf, tables.audit
        query = (
            select(leaf.c.position, leaf.c.leaf, leaf.c.audit_id, *row.c)
            .outerjoin(row, row.c.id == leaf.c.audit_id)
            .where(leaf.c.position >= start)
            .order_by(leaf.c.position)
            .limit(limit)
        )
        return await self._database.fetch(query)

    async def checkpoints(self, since: int = 0, limit: int | None = None) -> Rows:
        """Checkpoints of a size from `since` on, oldest first."""
        tree = tables.audit_checkpoint
        query = select(tree).where(tree.c.size >= since).order_by(tree.c.size).limit(limit)
        return await self._database.fetch(query)

    async def checkpoint_before(
        self, *, size: int | None = None, at: datetime | None = None
    ) -> Row[Any] | None:
        """The newest checkpoint of at most a size, made before a moment."""
        tree = tables.audit_checkpoint
        query = select(tree).order_by(tree.c.size.desc()).limit(1)
        if size is not None:
            query = query.where(tree.c.size <= size)
        if at is not None:
            query = query.where(tree.c.at < _ms(at))
        rows = await self._database.fetch(query)
        return rows[0] if rows else None

    async def places(self, keys: Sequence[int]) -> dict[int, int]:
        """The positions in the tree of rows or blocks, by their ids."""
        leaf = tables.audit_leaf.c
        rows = await self._database.fetch(select(leaf.audit_id, leaf.position).where(leaf.audit_id.in_(keys)))
        return {row.audit_id: row.position for row in rows}

    async def decided(self, since: int, limit: int) -> Rows:
        """Decision receipts of audit rows with an id from `since` on, oldest first."""
        row = tables.audit.c
        query = (
            select(row.id, row.trace_id, row.decision)
            .where(row.id >= since, row.decision.is_not(None))
            .order_by(row.id)
            .limit(limit)
        )
        return await self._database.fetch(query)

    async def rows(self, keys: Sequence[int]) -> Rows:
        """Audit rows by their ids."""
        found: list[Row[Any]] = []
        for start in range(0, len(keys), _AT_ONCE):
            chunk = list(keys[start : start + _AT_ONCE])
            # The last one repeated: few lengths of lists, few statements to prepare.
            chunk += chunk[-1:] * (-len(chunk) % 8)
            found += await self._database.fetch(_ROWS, {"keys": chunk})
        return found

    async def trace(self, trace_id: str) -> Rows:
        """The audit rows of one exchange."""
        return await self._database.fetch(select(tables.audit).where(tables.audit.c.trace_id == trace_id))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
