"""The indexer: makes what was sealed in our trail findable, in the order of the tree."""

from __future__ import annotations

import asyncio

from gateway.cli.compose import Gateway, compose
from gateway.cli.watching import Handover, Sealed, arrived, noted_row
from gateway.config import Settings
from gateway.errors import GatewayError
from gateway.stores.events import OWN
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message

BATCH = 500
_AT_ONCE = 20
"""Rows read before others get their turn: a few milliseconds."""


async def index_once(gateway: Gateway, handover: Handover | None = None) -> bool:
    """Indexes some sealed rows, hands them to the watch; tells whether there may be more."""
    journal, events = gateway.engine.journal, gateway.engine.services.access.trail.events
    start = await journal.indexed()
    rows = await journal.sealed_rows(start, BATCH)
    blocks = await arrived(gateway, rows)
    work, noted = UnitOfWork(), list[Sealed]()
    for number, row in enumerate(rows):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        if row.position in blocks:
            noted.append(blocks[row.position])
        if row.message is None:
            continue
        try:
            record = read_message(row.message.encode())
        except GatewayError as error:
            gateway.engine.log.warning("audit row not indexed", row=row.audit_id, reason=error.detail)
            continue
        events.note(work, record, key=row.audit_id, trail=OWN, place=row.audit_id, again=True)
        noted.append(noted_row(row, record))
    if rows:
        journal.keep_indexed(work, rows[-1].position + 1, start)
        await gateway.engine.committer.commit(work)
        if handover is not None:
            handover.give(noted)
    return len(rows) == BATCH


async def index_again(settings: Settings) -> None:
    """Lets the server go through all of our trail again: what is found stays, what is missing is added."""
    gateway = compose(settings)
    try:
        work = UnitOfWork()
        gateway.engine.journal.keep_indexed(work, 0)
        await gateway.engine.committer.commit(work)
    finally:
        await gateway.close()
