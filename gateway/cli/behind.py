"""The process behind the workers: seals, index, watch, proofs, what is sent, health and metrics.

It answers no partner, so that no request waits for it; workers leave it rows, and wait for nothing.
"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial

from gateway.cli.alarms import Alarms, raise_alert
from gateway.cli.compose import Gateway, compose
from gateway.cli.forwarding import forwarders
from gateway.cli.guarding import Guard
from gateway.cli.keeper import keep, seal_rest
from gateway.cli.lasting import Work, lasting
from gateway.cli.operations import operations_app
from gateway.cli.operatordesk import operator_store
from gateway.cli.operatortrail import TrailKeeper
from gateway.cli.sending import deliverer
from gateway.cli.stamping import Stamping
from gateway.cli.watching import Handover, watch
from gateway.config import Settings
from gateway.declare import events
from gateway.declare.events import Outcome
from gateway.transport.https import HttpServer
from gateway.transport.workers import until_stopped

ClockAlert = Callable[[float], Awaitable[None]]


async def serve_behind(settings: Settings, health: socket.socket) -> None:
    """Works until told to stop; then what the workers left is sealed."""
    gateway = compose(settings)
    told = partial(_clock_is_wrong, gateway)
    if await gateway.time.look():
        await told(gateway.time.offset)
    guard = Guard(gateway, tells=True)
    await guard.begin()
    alarms = Alarms(gateway)
    server = HttpServer(
        operations_app(gateway, guard),
        settings.limits,
        None,
        [health],
        on_failure=alarms.failure,
        on_abuse=alarms.abuse,
    )
    server.start()
    sender = deliverer(gateway)
    async with beside(gateway, guard, told, (("deliveries", sender.run), *_behind(gateway))):
        await until_stopped()
    await sender.stop(settings.server.drain_seconds)
    await seal_rest(gateway)
    await server.stop(settings.server.drain_seconds)
    await alarms.finish()
    await gateway.close()


def _behind(gateway: Gateway) -> Iterator[tuple[str, Work]]:
    handover = Handover()
    yield "keeper", partial(keep, gateway, handover)
    yield "watch", partial(watch, gateway, handover)
    yield "stamps", Stamping(gateway).run
    yield "operators", TrailKeeper(gateway, operator_store(gateway.settings, gateway.database)).run
    for each in forwarders(gateway):
        yield f"receiver {each.destination.name}", each.run


@asynccontextmanager
async def beside(
    gateway: Gateway, guard: Guard, clock_alert: ClockAlert, works: Iterable[tuple[str, Work]] = ()
) -> AsyncIterator[None]:
    """What goes on in a process beside its task, until that ends: what each needs, and the `works`."""
    needed: list[tuple[str, Work]] = [("issuers", gateway.issuers.run), ("guard", guard.run), *works]
    if gateway.settings.clock.servers:
        needed.append(("clock", partial(gateway.time.run, clock_alert)))
    log = gateway.engine.log
    working = [asyncio.create_task(lasting(name, work, log)) for name, work in needed]
    # What stands now stays: to look through it again and again would hold up a request for 90 ms.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


async def _clock_is_wrong(gateway: Gateway, offset: float) -> None:
    text = f"the clock of this system is {offset:.1f} s from that of the time servers"
    await raise_alert(gateway, events.PROTOCOL_ABUSE, Outcome.MINOR_FAILURE, text)


async def told_elsewhere(_offset: float) -> None:
    """All processes have one clock; one alert is enough."""
