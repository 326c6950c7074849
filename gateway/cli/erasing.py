"""The eraser: what is over by the settings goes, in bounded steps, each with its signed record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import takewhile

from gateway.audit.erasure import TRANSACTION, Erasure, erasure_of, erasure_outside
from gateway.cli.compose import Gateway
from gateway.cli.trail import origin_of
from gateway.errors import Malformed
from gateway.pipeline.trailuse import tell_erased
from gateway.record.events import patient_of
from gateway.record.retention import HoldKind, Holds, Kept
from gateway.stores.events import slot_of
from gateway.stores.forwarding import ForwardingStore
from gateway.stores.keys import key_maker
from gateway.stores.retention import NOWHERE, Erased, Outside, Over, RetentionStore
from gateway.stores.rows import millis
from gateway.stores.settled import SettledStore
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message

LOOK_SECONDS = 3_600.0
BATCH = 200
_ALL = 1 << 62


@dataclass(slots=True)
class Eraser:
    """Looks once an hour; while there is something to erase, each step takes a part of it.

    A step that loses a race (Outdated) changed nothing; the next one looks again.
    """

    gateway: Gateway
    _next: float = 0.0
    _since: int = 0
    _swept: int | None = None
    _store: RetentionStore = field(init=False)
    _settled: SettledStore = field(init=False)

    def __post_init__(self) -> None:
        self._store = RetentionStore(self.gateway.database, key_maker())
        self._settled = SettledStore(self.gateway.database)

    async def step(self) -> bool:
        """One part of the work, if it is time to look; tells whether there may be more."""
        if time.monotonic() < self._next:
            return False
        holds = await self._widened(await self._store.holds())
        for part in (self._own, self._received, self._system, self._alerts, self._incidents):
            if await part(holds):
                return True
        if await self._sweep():
            return True
        self._since, self._next = 0, time.monotonic() + LOOK_SECONDS
        return False

    async def _widened(self, holds: Holds) -> Holds:
        """With every identifier that the persons who are held have now, in all domains and by merges."""
        services = self.gateway.engine.services
        found: set[str] = set()
        for name in holds.patients:
            patient = patient_of(name)
            record = None if patient is None else await services.patients.find(patient)
            held = await services.index.mpi.store.by_keys(record.keys if record is not None else ())
            members = await services.index.mpi.store.members(each.identity.person for each in held)
            found.update(str(each.identity.id) for each in (*held, *members))
        return replace(holds, aliases=frozenset(found))

    async def _own(self, holds: Holds) -> bool:
        """Some rows of our trail; those that are held stay."""
        slot = over_before(self.gateway, Kept.OWN)
        if slot is None:
            return False
        before = await self._handed_over()
        found = await self._store.own_over(self._since, slot, before, BATCH, but=TRANSACTION)
        if not found:
            return False
        part = list(takewhile(lambda each: each.slot == found[0].slot, found))
        rows = [each for each in part if not _held(each, holds)]
        if rows:
            work = UnitOfWork()
            self._store.erase_own(work, rows)
            await self._record(work, Kept.OWN, rows, holds)
        self._since = part[-1].id + 1
        return True

    async def _handed_over(self) -> int:
        """The position before which every receiver of our trail has it."""
        store, names = ForwardingStore(self.gateway.database), self.gateway.settings.audit.destinations
        return min([(await store.read(each.name))[0].settled for each in names], default=_ALL)

    async def _received(self, holds: Holds) -> bool:
        """Some blocks of one week; with the last one, the key of the week."""
        slot = over_before(self.gateway, Kept.RECEIVED)
        for week in [] if slot is None else await self._store.received_slots(slot):
            held = await self._held_blocks(week, holds)
            found = await self._store.received_over(week, held, BATCH)
            if not found:
                continue
            work = UnitOfWork()
            self._store.erase_received(work, found)
            if await self._store.blocks_left(week) == len(found):
                self._store.destroy_key(work, week)
            await self._record(work, Kept.RECEIVED, found, holds)
            return True
        return False

    async def _held_blocks(self, week: int, holds: Holds) -> list[int]:
        events = self.gateway.engine.services.access.trail.events
        terms = events.digests(frozenset(f"patient|{each}" for each in holds.patients))
        found = await self._store.blocks_with(week, terms)
        found += await self._store.blocks_of(week, holds.events)
        for each in holds.holds:
            if each.kind is HoldKind.INCIDENT:
                found += await self._store.blocks_between(week, each.since, each.until)
        return sorted(set(found))

    async def _system(self, holds: Holds) -> bool:
        """Some blocks of what systems said; while any incident is held, all of them stay."""
        slot = over_before(self.gateway, Kept.SYSTEM)
        if slot is None or any(each.kind is HoldKind.INCIDENT for each in holds.holds):
            return False
        found = await self._store.system_over(slot, BATCH + 1)
        if not found:
            return False
        part, work = found[:BATCH], UnitOfWork()
        self._store.erase_system(work, part, last=len(found) == len(part))
        await self._record_outside(work, Kept.SYSTEM, part, holds)
        return True

    async def _alerts(self, holds: Holds) -> bool:
        slot = over_before(self.gateway, Kept.ALERTS)
        found = [] if slot is None else await self._settled.alerts_over(slot, holds.incidents, BATCH)
        if found:
            work = UnitOfWork()
            self._settled.erase_alerts(work, found)
            await self._record_outside(work, Kept.ALERTS, found, holds)
        return bool(found)

    async def _incidents(self, holds: Holds) -> bool:
        """Some incidents of one week that are closed, each with its chain of steps."""
        slot, now = over_before(self.gateway, Kept.INCIDENTS), millis(self.gateway.engine.clock())
        found = [] if slot is None else await self._settled.incidents_over(slot, now, holds.incidents, BATCH)
        part = [each for each in found if each.slot == found[0].slot]
        if part:
            work = UnitOfWork()
            self._settled.erase_incidents(work, part)
            await self._record_outside(work, Kept.INCIDENTS, part, holds)
        return bool(part)

    async def _record_outside(
        self, work: UnitOfWork, kind: Kept, over: Sequence[Outside], holds: Holds
    ) -> None:
        erasure = erasure_outside(kind.value, over[0].slot, [each.digest for each in over])
        await self._commit(work, erasure, holds)

    async def _record(self, work: UnitOfWork, kind: Kept, over: Sequence[Over], holds: Holds) -> None:
        leaves = {each.position: each.leaf for each in over}
        await self._commit(work, erasure_of(kind.value, over[0].slot, leaves), holds)

    async def _commit(self, work: UnitOfWork, erasure: Erasure, holds: Holds) -> None:
        """Erases and records it: both, or neither; and nothing if something was held meanwhile."""
        engine, runs = self.gateway.engine, erasure.runs
        key = tell_erased(erasure, origin_of(self.gateway.settings), engine, work)
        self._store.record(
            work,
            Erased(
                audit_id=key,
                kind=erasure.kind,
                slot=erasure.slot,
                first=runs[0][0] if runs else NOWHERE,
                last=runs[-1][1] if runs else NOWHERE,
                count=erasure.count,
                at=millis(engine.clock()),
            ),
        )
        self._store.unchanged(work, holds)
        await engine.committer.commit(work)

    async def _sweep(self) -> bool:
        """Takes what is gone out of the index."""
        slot = await self._store.unswept()
        if slot is None:
            return False
        work = UnitOfWork()
        self._swept = await self._store.sweep(work, slot, self._swept)
        await self.gateway.engine.committer.commit(work)
        return True


def over_before(gateway: Gateway, kind: Kept) -> int | None:
    """The first week of a class that is not over yet; None where nothing ever is."""
    told = gateway.settings.retention
    days = {
        Kept.OWN: told.own_days,
        Kept.RECEIVED: told.received_days,
        Kept.SYSTEM: told.system_days,
        Kept.ALERTS: told.alert_days,
        Kept.INCIDENTS: told.incident_days,
    }[kind]
    return slot_of(millis(gateway.engine.clock() - timedelta(days=days))) if days else None


def _held(over: Over, holds: Holds) -> bool:
    """Whether a row stays. One that cannot be read might be about any patient who is held."""
    if holds.holds_trace(over.trace_id) or holds.holds_time(over.at) or over.id in holds.events:
        return True
    if not holds.patients:
        return False
    try:
        return holds.holds_patients(read_message(over.message.encode()).patients)
    except Malformed:
        return True
