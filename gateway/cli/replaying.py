"""Reads stored decisions out of the audit trail and has them made again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from gateway.cli.policyroom import PolicyRoom
from gateway.policy.replay import Replay, Replayed
from gateway.stores.keys import first_key

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Exchange:
    """The decisions of one exchange, made again."""

    trace: str
    decisions: list[Replayed]


async def replayed(room: PolicyRoom, trace: str, since: datetime, limit: int) -> list[Exchange]:
    """Exchanges with a decision, oldest first: of one trace, or the first since an instant."""
    engine = room.gateway.engine
    replay = Replay(room.archive, engine.services.access.rights.store.rights_version)
    found: dict[tuple[str, str], Exchange] = {}
    async for trace_id, text in _texts(room, trace, since):
        # one exchange may have told the audit several times of one decision
        if (trace_id, text) not in found:
            if len(found) == limit:
                break
            found[trace_id, text] = Exchange(trace_id, await replay.receipt(text))
    return list(found.values())


async def _texts(room: PolicyRoom, trace: str, since: datetime) -> AsyncIterator[tuple[str, str]]:
    journal = room.gateway.engine.journal
    if trace:
        for row in await journal.trace(trace):
            if row.decision is not None:
                yield row.trace_id, row.decision
        return
    key = first_key(since)
    while rows := await journal.decided(key, _BATCH):
        for row in rows:
            yield row.trace_id, row.decision
        key = rows[-1].id + 1
