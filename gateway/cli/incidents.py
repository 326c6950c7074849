"""Opens alerts and incidents of an installation, for the watch and for one command at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.cli.compose import Gateway, compose
from gateway.config import Settings
from gateway.crypto.envelope import KeyTree
from gateway.pipeline.guarding import IncidentDesk
from gateway.stores.alerts import AlertStore
from gateway.stores.incidents import IncidentStore
from gateway.watch.incident import Incident, Step, broken


def alert_store(gateway: Gateway) -> AlertStore:
    """Alerts, and what rules remember."""
    return AlertStore(gateway.database, _keys(gateway.settings))


def incident_desk(gateway: Gateway) -> IncidentDesk:
    """Where incidents are worked on."""
    incidents = IncidentStore(gateway.database, _keys(gateway.settings))
    return IncidentDesk(gateway.engine, incidents, alert_store(gateway), gateway.revocations)


def _keys(settings: Settings) -> KeyTree:
    return KeyTree.at(settings.content.master_key)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Gateway, IncidentDesk]]:
    """A gateway that serves nobody, and its desk."""
    gateway = compose(settings)
    try:
        yield gateway, incident_desk(gateway)
    finally:
        await gateway.close()


async def told_of(desk: IncidentDesk, number: int) -> tuple[Incident, list[Step], list[int]]:
    """An incident, its steps, and the numbers of those that are not what the trail was told."""
    incident, steps = await desk.incident(number), await desk.steps(number)
    bad = {*broken(steps), *await desk.untold(steps)}
    if incident.steps != len(steps):
        bad.add(max(len(steps), incident.steps))
    return incident, steps, sorted(bad)
