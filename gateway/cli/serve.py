"""Serves: listeners, workers, and the keeper that seals the audit trail (`passerelle serve`)."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import orjson

from gateway.audit.alerts import application_activity
from gateway.audit.record import AuditFacts
from gateway.cli.alarms import Alarms, raise_alert
from gateway.cli.collecting import Collector, receivers
from gateway.cli.compose import Gateway, compose
from gateway.cli.doors import doors
from gateway.cli.forwarding import forwarders
from gateway.cli.guarding import Guard
from gateway.cli.keeper import keep
from gateway.cli.lasting import Work, lasting
from gateway.cli.operations import operations_app
from gateway.cli.operatorside import OperatorSide
from gateway.cli.sending import deliverer
from gateway.cli.stamping import Stamping
from gateway.cli.watching import Handover, watch
from gateway.config import Settings
from gateway.declare import events
from gateway.declare.bindings import Raw
from gateway.declare.events import Outcome
from gateway.errors import SettingsInvalid
from gateway.pipeline.run import run
from gateway.record.people import Code
from gateway.transport.application import Application
from gateway.transport.gate import Peer, bind
from gateway.transport.https import HttpServer
from gateway.transport.mllp import MllpServer
from gateway.transport.syslog import bind_datagrams
from gateway.transport.tls import ServerTls
from gateway.transport.workers import run as run_loop
from gateway.transport.workers import run_workers, until_stopped

LOOPBACK = "127.0.0.1"
SHORTEST_DRAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Listening sockets, bound before the workers are forked.

    `admin` is the operators' listener where operators are configured, `health` the plain one on loopback,
    `datagrams` takes syslog over UDP where that is on.
    """

    https: socket.socket
    mllp: socket.socket
    health: socket.socket
    syslog: socket.socket
    admin: socket.socket | None = None
    datagrams: socket.socket | None = None

    @property
    def ports(self) -> dict[str, int]:
        """Port numbers in use, by listener. Without operators health is at the port of the administration."""
        found = {
            "https": self.https,
            "mllp": self.mllp,
            "syslog": self.syslog,
            "admin": self.admin or self.health,
        }
        if self.datagrams is not None:
            found["syslog-udp"] = self.datagrams
        if self.admin is not None:
            found["health"] = self.health
        return {name: each.getsockname()[1] for name, each in found.items()}


def open_sockets(settings: Settings) -> Sockets:
    """All listeners of the settings."""
    server, repository = settings.server, settings.repository
    admin = _bound(server.admin_host, server.admin_port)
    operated = settings.operators.configured
    udp = repository.udp_port
    return Sockets(
        https=_bound(server.host, server.port),
        mllp=_bound(server.host, server.mllp_port),
        syslog=_bound(server.host, repository.syslog_port),
        health=_bound(LOOPBACK, settings.operators.health_port) if operated else admin,
        admin=admin if operated else None,
        datagrams=None if udp is None else _bound(server.host, udp, bind_datagrams),
    )


def _bound(host: str, port: int, make: Callable[[str, int], socket.socket] = bind) -> socket.socket:
    try:
        return make(host, port)
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise SettingsInvalid(f"cannot listen on {host}, port {port}: {reason}") from error


def serve(settings: Settings, workers: int, on_ready: Callable[[Sockets], None]) -> int:
    """Serves until told to stop; gives the exit code. `on_ready` is called once, in the first worker."""
    sockets = open_sockets(settings)

    def work(index: int) -> None:
        ready = (lambda: on_ready(sockets)) if index == 0 else (lambda: None)
        run_loop(_serve(settings, sockets, index, ready))

    return run_workers(workers, work)


async def _serve(settings: Settings, sockets: Sockets, index: int, ready: Callable[[], None]) -> None:
    gateway = compose(settings)
    wrong = await gateway.time.look()
    tls = ServerTls(
        settings.tls, alert=lambda error: gateway.engine.log.error("tls files refused", reason=str(error))
    )
    alarms = Alarms(gateway)
    guard = Guard(gateway, index == 0)
    await guard.begin()
    side = OperatorSide(gateway, tls, sockets.admin, first=index == 0)
    collector = Collector(gateway, alarms)
    arrivals = receivers(gateway, tls, sockets.syslog, sockets.datagrams, alarms, collector)
    asking = _servers(gateway, tls, sockets, alarms, guard, first=index == 0)
    servers = (*asking, *arrivals, *side.servers)
    for server in servers:
        server.start()
    side.start()
    collector.start()
    log = gateway.engine.log
    beside = _work(gateway, guard, first=index == 0)
    working = [asyncio.create_task(lasting(name, work, log)) for name, work in beside]
    sender = deliverer(gateway) if index == 0 else None
    sending = asyncio.create_task(sender.run()) if sender is not None else None
    await alarms.tell(_activity(gateway, events.APPLICATION_START))
    if wrong and index == 0:
        await _clock_is_wrong(gateway, gateway.time.offset)
    # What stands now stays: else each full collection would go through all of it, beside the requests.
    gc.freeze()
    ready()
    await until_stopped()
    drain_seconds, since = settings.server.drain_seconds, asyncio.get_running_loop().time()
    await asyncio.gather(*(server.stop(drain_seconds) for server in servers))
    left = drain_seconds - (asyncio.get_running_loop().time() - since)
    await collector.finish(max(left, SHORTEST_DRAIN_SECONDS))
    if sender is not None and sending is not None:
        sending.cancel()
        await asyncio.gather(sending, sender.stop(settings.server.drain_seconds), return_exceptions=True)
    await alarms.tell(_activity(gateway, events.APPLICATION_STOP))
    await alarms.finish()
    await side.finish()
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    await gateway.close()


def _work(gateway: Gateway, guard: Guard, *, first: bool) -> Iterator[tuple[str, Work]]:
    """What goes on beside the requests until the worker ends: some of it in one worker only."""
    yield "issuers", gateway.issuers.run
    if gateway.settings.clock.servers:
        told = partial(_clock_is_wrong, gateway) if first else _told_by_the_first
        yield "clock", partial(gateway.time.run, told)
    yield "guard", guard.run
    if first:
        handover = Handover()
        yield "keeper", partial(keep, gateway, handover)
        yield "watch", partial(watch, gateway, handover)
        yield "stamps", Stamping(gateway).run
        for each in forwarders(gateway):
            yield f"receiver {each.destination.name}", each.run


async def _clock_is_wrong(gateway: Gateway, offset: float) -> None:
    text = f"the clock of this system is {offset:.1f} s from that of the time servers"
    await raise_alert(gateway, events.PROTOCOL_ABUSE, Outcome.MINOR_FAILURE, text)


async def _told_by_the_first(_offset: float) -> None:
    """All workers have one clock; one alert is enough."""


def _servers(
    gateway: Gateway, tls: ServerTls, sockets: Sockets, alarms: Alarms, guard: Guard, *, first: bool
) -> Sequence[HttpServer | MllpServer]:
    limits = gateway.settings.limits
    application = Application(gateway.engine, doors(gateway), gateway.settings.server.public_url)
    https = HttpServer(
        application, limits, tls, [sockets.https], on_failure=alarms.failure, on_abuse=alarms.abuse
    )
    mllp = MllpServer(
        _hl7v2_handler(gateway),
        tls,
        limits,
        [sockets.mllp],
        admit=lambda peer: (
            gateway.nodes.authenticate(peer.certificate, peer.host, gateway.engine.clock()).name
        ),
        on_failure=alarms.failure,
        on_abuse=alarms.abuse,
    )
    if not first:
        return https, mllp
    health = HttpServer(
        operations_app(gateway, guard),
        limits,
        None,
        [sockets.health],
        on_failure=alarms.failure,
        on_abuse=alarms.abuse,
    )
    return https, mllp, health


def _hl7v2_handler(gateway: Gateway) -> Callable[[bytes, Peer], Awaitable[bytes]]:
    async def handle(frame: bytes, peer: Peer) -> bytes:
        raw = Raw(body=frame, peer_certificate=peer.certificate or None, peer_host=peer.host, target="mllp")
        return b"".join((await run(raw, gateway.hl7v2, gateway.engine)).chunks())

    return handle


def _activity(gateway: Gateway, kind: Code) -> AuditFacts:
    engine = gateway.engine
    return application_activity(
        kind, at=engine.clock(), here=engine.here, launcher="passerelle", audit_source=engine.audit_source
    )


def announce(sockets: Sockets) -> None:
    """Tells on standard output, in one line of JSON, that the server is ready and on which ports."""
    print(orjson.dumps({"ready": True, "ports": sockets.ports}).decode(), flush=True)
