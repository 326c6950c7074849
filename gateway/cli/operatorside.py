"""The operators' listener of a worker."""

from __future__ import annotations

import socket

from gateway.cli.compose import Gateway
from gateway.cli.operatordesk import desk_of, operator_store
from gateway.cli.operatorsdoor import Knocks, OperatorsDoor
from gateway.transport.https import HttpServer
from gateway.transport.tls import ServerTls


class OperatorSide:
    """Without operators there is no listener."""

    def __init__(self, gateway: Gateway, tls: ServerTls, listener: socket.socket | None) -> None:
        settings, store = gateway.settings, operator_store(gateway.settings, gateway.database)
        desk = desk_of(settings, store, gateway.engine.clock)
        self._knocks = knocks = Knocks(desk, gateway.engine.log)
        self.servers: tuple[HttpServer, ...] = ()
        if listener is None:
            return
        door = OperatorsDoor(
            desk, frozenset(settings.operators.bastions), settings.environment, gateway.nodes, knocks
        )
        self.servers = (
            HttpServer(
                door, settings.limits, tls, [listener], on_failure=knocks.failure, on_abuse=knocks.abuse
            ),
        )

    async def finish(self) -> None:
        """Waits for lines being written."""
        await self._knocks.finish()
