"""The HTTPS listener: mutual TLS, bounded HTTP/1.1, an ASGI application behind it (uvicorn's protocol)."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any, cast

from uvicorn import Config
from uvicorn.server import ServerState

from gateway.config import Limits, Settings
from gateway.transport.gate import Gate, OnFailure, Peer, drained
from gateway.transport.http import BoundedHttp, OnAbuse
from gateway.transport.tls import ServerTls

TICK_SECONDS = 1.0
TICKS_PER_LIMIT = 4


class HttpServer:
    """Serves an ASGI application on listening sockets, in the running event loop.

    The application finds the Peer in its scope under `gateway.transport.http.PEER`. Without `tls` only
    loopback sockets are served. `on_failure` hears of connections that did not come about, `on_abuse`
    of peers that broke a limit or the framing.
    """

    def __init__(
        self,
        app: Any,
        limits: Limits,
        tls: ServerTls | None,
        sockets: Sequence[socket.socket],
        *,
        on_failure: OnFailure,
        on_abuse: OnAbuse,
    ) -> None:
        self._limits = limits
        self._on_abuse = on_abuse
        self._config = _config(app, limits)
        self._state = ServerState()
        self._watch: asyncio.Task[None] | None = None
        self._gates = [
            Gate(
                listener,
                self._protocol,
                tls,
                handshake_seconds=limits.handshake_seconds,
                on_failure=on_failure,
                room=self._room,
            )
            for listener in sockets
        ]

    def start(self) -> None:
        """Begin to accept."""
        self._date()
        self._watch = asyncio.get_running_loop().create_task(self._watching())
        for gate in self._gates:
            gate.open()

    async def stop(self, drain_seconds: float) -> None:
        """Accept no more, let running requests finish within the time, then close what is left."""
        for gate in self._gates:
            await gate.close()
        connections = cast("set[BoundedHttp]", self._state.connections)
        for connection in list(connections):
            connection.shutdown()
        await drained(connections, drain_seconds)
        for task in list(self._state.tasks):
            task.cancel()
        for connection in list(connections):
            connection.transport.abort()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    def _protocol(self, peer: Peer) -> asyncio.Protocol:
        return BoundedHttp(
            self._config, self._state, {}, peer=peer, limits=self._limits, on_abuse=self._on_abuse
        )

    def _room(self, greeting: int) -> bool:
        return greeting + len(self._state.connections) <= self._limits.https_connections

    async def _watching(self) -> None:
        """The clock of every connection: one look at all of them, instead of timers at each request."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_tick(self._limits))
            self._date()
            now = loop.time()
            for connection in list(cast("set[BoundedHttp]", self._state.connections)):
                connection.check(now)

    def _date(self) -> None:
        self._state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]


def _config(app: Any, limits: Limits) -> Config:
    """What uvicorn's protocol reads of its configuration; listeners, TLS and signals are ours."""
    config = Config(
        app,
        interface="asgi3",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    config.timeout_keep_alive = cast("int", limits.keep_alive_seconds)
    config.load()
    return config


def _tick(limits: Limits) -> float:
    shortest = min(limits.request_head_seconds, limits.request_seconds, limits.body_rate_grace_seconds)
    return min(TICK_SECONDS, shortest / TICKS_PER_LIMIT)


async def serve_https(
    app: Any,
    settings: Settings,
    tls: ServerTls,
    sockets: Sequence[socket.socket],
    *,
    on_tls_failure: OnFailure,
    on_abuse: OnAbuse,
    stop: asyncio.Event,
) -> None:
    """Serve until `stop` is set, then drain."""
    server = HttpServer(app, settings.limits, tls, sockets, on_failure=on_tls_failure, on_abuse=on_abuse)
    server.start()
    await stop.wait()
    await server.stop(settings.server.drain_seconds)
