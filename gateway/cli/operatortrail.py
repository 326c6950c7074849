"""Takes the operators' trail from the database to its syslog receiver, in order, until it has left."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

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
SWEEP = timedelta(hours=1)


class TrailKeeper:
    """While the receiver is away lines wait in the database. One may arrive twice, none is left out.

    What is older than the settings say is forgotten, but no line that has yet to leave.
    """

    def __init__(
        self, gateway: Gateway, store: OperatorStore, *, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._gateway = gateway
        self._told = gateway.settings.operators
        self._store = store
        self._pause = pause_seconds
        self._line: SyslogLine | None = None
        self._swept: datetime | None = None

    async def run(self) -> None:
        """Works until cancelled. A receiver that is away is told to the log once."""
        away = False
        try:
            while True:
                try:
                    await self._sweep()
                    await self._forward()
                    away = False
                except (GatewayError, SQLAlchemyError) as error:
                    await self._close()
                    if not away:
                        self._gateway.engine.log.warning("operators' trail waits", error=type(error).__name__)
                    away = True
                await asyncio.sleep(self._pause if away else LOOK_SECONDS)
        finally:
            await self._close()

    async def _forward(self) -> None:
        while self._told.syslog and (lines := await self._store.unsent(BATCH)):
            if self._line is None:
                context = client_context(self._gateway.settings.tls)
                self._line = await connect(self._told.syslog, context)
            await self._line.send([line.encode() for _, line in lines])
            work = UnitOfWork()
            at = _milliseconds(self._gateway.engine.clock())
            self._store.sent(work, [key for key, _ in lines], at)
            await self._store.write(work)

    async def _sweep(self) -> None:
        now = self._gateway.engine.clock()
        if self._swept is not None and now - self._swept < SWEEP:
            return
        self._swept = now
        work = UnitOfWork()
        before = _milliseconds(now - timedelta(days=self._told.trail_days))
        self._store.forget(work, before, only_sent=bool(self._told.syslog))
        await self._store.write(work)

    async def _close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
