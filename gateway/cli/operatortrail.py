"""Takes the operators' trail from the database to its syslog receiver, in order, until it has arrived."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from gateway.cli.compose import Gateway
from gateway.errors import GatewayError
from gateway.stores.operators import OperatorStore
from gateway.stores.work import UnitOfWork
from gateway.transport.syslog import SyslogSender
from gateway.transport.tls import client_context

LOOK_SECONDS = 0.5
PAUSE_SECONDS = 5.0
BATCH = 200


async def forward(gateway: Gateway, store: OperatorStore) -> None:
    """Works until cancelled. Without the receiver lines wait; one may arrive twice, none is lost here."""
    address = urlsplit(gateway.settings.operators.syslog)
    sender = SyslogSender(
        address.hostname or "", address.port or 0, lambda: client_context(gateway.settings.tls)
    )
    down = False
    try:
        while True:
            try:
                await _forward_all(gateway, store, sender)
                down = False
            except (GatewayError, SQLAlchemyError) as error:
                if not down:
                    gateway.engine.log.warning("operators' trail waits", error=type(error).__name__)
                down = True
            await asyncio.sleep(PAUSE_SECONDS if down else LOOK_SECONDS)
    finally:
        sender.close()


async def _forward_all(gateway: Gateway, store: OperatorStore, sender: SyslogSender) -> None:
    while lines := await store.unsent(BATCH):
        await sender.send(line for _, line in lines)
        work = UnitOfWork()
        store.sent(work, [key for key, _ in lines], int(gateway.engine.clock().timestamp() * 1_000))
        await store.write(work)
