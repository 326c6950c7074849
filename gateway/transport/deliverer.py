"""Delivers the replies of the outbox: at least once, in their order, until taken or given up (Appendix V.5).

Every node is served by a task of its own, so that one that does not answer holds up nobody else.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from gateway.config import Outbox as OutboxSettings
from gateway.crypto.xmldsig import refresh
from gateway.errors import Busy, Defect, NodeRefused, SignerRefused
from gateway.pipeline.delivery import tell_delivered, tell_given_up, tell_impostor
from gateway.pipeline.engine import Engine
from gateway.record.people import Node
from gateway.stores.outbox import Claimed, Due
from gateway.stores.work import UnitOfWork
from gateway.transport.callback import Answered

LOOK_SECONDS = 0.25
"""How long a reply of another worker may wait to be seen."""


class Post(Protocol):
    """Sends to an address; tells the certificate the receiver showed (DER)."""

    async def __call__(
        self, node: Node, address: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Answered, bytes]:
        """SignerRefused when the certificate is not one of the node, Busy when nobody answers."""
        ...


@dataclass(frozen=True, kw_only=True)
class Deliverer:
    """One for each installation; a second one does no harm, since replies are claimed."""

    engine: Engine
    settings: OutboxSettings
    node_named: Callable[[str], Node | None]
    post: Post
    jitter: Callable[[], float] = random.random
    busy: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Works until cancelled. A failure is logged and tried again; it never stops the service."""
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - a database that is away comes back
                self.engine.log.warning("outbox not read", error=type(error).__name__)
            if self.busy:
                await asyncio.wait(
                    list(self.busy.values()), timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Starts a delivery for each node that has a reply due and none under way."""
        for due in await self.engine.outbox.due(self.engine.clock()):
            if due.node not in self.busy:
                task = asyncio.create_task(self.deliver(due))
                self.busy[due.node] = task
                task.add_done_callback(partial(self._settled, due.node))

    async def stop(self, seconds: float) -> None:
        """Lets deliveries that are under way finish; the others are repeated when their lease is over."""
        if self.busy:
            await asyncio.wait(list(self.busy.values()), timeout=seconds)
        left = list(self.busy.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _settled(self, node: str, task: asyncio.Task[None]) -> None:
        """A delivery that ended in an error leaves its reply where it is, due when its lease is over."""
        del self.busy[node]
        if not task.cancelled() and (error := task.exception()) is not None:
            self.engine.log.error("reply not settled", error=type(error).__name__, node=node)

    async def deliver(self, due: Due) -> None:
        """One attempt at one reply."""
        now = self.engine.clock()
        lease = timedelta(seconds=2 * self.settings.attempt_seconds)
        reply = await self.engine.outbox.claim(due.key, now, now + lease)
        if reply is None:
            return
        if reply.expires <= now:
            await self._give_up(reply)
            return
        try:
            await self._send(reply, now)
        except SignerRefused as error:
            await self._failed(reply, error.detail, impostor=True)
        except (Busy, NodeRefused, Defect) as error:
            await self._failed(reply, error.detail)

    async def _send(self, reply: Claimed, now: datetime) -> None:
        node = self._receiver(reply)
        body = refresh(await self.engine.outbox.open(reply), self.engine.signer, now)
        headers = {"Content-Type": reply.content_type, "X-Request-Id": reply.trace_id}
        answered, certificate = await self.post(node, reply.address, headers, body)
        if not answered.taken:
            await self._failed(reply, f"HTTP status {answered.status}", pause=answered.retry_after)
            return
        work = UnitOfWork()
        tell_delivered(reply, body, certificate, self.engine, work)
        self.engine.outbox.remove(work, reply)
        await self.engine.committer.commit(work)

    def _receiver(self, reply: Claimed) -> Node:
        """The node as it is enrolled now."""
        node = self.node_named(reply.node)
        if node is None or node.blocked:
            raise NodeRefused(f"node {reply.node} is blocked or not enrolled")
        if not node.takes_replies_at(reply.address):
            raise NodeRefused(f"node {reply.node} is not enrolled with this address any more")
        return node

    async def _failed(
        self, reply: Claimed, reason: str, *, pause: float | None = None, impostor: bool = False
    ) -> None:
        self.engine.log.warning(
            "reply not delivered",
            trace=reply.trace_id,
            node=reply.node,
            attempt=reply.attempts,
            reason=reason,
        )
        work = UnitOfWork()
        if impostor:
            tell_impostor(reply, reason, self.engine, work)
        wait = max(self.pause_after(reply.attempts), pause or 0.0)
        later = self.engine.clock() + timedelta(seconds=wait)
        self.engine.outbox.postpone(work, reply, min(later, reply.expires))
        await self.engine.committer.commit(work)

    def pause_after(self, attempts: int) -> float:
        """Seconds: doubled after each attempt up to the longest, between half of it and all of it."""
        told = self.settings
        longest = min(told.retry_most_seconds, told.retry_seconds * 2.0 ** min(attempts - 1, 30))
        return longest * (0.5 + 0.5 * self.jitter())

    async def _give_up(self, reply: Claimed) -> None:
        self.engine.log.error("reply given up", trace=reply.trace_id, node=reply.node)
        work = UnitOfWork()
        tell_given_up(reply, self.engine, work)
        self.engine.outbox.remove(work, reply)
        await self.engine.committer.commit(work)
