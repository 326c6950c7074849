"""Delivers what is in the outbox: at least once, in its order, until taken or given up (Appendix V.5).

Every address of a node is served by a task of its own, so that one that does not answer holds up nobody else.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from gateway.bindings.outgoing import leaving
from gateway.config import Outbox as OutboxSettings
from gateway.crypto.xmldsig import refresh
from gateway.declare.notification import About, Notification, Reception
from gateway.errors import Busy, Defect, GatewayError, NodeRefused, SignerRefused
from gateway.pipeline.delivery import (
    tell_delivered,
    tell_given_up,
    tell_impostor,
    tell_notice_given_up,
    tell_notified,
)
from gateway.pipeline.engine import Engine
from gateway.record.people import Node
from gateway.stores.outbox import Claimed, Due
from gateway.stores.work import UnitOfWork
from gateway.transport.callback import Answered

LOOK_SECONDS = 0.25
"""How long a reply of another worker may wait to be seen."""


class Send(Protocol):
    """Sends to an address; tells the certificate the receiver showed (DER)."""

    async def __call__(
        self, node: Node, address: str, headers: Mapping[str, str], body: bytes, *, read: bool
    ) -> tuple[Answered, bytes]:
        """With the body of the answer, if it is to be read.

        SignerRefused when the certificate is not one of the node, Busy when nobody answers.
        """
        ...

    async def close(self) -> None:
        """Ends connections that were kept."""
        ...


@dataclass(frozen=True, kw_only=True)
class Deliverer:
    """One for each installation; a second one does no harm, since replies are claimed."""

    engine: Engine
    settings: OutboxSettings
    node_named: Callable[[str], Node | None]
    send: Send
    jitter: Callable[[], float] = random.random
    busy: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

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
        """Starts to serve each lane that has something due and is not being served."""
        for due in await self.engine.outbox.due(self.engine.clock()):
            if due.lane not in self.busy:
                task = asyncio.create_task(self.serve(due))
                self.busy[due.lane] = task
                task.add_done_callback(partial(self._settled, due.lane))

    async def stop(self, seconds: float) -> None:
        """Lets deliveries that are under way finish; the others are repeated when their lease is over."""
        self.stopping.set()
        if self.busy:
            await asyncio.wait(list(self.busy.values()), timeout=seconds)
        left = list(self.busy.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.send.close()

    def _settled(self, lane: tuple[str, str], task: asyncio.Task[None]) -> None:
        """A delivery that ended in an error leaves its row where it is, due when its lease is over."""
        del self.busy[lane]
        if not task.cancelled() and (error := task.exception()) is not None:
            self.engine.log.error("delivery not settled", error=type(error).__name__, node=lane[0])

    async def serve(self, due: Due) -> None:
        """One row of a lane after the other, until nothing is due or one was not taken."""
        following: Due | None = due
        while following is not None and await self.deliver(following) and not self.stopping.is_set():
            following = await self.engine.outbox.following(due.lane, self.engine.clock())

    async def deliver(self, due: Due) -> bool:
        """One attempt at one row; whether the row is gone."""
        now = self.engine.clock()
        lease = timedelta(seconds=2 * self.settings.attempt_seconds)
        row = await self.engine.outbox.claim(due.key, now, now + lease)
        if row is None:
            return False
        if row.expires <= now:
            await self._give_up(row, f"not taken in time, after {row.attempts - 1} attempts")
            return True
        try:
            return await (self._reply(row, now) if row.about is None else self._notify(row, now))
        except SignerRefused as error:
            return await self._failed(row, error.detail, impostor=True)
        except (Busy, NodeRefused, Defect) as error:
            return await self._failed(row, error.detail)

    async def _reply(self, row: Claimed, now: datetime) -> bool:
        node = await self._receiver(row, now)
        body = refresh(await self.engine.outbox.open(row), self.engine.signer, now)
        answered, certificate = await self.send(node, row.address, _headers(row), body, read=False)
        if not answered.taken:
            return await self._failed(row, f"HTTP status {answered.status}", pause=answered.retry_after)
        work = UnitOfWork()
        tell_delivered(row, body, certificate, self.engine, work)
        return await self._gone(row, work)

    async def _notify(self, row: Claimed, now: datetime) -> bool:
        """What is told is what was noted with the change, unless it is to be the state of this moment."""
        node, (notification, about) = await self._receiver(row, now), self._notice(row)
        payload = await self.engine.outbox.open(row)
        if notification.complete is not None:
            completed = await notification.complete(payload, node, self.engine.services, now)
            if completed is None:
                return await self._gone(row, UnitOfWork())
            payload = completed
        headers, body = leaving(
            notification.binding,
            payload,
            about.message_id,
            _headers(row),
            row.address,
            self.engine.signer,
            now,
        )
        answered, certificate = await self.send(node, row.address, headers, body, read=True)
        match _judged(notification, answered):
            case Reception.AGAIN:
                return await self._failed(row, f"HTTP status {answered.status}", pause=answered.retry_after)
            case Reception.REFUSED:
                await self._give_up(row, "the receiver refused it")
                return True
            case Reception.TAKEN:
                work = UnitOfWork()
                tell_notified(row, notification, about, body, certificate, self.engine, work)
                return await self._gone(row, work)

    def _notice(self, row: Claimed) -> tuple[Notification, About]:
        about = About.load(self.engine.outbox.open_about(row))
        return self.engine.catalogue.notification(row.transaction), about

    async def _gone(self, row: Claimed, work: UnitOfWork) -> bool:
        self.engine.outbox.remove(work, row)
        await self.engine.committer.commit(work)
        return True

    async def _receiver(self, row: Claimed, now: datetime) -> Node:
        """The node as it is enrolled now."""
        node = self.node_named(row.node)
        if node is None or node.blocked:
            raise NodeRefused(f"node {row.node} is blocked or not enrolled")
        listed = node.takes_replies_at if row.about is None else node.takes_notices_at
        if not listed(row.address):
            raise NodeRefused(f"node {row.node} is not enrolled with this address any more")
        (await self.engine.revocations.current(now)).check_node(node, now)
        return node

    async def _failed(
        self, row: Claimed, reason: str, *, pause: float | None = None, impostor: bool = False
    ) -> bool:
        """Notes when the row is tried again; it is not gone."""
        self.engine.log.warning(
            "reply not delivered" if row.about is None else "notification not delivered",
            trace=row.trace_id,
            node=row.node,
            attempt=row.attempts,
            reason=reason,
        )
        work = UnitOfWork()
        if impostor:
            tell_impostor(row, reason, self.engine, work)
        wait = max(self.pause_after(row.attempts), pause or 0.0)
        later = self.engine.clock() + timedelta(seconds=wait)
        self.engine.outbox.postpone(work, row, min(later, row.expires))
        await self.engine.committer.commit(work)
        return False

    def pause_after(self, attempts: int) -> float:
        """Seconds: doubled after each attempt up to the longest, between half of it and all of it."""
        told = self.settings
        longest = min(told.retry_most_seconds, told.retry_seconds * 2.0 ** min(attempts - 1, 30))
        return longest * (0.5 + 0.5 * self.jitter())

    async def _give_up(self, row: Claimed, reason: str) -> None:
        told = "reply given up" if row.about is None else "notification given up"
        self.engine.log.error(told, trace=row.trace_id, node=row.node, reason=reason)
        work = UnitOfWork()
        if row.about is None:
            tell_given_up(row, self.engine, work)
        else:
            await self._tell_notice_given_up(row, reason, work)
        await self._gone(row, work)

    async def _tell_notice_given_up(self, row: Claimed, reason: str, work: UnitOfWork) -> None:
        """A row that was changed in the database does not say any more whom it was about."""
        try:
            notification, about = self._notice(row)
        except Defect as error:
            tell_given_up(row, self.engine, work, error.detail)
        else:
            tell_notice_given_up(row, notification, about, reason, self.engine, work)
            if about.subscription is not None:
                at, text = self.engine.clock(), f"message {about.message_id}: {reason}"
                await self.engine.services.subscriptions.fail(work, about.subscription, text, at)


def _headers(row: Claimed) -> Mapping[str, str]:
    return {"Content-Type": row.content_type, "X-Request-Id": row.trace_id}


def _judged(notification: Notification, answered: Answered) -> Reception:
    """An answer that cannot be read says nothing of whether the message was taken."""
    try:
        return notification.judge(answered.status, answered.body)
    except GatewayError:
        return Reception.AGAIN
