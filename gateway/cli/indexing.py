"""The indexer: makes what was sealed in our trail findable, in the order of the tree, once."""

from __future__ import annotations

from gateway.cli.compose import Gateway
from gateway.cli.watching import Handover, noted_row
from gateway.errors import GatewayError
from gateway.stores.events import OWN
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message

BATCH = 500


async def index_once(gateway: Gateway, handover: Handover | None = None) -> bool:
    """Indexes some sealed rows, hands them to the watch; tells whether there may be more."""
    journal, events = gateway.engine.journal, gateway.engine.services.access.trail.events
    start = await journal.indexed()
    rows = await journal.sealed_rows(start, BATCH)
    work, noted = UnitOfWork(), []
    for row in rows:
        if row.message is None:
            continue
        try:
            record = read_message(row.message.encode())
        except GatewayError as error:
            gateway.engine.log.warning("audit row not indexed", row=row.audit_id, reason=error.detail)
            continue
        events.note(work, record, key=row.audit_id, trail=OWN, place=row.audit_id)
        noted.append(noted_row(row, record))
    if rows:
        journal.keep_indexed(work, rows[-1].position + 1)
        await gateway.engine.committer.commit(work)
        if handover is not None:
            handover.give(noted)
    return len(rows) == BATCH
