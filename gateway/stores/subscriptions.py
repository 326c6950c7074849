"""Subscriptions to changes of persons, each sealed under a key of its own (PMIR 2:3.94)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.errors import Outdated
from gateway.record.subscriptions import Criteria, Status, Subscription
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

_C = tables.subscription.c
_BY_KEY = select(tables.subscription).where(_C.key == bindparam("key"))
_ACTIVE = select(tables.subscription).where(_C.status == Status.ACTIVE.value).order_by(_C.key)
_COUNT = select(func.count().label("count")).where(_C.node == bindparam("node"))
_INSERT = insert(tables.subscription)
_CHANGE = (
    update(tables.subscription)
    .where(_C.key == bindparam("b_key"))
    .values(
        status=bindparam("b_status"),
        wrapped=bindparam("b_wrapped"),
        resource=bindparam("b_resource"),
        changed_at=bindparam("b_at"),
    )
)
_REMOVE = delete(tables.subscription).where(_C.key == bindparam("b_key"))
_GONE = Outdated("the subscription was removed by another request")


class SubscriptionStore:
    """Reads at once; changes are noted in the unit of work."""

    def __init__(self, database: Database, keys: KeyTree, new_key: Callable[[], int]) -> None:
        self._database = database
        self._keys = keys
        self.new_key = new_key
        self._known: dict[int, tuple[int, Subscription]] = {}

    async def find(self, key: int) -> Subscription | None:
        """The subscription, whatever its status."""
        rows = await self._database.fetch(_BY_KEY, {"key": key})
        return self._opened(rows[0]) if rows else None

    async def active(self) -> Sequence[Subscription]:
        """Those that are to be told. What was opened before is not opened again while it stands."""
        rows = await self._database.fetch(_ACTIVE, {})
        known = self._known
        self._known = {
            row.key: held
            if (held := known.get(row.key)) is not None and held[0] == row.changed_at
            else (row.changed_at, self._opened(row))
            for row in rows
        }
        return [held for _, held in self._known.values()]

    async def count(self, node: str) -> int:
        """How many a node has."""
        return int((await self._database.fetch(_COUNT, {"node": node}))[0][0])

    def add(self, work: UnitOfWork, subscription: Subscription, at: datetime) -> None:
        """Notes a new one."""
        wrapped, resource = self._sealed(subscription)
        row = {
            "key": subscription.key,
            "node": subscription.node,
            "status": subscription.status.value,
            "wrapped": wrapped,
            "resource": resource,
            "changed_at": millis(at),
        }
        work.write(_INSERT, row)

    def change(self, work: UnitOfWork, subscription: Subscription, at: datetime) -> None:
        """Notes what it is now; Outdated when it is gone."""
        wrapped, resource = self._sealed(subscription)
        row = {
            "b_key": subscription.key,
            "b_status": subscription.status.value,
            "b_wrapped": wrapped,
            "b_resource": resource,
            "b_at": millis(at),
        }
        work.write(_CHANGE, row, expect=1, otherwise=_GONE)

    def remove(self, work: UnitOfWork, key: int) -> None:
        """Notes that it ends; Outdated when it is gone."""
        work.write(_REMOVE, {"b_key": key}, expect=1, otherwise=_GONE)

    async def fail(self, work: UnitOfWork, key: int, error: str, at: datetime) -> None:
        """Notes that a message was not taken: nothing more is told until it is asked for again."""
        held = await self.find(key)
        if held is not None and held.status is Status.ACTIVE:
            self.change(work, replace(held, status=Status.ERROR, error=error), at)

    def _sealed(self, subscription: Subscription) -> tuple[bytes, bytes]:
        fresh, wrapped = self._keys.new_record_key()
        kept = {
            "address": subscription.address,
            "content_type": subscription.content_type,
            "text": subscription.text,
            "criteria": asdict(subscription.criteria),
            "error": subscription.error,
        }
        context = _context(subscription.key, subscription.node)
        return wrapped, seal_text(fresh, context, orjson.dumps(kept))

    def _opened(self, row: Row[Any]) -> Subscription:
        opened = open_text(self._keys.record_key(row.wrapped), _context(row.key, row.node), row.resource)
        kept = orjson.loads(opened)
        kept["criteria"] = Criteria(**kept["criteria"])
        return Subscription(key=row.key, node=row.node, status=Status(row.status), **kept)


def _context(key: int, node: str) -> bytes:
    return f"subscription|{key}|{node}".encode()
