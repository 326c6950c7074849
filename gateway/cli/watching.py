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
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import Counter

from gateway.cli.compose import Gateway
from gateway.cli.incidents import alert_store, incident_desk
from gateway.errors import GatewayError
from gateway.pipeline.alerting import tell_alert
from gateway.pipeline.guarding import IncidentDesk
from gateway.record.events import AuditRecord
from gateway.record.revoked import RevokedKind
from gateway.stores.alerts import Alert, AlertStore
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message
from gateway.watch.event import Kin, Seen, seen_of
from gateway.watch.relatives import Relations
from gateway.watch.rule import HOUR, Raised
from gateway.watch.watch import Watch, rules_of

REST_SECONDS, KEEP_SECONDS = 1.0, 10.0
FORGET_SECONDS = 3_600.0
FORGET_AFTER = timedelta(days=400)
CATCH_UP = 500
WAITING = 20
AT_ONCE = 50
"""Events looked at before others have their turn."""
ACTOR = "watch"

_ALERTS = Counter("passerelle_alerts", "Findings of the watch, by rule.", ["rule", "severity"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A row of our trail that was indexed: its place in the tree, and what it holds."""

    position: int
    key: int
    record: AuditRecord
    evidence: str
    decision: str | None


class Handover:
    """Rows on their way from the indexer. Those that are too many are let go: the watch reads them again."""

    def __init__(self) -> None:
        self._batches: deque[Sequence[Noted]] = deque()
        self._given = asyncio.Event()

    def give(self, rows: Sequence[Noted]) -> None:
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

    def next(self) -> Sequence[Noted]:
        """The oldest rows; nothing when there are none."""
        return self._batches.popleft() if self._batches else ()


@dataclass(slots=True)
class Watcher:
    """The watch of an installation."""

    gateway: Gateway
    watch: Watch
    relations: Relations
    alerts: AlertStore
    desk: IncidentDesk
    position: int
    kept_at: float
    forgot_at: float

    async def take(self, rows: Sequence[Noted]) -> None:
        """Looks at rows of our trail, in the order of the tree; those it knows already are left out."""
        if rows:
            await self.catch_up(rows[0].position)
        fresh = [each for each in rows if each.position >= self.position]
        for start in range(0, len(fresh), AT_ONCE):
            part = fresh[start : start + AT_ONCE]
            seen = [each for row in part if (each := await self._seen(row)) is not None]
            await self._look(seen, part[-1].position + 1)
            await asyncio.sleep(0)

    async def catch_up(self, end: int) -> None:
        """Looks at the rows before a place in the tree that were not handed over."""
        journal = self.gateway.engine.journal
        while (start := self.position) < end:
            rows = await journal.sealed_rows(start, min(CATCH_UP, end - start))
            noted = [each for row in rows if (each := _noted(row)) is not None]
            if noted:
                self.position = noted[0].position
            await self.take(noted)
            self.position = rows[-1].position + 1 if rows else end

    async def received(self, messages: Sequence[tuple[int, AuditRecord, str | None]]) -> None:
        """Looks at events that another system told: logical key, event, node by its certificate."""
        digest, now = self.gateway.engine.services.access.trail.events.digests, self.gateway.engine.clock()
        seen = [seen_of(record, key, digest, sender=sender, latest=now) for key, record, sender in messages]
        await self._look([each for each in seen if each is not None], self.position)

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

    async def _seen(self, row: Noted) -> Seen | None:
        digest = self.gateway.engine.services.access.trail.events.digests
        try:
            seen = seen_of(row.record, row.key, digest, evidence=row.evidence, decision=row.decision)
        except GatewayError as error:
            self.gateway.engine.log.warning("audit row not watched", row=row.key, reason=error.detail)
            return None
        if seen is None or seen.refused or not seen.reads or seen.professional is None:
            return seen
        kin = [
            await self.relations.between(seen.professional.name, each, seen.at)
            for each in row.record.patients[:AT_ONCE]
        ]
        return replace(seen, kin=tuple(_known(kin)))

    async def _look(self, events: Sequence[Seen], position: int) -> None:
        unknown = self.watch.unknown(events)
        self.watch.remember(await self.alerts.memories(unknown), unknown)
        raised = [each for seen in events for each in self.watch.look(seen)]
        self.position = position
        now = self.gateway.engine.clock()
        late = (now - timedelta(hours=self.gateway.settings.watch.late_hours)).timestamp() * 1_000
        told = [each for each in raised if each.at > late]
        if told:
            await self._raise(told, now)

    async def _raise(self, raised: Sequence[Raised], now: datetime) -> None:
        """Alerts, with their audit rows and what contains them, together with the memories they come of."""
        work, open_now, fresh = UnitOfWork(), dict[tuple[str, ...], Alert](), []
        number = await self.alerts.next_number()
        for each in raised:
            place = (each.rule, *each.subject)
            before = open_now.get(place) or await self._open(each)
            if before is None:
                alert = _alert(each, number)
                number += 1
                fresh.append(alert)
                self.alerts.add(work, alert)
            else:
                alert = _again(before, each)
                self.alerts.again(work, alert)
            open_now[place] = alert
            if before is None or _round(alert.count):
                tell_alert(alert, self.gateway.engine, work)
        await self._contain(work, fresh, now)
        await self._write(work)
        for each in raised:
            _ALERTS.labels(each.rule, each.severity).inc()
        for alert in open_now.values():
            self._log(alert)

    async def _open(self, raised: Raised) -> Alert | None:
        since = raised.at - self.gateway.settings.watch.fold_hours * HOUR
        return await self.alerts.like(raised.rule, *raised.subject, since)

    async def _contain(self, work: UnitOfWork, fresh: Sequence[Alert], now: datetime) -> None:
        """Shuts subjects out for a time, where the settings say so; an incident is opened for each."""
        told = self.gateway.settings.watch
        wanted = [each for each in fresh if each.rule in told.contain and each.kind in _CONTAINED]
        number, until = await self.desk.incidents.next_number(), now + timedelta(minutes=told.contain_minutes)
        for place, alert in enumerate(wanted):
            title, why = f"{alert.rule} of {alert.kind} {alert.subject}"[:256], f"alert {alert.number}"
            incident, steps = await self.desk.opening(
                work, title, alert.severity, ACTOR, alerts=[alert], number=number + place
            )
            kind = RevokedKind(alert.kind)
            self.desk.containing(work, incident, steps, kind, alert.subject, ACTOR, why, until)

    async def _write(self, work: UnitOfWork) -> None:
        """Writes memories with what is in the unit of work."""
        touched = self.watch.touched
        memories = {key: self.watch.known[key] for key in touched}
        self.alerts.keep(work, memories, touched, self.position)
        await self.gateway.engine.committer.commit(work)
        self.watch.kept()
        self.kept_at = time.monotonic()

    def _log(self, alert: Alert) -> None:
        self.gateway.engine.log.warning(
            "alert",
            alert=alert.number,
            rule=alert.rule,
            severity=alert.severity,
            kind=alert.kind,
            subject=alert.subject,
            count=alert.count,
            explanation=alert.explanation,
        )


_CONTAINED = frozenset({"person", "node", "organisation"})


def _alert(raised: Raised, number: int) -> Alert:
    return Alert(
        number=number,
        rule=raised.rule,
        kind=raised.subject.kind,
        subject=raised.subject.name,
        severity=raised.severity,
        explanation=raised.explanation,
        events=raised.events,
        first_at=raised.at,
        last_at=raised.at,
    )


def _again(before: Alert, raised: Raised) -> Alert:
    return replace(
        before,
        explanation=raised.explanation,
        events=raised.events,
        last_at=max(before.last_at, raised.at),
        count=before.count + 1,
    )


def _round(count: int) -> bool:
    """10, 100, 1 000, …: what comes again and again is told to the trail at these."""
    return str(count).strip("0") == "1"


def _known(found: Sequence[Kin | None]) -> Iterator[Kin]:
    return (each for each in dict.fromkeys(found) if each is not None)


async def watch(gateway: Gateway, handover: Handover) -> None:
    """Watches until cancelled. A failure is logged, and the watch begins again where it was last kept."""
    watcher: Watcher | None = None
    while True:
        await handover.wait(REST_SECONDS)
        try:
            watcher = watcher or await resume(gateway)
            while rows := handover.next():
                await watcher.take(rows)
            await watcher.rest()
        except GatewayError as error:
            gateway.engine.log.warning("watch", error=type(error).__name__, detail=error.detail)
            watcher = None


async def resume(gateway: Gateway) -> Watcher:
    """The watch as it was last kept, after the events that were indexed since then."""
    engine = gateway.engine
    alerts, now = alert_store(gateway), time.monotonic()
    access = engine.services.access
    watcher = Watcher(
        gateway=gateway,
        watch=Watch(rules_of(gateway.settings.watch)),
        relations=Relations(access.directory, engine.services.patients),
        alerts=alerts,
        desk=incident_desk(gateway),
        position=await alerts.position() or 0,
        kept_at=now,
        forgot_at=now,
    )
    await watcher.catch_up(await engine.journal.indexed())
    return watcher


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
