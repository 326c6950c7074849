"""Group commit: requests that finish together share one transaction, and one wait for the disk."""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.errors import Busy
from gateway.stores.database import Database
from gateway.stores.work import UnitOfWork

_LARGEST_GROUP = 64
_QUEUE_LIMIT = 2_000


class GroupCommitter:
    """Writes units of work in groups.

    If a group fails, its units are written one by one, so that the error reaches the request that caused it
    and the others succeed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[tuple[UnitOfWork, asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def commit(self, unit: UnitOfWork) -> None:
        """Returns when the unit is durable; raises its error when nothing of it was written."""
        if len(self._waiting) >= _QUEUE_LIMIT:
            raise Busy("too many requests wait to be written; try again")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((unit, done))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        # A caller that goes away must not stop a write that others share.
        await asyncio.shield(done)

    async def close(self) -> None:
        """Waits until everything noted so far is written."""
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        try:
            while self._waiting:
                size = min(len(self._waiting), _LARGEST_GROUP)
                await self._write([self._waiting.popleft() for _ in range(size)])
        finally:
            self._task = None

    async def _write(self, group: list[tuple[UnitOfWork, asyncio.Future[None]]]) -> None:
        try:
            await self._database.apply([unit for unit, _ in group])
        except Exception as error:  # noqa: BLE001 - every error goes to the request that waits for it
            if len(group) > 1:
                for single in group:
                    await self._write([single])
                return
            _settle(group[0][1], error)
            return
        for _, done in group:
            _settle(done, None)


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
        done.exception()
