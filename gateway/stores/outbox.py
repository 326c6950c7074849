"""Replies that leave later: kept sealed until the partner has taken them (ITI TF-2 Appendix V.5).

A row is due at its `next_attempt`. Who takes it moves that time past the longest attempt, and so holds a
lease: if he dies, the row becomes due again by itself. Replies to one address of one node keep their order.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, delete, func, insert, select, update

from gateway.crypto import envelope
from gateway.errors import Busy, ReplyUndeliverable
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.work import UnitOfWork

_LARGE = 1024 * 1024
"""Octets from which a reply is sealed and opened in another thread, so that it holds nobody up."""
_TABLE = tables.outbox
_C = tables.outbox.c
_INSERT = insert(_TABLE)


@dataclass(frozen=True, slots=True)
class Due:
    """The first reply to one address of one node, and its time has come."""

    key: int
    node: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A claimed reply, still sealed: how often it was tried (this time included), until when it is tried."""

    key: int
    claim: str
    node: str
    address: str
    trace_id: str
    transaction: str
    content_type: str
    attempts: int
    expires: datetime
    wrapped: bytes
    body: bytes


class Outbox:
    """Notes replies in a unit of work; hands out those that are due, each to one taker."""

    def __init__(
        self,
        database: Database,
        keys: envelope.KeyTree,
        new_key: Callable[[], int],
        *,
        largest: int,
        waiting: int,
        keep: timedelta,
    ) -> None:
        self._database = database
        self._keys = keys
        self._new_key = new_key
        self._largest = largest
        self._waiting = waiting
        self._keep = keep

    async def check_room(self, node: str) -> None:
        """Busy while too many replies wait for the node."""
        rows = await self._database.fetch(select(func.count()).where(_C.node == node).select_from(_TABLE))
        if rows[0][0] >= self._waiting:
            raise Busy("too many replies wait for this node; let them be delivered first")

    def check_size(self, size: int) -> None:
        """ReplyUndeliverable for a reply that is larger than may be kept."""
        if size > self._largest:
            raise ReplyUndeliverable(
                f"the reply has {size} octets, and {self._largest} may be sent later; ask with an anonymous "
                "wsa:ReplyTo, or for less"
            )

    async def put(
        self,
        work: UnitOfWork,
        *,
        node: str,
        address: str,
        trace_id: str,
        transaction: str,
        content_type: str,
        octets: bytes,
        at: datetime,
    ) -> None:
        """Notes a reply; it is due at once."""
        key = self._new_key()
        fresh, wrapped = self._keys.new_record_key()
        body = await _aside(len(octets), envelope.seal_text, fresh, _context(key, node), octets)
        row = {
            "key": key,
            "node": node,
            "address": address,
            "trace_id": trace_id,
            "transaction": transaction,
            "content_type": content_type,
            "created_at": _ms(at),
            "expires_at": _ms(at + self._keep),
            "next_attempt": _ms(at),
            "attempts": 0,
            "claimed_by": None,
            "wrapped": wrapped,
            "body": body,
        }
        work.write(_INSERT, row)

    async def due(self, now: datetime) -> Sequence[Due]:
        """The first reply to each address, where its time has come; the longest overdue first."""
        rows = await self._database.fetch(_due(now))
        return [Due(row.key, row.node, row.address) for row in rows]

    async def claim(self, key: int, now: datetime, until: datetime) -> Claimed | None:
        """The reply, ours until a time; None when another has it or it is gone."""
        claim = secrets.token_hex(16)
        work = UnitOfWork()
        work.write(
            update(_TABLE)
            .where(_C.key == key, _C.next_attempt <= _ms(now))
            .values(next_attempt=_ms(until), claimed_by=claim, attempts=_C.attempts + 1)
        )
        await self._database.apply([work])
        rows = await self._database.fetch(select(_TABLE).where(_C.key == key, _C.claimed_by == claim))
        if not rows:
            return None
        row = rows[0]
        return Claimed(
            key=key,
            claim=claim,
            node=row.node,
            address=row.address,
            trace_id=row.trace_id,
            transaction=row.transaction,
            content_type=row.content_type,
            attempts=row.attempts,
            expires=datetime.fromtimestamp(row.expires_at / 1000, UTC),
            wrapped=row.wrapped,
            body=row.body,
        )

    async def open(self, reply: Claimed) -> bytes:
        """The octets of a reply; Defect when they were changed."""
        key, context = self._keys.record_key(reply.wrapped), _context(reply.key, reply.node)
        return await _aside(len(reply.body), envelope.open_text, key, context, reply.body)

    def postpone(self, work: UnitOfWork, reply: Claimed, at: datetime) -> None:
        """Notes when a claimed reply is tried again, if it is still ours."""
        work.write(
            update(_TABLE)
            .where(_C.key == reply.key, _C.claimed_by == reply.claim)
            .values(next_attempt=_ms(at), claimed_by=None)
        )

    def remove(self, work: UnitOfWork, reply: Claimed) -> None:
        """Notes that a reply is not tried any more."""
        work.write(delete(_TABLE).where(_C.key == reply.key))


def _due(now: datetime) -> Select[tuple[int, str, str]]:
    first = select(func.min(_C.key)).group_by(_C.node, _C.address)
    return (
        select(_C.key, _C.node, _C.address)
        .where(_C.key.in_(first), _C.next_attempt <= _ms(now))
        .order_by(_C.next_attempt)
    )


async def _aside(
    size: int, work: Callable[[bytes, bytes, bytes], bytes], key: bytes, context: bytes, data: bytes
) -> bytes:
    return await asyncio.to_thread(work, key, context, data) if size > _LARGE else work(key, context, data)


def _context(key: int, node: str) -> bytes:
    return f"outbox|{key}|{node}".encode()


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
