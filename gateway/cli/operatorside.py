"""The operators' side of a worker: their listener, and in the first one the way of their trail."""

from __future__ import annotations

import asyncio
import socket

from gateway.cli.compose import Gateway
from gateway.cli.operatordesk import desk_of, operator_store
from gateway.cli.operatorsdoor import Knocks, OperatorsDoor
from gateway.cli.operatortrail import TrailKeeper
from gateway.identity.operators import OperatorDesk
from gateway.transport.https import HttpServer
from gateway.transport.tls import ServerTls


class OperatorSide:
    """Without operators there is no listener, but the trail of commands is kept all the same."""

    def __init__(
        self, gateway: Gateway, tls: ServerTls, listener: socket.socket | None, *, first: bool
    ) -> None:
        self._gateway = gateway
        self._store = operator_store(gateway.settings, gateway.database)
        self._first = first
        self._keeping: asyncio.Task[None] | None = None
        desk = desk_of(gateway.settings, self._store, gateway.engine.clock)
        self._knocks = Knocks(desk, gateway.engine.log)
        self.servers: tuple[HttpServer, ...] = ()
        if listener is not None:
            self.servers = (self._server(tls, listener, desk),)

    def start(self) -> None:
        """Begins to keep the trail; the listener is started with the others."""
        if self._first:
            self._keeping = asyncio.create_task(TrailKeeper(self._gateway, self._store).run())

    async def finish(self) -> None:
        """Waits for lines being written, then stops; what has yet to leave does so after the next start."""
        await self._knocks.finish()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    def _server(self, tls: ServerTls, listener: socket.socket, desk: OperatorDesk) -> HttpServer:
        settings = self._gateway.settings
        door = OperatorsDoor(
            desk,
            frozenset(settings.operators.bastions),
            settings.environment,
            self._gateway.nodes,
            self._knocks,
        )
        knocks = self._knocks
        return HttpServer(
            door, settings.limits, tls, [listener], on_failure=knocks.failure, on_abuse=knocks.abuse
        )
