"""What leaves later: replies (ITI TF-2 Appendix V.5) and notifications, sealed until the partner has them.

A row is due at its `next_attempt`. Who takes it moves that time past the longest attempt, and so holds a
lease: if he dies, the row becomes due again by itself. What goes to one address of one node is a lane, and
keeps its order.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, bindparam, delete, func, insert, select, update

from gateway.crypto import envelope
from gateway.errors import Busy, Defect, ReplyUndeliverable
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
    """The first row of a lane, and its time has come."""

    key: int
    node: str
    address: str

    @property
    def lane(self) -> tuple[str, str]:
        """To whom it goes, and where."""
        return self.node, self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A claimed row, still sealed: how often it was tried (this time included), until when it is tried.

    `about` is what a notification is about; None for a reply.
    """

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
    about: bytes | None = None


class Outbox:
    """Notes what is to leave in a unit of work; hands out what is due, each row to one taker.

    `waiting` is how many replies may wait for a node, `keep` how long one is kept, `keep_notices` how long a
    notification.
    """

    def __init__(
        self,
        database: Database,
        keys: envelope.KeyTree,
        new_key: Callable[[], int],
        *,
        largest: int,
        waiting: int,
        keep: timedelta,
        keep_notices: timedelta = timedelta(days=7),
    ) -> None:
        self._database = database
        self._keys = keys
        self._new_key = new_key
        self._largest = largest
        self._waiting = waiting
        self._keep = keep
        self._keep_notices = keep_notices

    async def check_room(self, node: str) -> None:
        """Busy while too many replies wait for the node."""
        replies = select(func.count()).where(_C.node == node, _C.about.is_(None)).select_from(_TABLE)
        rows = await self._database.fetch(replies)
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
        about: bytes | None = None,
    ) -> None:
        """Notes a reply, or a notification, if it says what it is `about`; it is due at once."""
        key = self._new_key()
        fresh, wrapped = self._keys.new_record_key()
        keep = self._keep if about is None else self._keep_notices
        body = await _aside(len(octets), envelope.seal_text, fresh, _context(key, node), octets)
        row = {
            "key": key,
            "node": node,
            "address": address,
            "trace_id": trace_id,
            "transaction": transaction,
            "content_type": content_type,
            "created_at": _ms(at),
            "expires_at": _ms(at + keep),
            "next_attempt": _ms(at),
            "attempts": 0,
            "claimed_by": None,
            "wrapped": wrapped,
            "body": body,
            "about": envelope.seal_text(fresh, _about(key, node), about) if about is not None else None,
        }
        work.write(_INSERT, row)

    async def due(self, now: datetime) -> Sequence[Due]:
        """The first row of each lane, where its time has come; the longest overdue first."""
        rows = await self._database.fetch(_DUE, {"now": _ms(now)})
        return [_as_due(row) for row in rows]

    async def following(self, lane: tuple[str, str], now: datetime) -> Due | None:
        """The first row of a lane, if its time has come."""
        rows = await self._database.fetch(_NEXT, {"node": lane[0], "address": lane[1]})
        return _as_due(rows[0]) if rows and rows[0].next_attempt <= _ms(now) else None

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
            about=row.about,
        )

    async def open(self, reply: Claimed) -> bytes:
        """The octets of a reply; Defect when they were changed."""
        key, context = self._keys.record_key(reply.wrapped), _context(reply.key, reply.node)
        return await _aside(len(reply.body), envelope.open_text, key, context, reply.body)

    def open_about(self, reply: Claimed) -> bytes:
        """What a notification is about."""
        if reply.about is None:
            raise Defect("a reply says nothing of what it is about")
        key = self._keys.record_key(reply.wrapped)
        return envelope.open_text(key, _about(reply.key, reply.node), reply.about)

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


def _due() -> Select[Any]:
    """Goes from lane to lane through the index: however much waits in one, it costs one step."""
    order = (_C.node, _C.address, _C.key)
    first = select(_C.key).order_by(*order).limit(1).subquery()
    heads = select(first.c.key).cte("heads", recursive=True)
    here = _TABLE.alias("here")
    same = _TABLE.alias("same_node")
    other = _TABLE.alias("other_node")
    # Two seeks in the index: a comparison of both columns at once would read all that waits in a lane.
    next_address = (
        select(same.c.key)
        .where(same.c.node == here.c.node, same.c.address > here.c.address)
        .order_by(same.c.address, same.c.key)
        .limit(1)
        .scalar_subquery()
    )
    next_node = (
        select(other.c.key)
        .where(other.c.node > here.c.node)
        .order_by(other.c.node, other.c.address, other.c.key)
        .limit(1)
        .scalar_subquery()
    )
    following = func.coalesce(next_address, next_node)
    heads = heads.union_all(select(following).select_from(heads.join(here, here.c.key == heads.c.key)))
    return (
        select(_C.key, _C.node, _C.address)
        .where(_C.key.in_(select(heads.c.key)), _C.next_attempt <= bindparam("now"))
        .order_by(_C.next_attempt)
    )


_DUE = _due()
_NEXT = (
    select(_C.key, _C.node, _C.address, _C.next_attempt)
    .where(_C.node == bindparam("node"), _C.address == bindparam("address"))
    .order_by(_C.key)
    .limit(1)
)


def _as_due(row: Row[Any]) -> Due:
    return Due(row.key, row.node, row.address)


async def _aside(
    size: int, work: Callable[[bytes, bytes, bytes], bytes], key: bytes, context: bytes, data: bytes
) -> bytes:
    return await asyncio.to_thread(work, key, context, data) if size > _LARGE else work(key, context, data)


def _context(key: int, node: str) -> bytes:
    return f"outbox|{key}|{node}".encode()


def _about(key: int, node: str) -> bytes:
    return f"outbox|{key}|{node}|about".encode()


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
