"""Raises alerts: the same finding counts in the one that is open; where settings say so, it is contained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prometheus_client import Counter

from gateway.cli.compose import Gateway
from gateway.cli.incidents import incident_desk
from gateway.pipeline.alerting import tell_alert
from gateway.record.revoked import RevokedKind
from gateway.stores.alerts import Alert, AlertStore
from gateway.stores.work import UnitOfWork
from gateway.watch.rule import HOUR, Raised

ACTOR = "watch"
RECEIVED = "."
"""Parts the name of a received event until its logical id is asked for: time, block, number in it."""

_CONTAINED = frozenset({"person", "node", "organisation"})
_ALERTS = Counter("passerelle_alerts", "Findings of the watch, by rule.", ["rule", "severity"])


@dataclass(frozen=True, slots=True)
class Raising:
    """What becomes of findings; what is noted is written by the watch, with the memories it comes of."""

    gateway: Gateway
    alerts: AlertStore

    async def note(self, work: UnitOfWork, raised: Sequence[Raised], now: datetime) -> list[Alert]:
        """Notes alerts with their audit rows and what contains them; gives them as they will stand."""
        standing: dict[tuple[str, ...], Alert] = {}
        fresh: list[Alert] = []
        number = await self.alerts.next_number()
        for each in raised:
            place = (each.rule, *each.subject)
            before = standing.get(place) or await self._open(each)
            named = replace(each, events=await self._named(each.events))
            if before is None:
                alert = _alert(named, number + len(fresh))
                fresh.append(alert)
                self.alerts.add(work, alert)
            else:
                alert = _again(before, named)
                self.alerts.again(work, alert)
            standing[place] = alert
            if before is None or _round(alert.count):
                tell_alert(alert, self.gateway.engine, work)
        await self._contain(work, fresh, now)
        return list(standing.values())

    def tell(self, raised: Sequence[Raised], alerts: Sequence[Alert]) -> None:
        """Counts findings, and tells the operators' log of alerts; they hold nothing of any patient."""
        for each in raised:
            _ALERTS.labels(each.rule, each.severity).inc()
        for alert in alerts:
            self._log(alert)

    async def _open(self, raised: Raised) -> Alert | None:
        since = raised.at - self.gateway.settings.watch.fold_hours * HOUR
        return await self.alerts.like(raised.rule, *raised.subject, since)

    async def _named(self, events: Sequence[str]) -> tuple[str, ...]:
        """Logical ids, also of received events."""
        store, found = self.gateway.engine.services.access.trail.events, []
        for each in events:
            at, _, place = each.partition(RECEIVED)
            if place:
                block, _, item = place.partition(RECEIVED)
                event = await store.placed(int(at, 16), int(block, 16), int(item, 16))
                found.append(f"{event.at:x}-{event.id:x}" if event is not None else each)
            else:
                found.append(each)
        return tuple(found)

    async def _contain(self, work: UnitOfWork, fresh: Sequence[Alert], now: datetime) -> None:
        """Shuts subjects out for a time, where the settings say so; an incident is opened for each."""
        told = self.gateway.settings.watch
        wanted = [each for each in fresh if each.rule in told.contain and each.kind in _CONTAINED]
        desk, until = incident_desk(self.gateway), now + timedelta(minutes=told.contain_minutes)
        number = await desk.incidents.next_number()
        for place, alert in enumerate(wanted):
            title, why = f"{alert.rule} of {alert.kind} {alert.subject}"[:256], f"alert {alert.number}"
            incident, steps = await desk.opening(
                work, title, alert.severity, ACTOR, alerts=[alert], number=number + place
            )
            kind = RevokedKind(alert.kind)
            desk.containing(work, incident, steps, kind, alert.subject, ACTOR, why, until)

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
