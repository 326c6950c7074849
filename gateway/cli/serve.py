"""Serves: listeners, workers that answer, one process for what goes on behind them (`passerelle serve`)."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import orjson

from gateway.audit.alerts import application_activity
from gateway.audit.record import AuditFacts
from gateway.cli.alarms import Alarms
from gateway.cli.behind import beside, serve_behind, told_elsewhere
from gateway.cli.collecting import Collector, receivers
from gateway.cli.compose import Gateway, compose
from gateway.cli.doors import doors
from gateway.cli.guarding import Guard
from gateway.cli.log import tell_refused
from gateway.cli.operatorside import OperatorSide
from gateway.config import Settings
from gateway.declare import events
from gateway.declare.bindings import Raw
from gateway.errors import GatewayError, SettingsInvalid
from gateway.pipeline.run import run
from gateway.record.people import Code
from gateway.transport.application import Application
from gateway.transport.gate import Peer, bind
from gateway.transport.https import HttpServer
from gateway.transport.mllp import MllpServer
from gateway.transport.syslog import bind_datagrams
from gateway.transport.tls import ServerTls
from gateway.transport.workers import run as run_loop
from gateway.transport.workers import run_processes, until_stopped

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

    def behind() -> None:
        run_loop(serve_behind(settings, sockets.health))

    def work(index: int) -> None:
        ready = (lambda: on_ready(sockets)) if index == 0 else (lambda: None)
        run_loop(_serve(settings, sockets, ready))

    works: list[Callable[[], None]] = [behind, *(partial(work, index) for index in range(workers))]
    return run_processes([partial(_or_refused, each) for each in works])


def _or_refused(work: Callable[[], None]) -> None:
    """What stands in the way of a start is told in one line, as by the command itself."""
    try:
        work()
    except GatewayError as error:
        sys.exit(tell_refused(error))


async def _serve(settings: Settings, sockets: Sockets, ready: Callable[[], None]) -> None:
    gateway = compose(settings)
    await gateway.time.look()
    log = gateway.engine.log
    tls = ServerTls(settings.tls, alert=lambda error: log.error("tls files refused", reason=str(error)))
    alarms = Alarms(gateway)
    guard = Guard(gateway, tells=False)
    await guard.begin()
    operators = OperatorSide(gateway, tls, sockets.admin)
    collector = Collector(gateway, alarms)
    arrivals = receivers(gateway, tls, sockets.syslog, sockets.datagrams, alarms, collector)
    servers = (*_servers(gateway, tls, sockets, alarms), *arrivals, *operators.servers)
    async with beside(gateway, guard, told_elsewhere):
        # Nobody is let in before the trail has taken this: a start that fails breaks off no request.
        await alarms.tell(_activity(gateway, events.APPLICATION_START))
        for server in servers:
            server.start()
        collector.start()
        ready()
        await until_stopped()
        drain_seconds, since = settings.server.drain_seconds, asyncio.get_running_loop().time()
        await asyncio.gather(*(server.stop(drain_seconds) for server in servers))
        left = drain_seconds - (asyncio.get_running_loop().time() - since)
        await collector.finish(max(left, SHORTEST_DRAIN_SECONDS))
        await alarms.tell(_activity(gateway, events.APPLICATION_STOP))
        await alarms.finish()
        await operators.finish()
    await gateway.close()


def _servers(
    gateway: Gateway, tls: ServerTls, sockets: Sockets, alarms: Alarms
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
    return https, mllp


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
