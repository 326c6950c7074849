"""Takes the operators' trail from the database to its syslog receiver, in order, until it has left."""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from gateway.cli.compose import Gateway
from gateway.client.syslog import SyslogLine, connect
from gateway.errors import GatewayError
from gateway.stores.operators import OperatorStore
from gateway.stores.work import UnitOfWork
from gateway.transport.tls import client_context

LOOK_SECONDS = 0.5
PAUSE_SECONDS = 5.0
BATCH = 200


class TrailForwarder:
    """While the receiver is away lines wait in the database. One may arrive twice, none is left out."""

    def __init__(self, gateway: Gateway, store: OperatorStore) -> None:
        self._gateway = gateway
        self._store = store
        self._line: SyslogLine | None = None

    async def run(self) -> None:
        """Works until cancelled. A receiver that is away is told to the log once."""
        away = False
        try:
            while True:
                try:
                    await self._forward()
                    away = False
                except (GatewayError, SQLAlchemyError) as error:
                    await self._close()
                    if not away:
                        self._gateway.engine.log.warning("operators' trail waits", error=type(error).__name__)
                    away = True
                await asyncio.sleep(PAUSE_SECONDS if away else LOOK_SECONDS)
        finally:
            await self._close()

    async def _forward(self) -> None:
        while lines := await self._store.unsent(BATCH):
            if self._line is None:
                settings = self._gateway.settings
                self._line = await connect(settings.operators.syslog, client_context(settings.tls))
            await self._line.send([line.encode() for _, line in lines])
            work = UnitOfWork()
            at = int(self._gateway.engine.clock().timestamp() * 1_000)
            self._store.sent(work, [key for key, _ in lines], at)
            await self._store.write(work)

    async def _close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()
