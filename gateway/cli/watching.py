"""The watch at work: takes events as they are indexed, keeps what rules remember, raises alerts.

One worker watches, beside the keeper, which does not wait for it. Memories are written together with the
place in the tree up to which they reach, and with the alerts that come of them: after an end without notice
the events behind that place are looked at again, and none of them is told twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from gateway.cli.compose import Gateway
from gateway.cli.incidents import alert_store
from gateway.cli.raising import Raising
from gateway.errors import Defect, GatewayError
from gateway.record.events import AuditRecord
from gateway.stores.alerts import AlertStore
from gateway.stores.events import USE
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message
from gateway.watch.event import Kin, Seen, seen_of
from gateway.watch.relatives import Relations
from gateway.watch.watch import Watch, rules_of

REST_SECONDS, KEEP_SECONDS = 1.0, 10.0
FORGET_SECONDS = 3_600.0
FORGET_AFTER = timedelta(days=400)
CATCH_UP = 500
WAITING = 20
AT_ONCE = 50
"""Events looked at before others have their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A row of our trail that was indexed: its place in the tree, and what it holds."""

    position: int
    key: int
    record: AuditRecord
    evidence: str
    decision: str | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A sealed block of what other systems told: its place in the tree, and its number."""

    position: int
    block: int


Sealed = Noted | Arrived


class Handover:
    """Rows on their way from the indexer. Those that are too many are let go: the watch reads them again."""

    def __init__(self) -> None:
        self._batches: deque[Sequence[Sealed]] = deque()
        self._given = asyncio.Event()

    def give(self, rows: Sequence[Sealed]) -> None:
        """Takes rows, in the order of the tree."""
        if not rows:
            return
        if len(self._batches) >= WAITING:
            self._batches.clear()
        self._batches.append(rows)
        self._given.set()

    async def wait(self, seconds: float) -> None:
        """Until there are rows, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._given.wait()
        self._given.clear()

    def next(self) -> Sequence[Sealed]:
        """The oldest rows; nothing when there are none."""
        return self._batches.popleft() if self._batches else ()


@dataclass(slots=True)
class Watcher:
    """The watch of an installation."""

    gateway: Gateway
    watch: Watch
    relations: Relations
    alerts: AlertStore
    raising: Raising
    position: int
    kept_at: float
    forgot_at: float

    async def take(self, rows: Sequence[Sealed]) -> None:
        """Looks at what was sealed, in the order of the tree; what it knows already is left out."""
        if rows:
            await self.catch_up(rows[0].position)
        fresh = [each for each in rows if each.position >= self.position]
        seen: list[Seen] = []
        for number, each in enumerate(fresh, start=1):
            seen += await self._told(each.block) if isinstance(each, Arrived) else await self._seen(each)
            if number % AT_ONCE == 0 or len(seen) >= AT_ONCE or number == len(fresh):
                await self._look(seen, each.position + 1)
                await asyncio.sleep(0)
                seen = []

    async def catch_up(self, end: int) -> None:
        """Looks at the rows before a place in the tree that were not handed over."""
        journal = self.gateway.engine.journal
        while (start := self.position) < end:
            rows = await journal.sealed_rows(start, min(CATCH_UP, end - start))
            noted = await sealed_of(self.gateway, rows)
            if noted:
                self.position = noted[0].position
            await self.take(noted)
            self.position = rows[-1].position + 1 if rows else end

    async def rest(self) -> None:
        """Between batches: what rules remember is kept from time to time."""
        now = time.monotonic()
        if now - self.kept_at >= KEEP_SECONDS and self.watch.touched:
            await self._write(UnitOfWork())
        if now - self.forgot_at >= FORGET_SECONDS:
            self.forgot_at = now
            work = UnitOfWork()
            self.alerts.forget(work, self.gateway.engine.clock() - FORGET_AFTER)
            await self.gateway.engine.committer.commit(work)

    async def _told(self, block: int) -> list[Seen]:
        """What other systems told in one block."""
        trail = self.gateway.engine.services.access.trail
        seen = [
            seen_of(
                record,
                f"{millis(record.at):x}.{block:x}.{item:x}",
                trail.events.digests,
                sender=message.sender,
                latest=message.at,
            )
            for item, (message, record) in enumerate(await trail.block(block))
        ]
        return [each for each in seen if each is not None]

    async def _seen(self, row: Noted) -> list[Seen]:
        digest = self.gateway.engine.services.access.trail.events.digests
        try:
            name = f"{millis(row.record.at):x}-{row.key:x}"
            seen = seen_of(row.record, name, digest, evidence=row.evidence, decision=row.decision)
        except GatewayError as error:
            self.gateway.engine.log.warning("audit row not watched", row=row.key, reason=error.detail)
            return []
        if seen is None:
            return []
        if seen.refused or not seen.reads or seen.professional is None:
            return [seen]
        try:
            kin = [
                await self.relations.between(seen.professional.name, each, seen.at)
                for each in row.record.patients[:AT_ONCE]
            ]
        except Defect as error:
            # A record that was erased, or that nobody can open, must not hold up the watch.
            self.gateway.engine.log.warning("kin not looked at", row=row.key, reason=error.detail)
            return [seen]
        return [replace(seen, kin=tuple(_known(kin)))]

    async def _look(self, events: Sequence[Seen], reached: int) -> None:
        concerns = self.watch.concerned(events)
        unknown = self.watch.unknown(concerns)
        self.watch.remember(await self.alerts.memories(unknown), unknown)
        raised = [each for concern in concerns for each in self.watch.look(concern)]
        self.position = reached
        now = self.gateway.engine.clock()
        late = millis(now - timedelta(hours=self.gateway.settings.watch.late_hours))
        told = [each for each in raised if each.at > late]
        if told:
            work = UnitOfWork()
            alerts = await self.raising.note(work, told, now)
            await self._write(work)
            self.raising.tell(told, alerts)

    async def _write(self, work: UnitOfWork) -> None:
        """Writes memories with what is in the unit of work."""
        touched = self.watch.touched
        memories = {key: self.watch.known[key] for key in touched}
        self.alerts.keep(work, memories, touched, self.position)
        await self.gateway.engine.committer.commit(work)
        self.watch.kept()
        self.kept_at = time.monotonic()


def _known(found: Sequence[Kin | None]) -> Iterator[Kin]:
    return (each for each in dict.fromkeys(found) if each is not None)


async def watch(gateway: Gateway, handover: Handover) -> None:
    """Watches until cancelled. A failure is logged, and the watch begins again where it was last kept."""
    watcher: Watcher | None = None
    log = gateway.engine.log
    while True:
        await handover.wait(REST_SECONDS)
        try:
            watcher = watcher or await resume(gateway)
            await _round(watcher, handover)
        except GatewayError as error:
            log.warning("watch", error=type(error).__name__, detail=error.detail)
            watcher = None
        except Exception as error:
            log.error("the watch has stopped", error=type(error).__name__)  # noqa: TRY400 - no traces there
            raise


async def _round(watcher: Watcher, handover: Handover) -> None:
    while rows := handover.next():
        await watcher.take(rows)
    await watcher.rest()


async def resume(gateway: Gateway) -> Watcher:
    """The watch as it was last kept, after the events that were indexed since then."""
    engine = gateway.engine
    alerts, now = alert_store(gateway), time.monotonic()
    reached, access = await alerts.reached(), engine.services.access
    watcher = Watcher(
        gateway=gateway,
        watch=Watch(rules_of(gateway.settings.watch)),
        relations=Relations(access.directory, engine.services.patients),
        alerts=alerts,
        raising=Raising(gateway, alerts),
        position=reached,
        kept_at=now,
        forgot_at=now,
    )
    await watcher.catch_up(await engine.journal.indexed())
    return watcher


async def sealed_of(gateway: Gateway, rows: Sequence[Any]) -> list[Sealed]:
    """What stands in sealed rows, in their order, without those that are lost or cannot be read."""
    blocks = await arrived(gateway, rows)
    return [each for row in rows if (each := blocks.get(row.position) or _noted(row)) is not None]


async def arrived(gateway: Gateway, rows: Sequence[Any]) -> dict[int, Arrived]:
    """Blocks among sealed rows, by their places."""
    places = {row.audit_id: row.position for row in rows if row.message is None}
    blocks = await gateway.engine.journal.blocks(list(places))
    return {places[each.id]: Arrived(places[each.id], each.id) for each in blocks if each.trail == USE}


def _noted(row: Any) -> Noted | None:
    """A row as it is indexed; None for one that is lost or cannot be read."""
    if row.message is None:
        return None
    try:
        record = read_message(row.message.encode())
    except GatewayError:
        return None
    return noted_row(row, record)


def noted_row(row: Any, record: AuditRecord) -> Noted:
    """A sealed row with the event it tells."""
    return Noted(
        position=row.position,
        key=row.audit_id,
        record=record,
        evidence=row.evidence,
        decision=row.decision,
    )
