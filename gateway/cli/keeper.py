"""The keeper: seals the audit trail, forgets old message ids, sweeps blobs, tends access."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

import orjson

from gateway.audit.rows import StoredRow
from gateway.audit.sealer import seal
from gateway.cli.compose import Gateway
from gateway.cli.indexing import index_once
from gateway.cli.tending import forget, tend
from gateway.crypto.merkle import Frontier
from gateway.errors import GatewayError
from gateway.stores.events import slot_of
from gateway.stores.keys import first_key
from gateway.stores.partitions import make_ahead
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

SEAL_SECONDS = 1.0
BATCH = 2_000
ORPHAN_AGE = timedelta(hours=1)
SWEEP_SECONDS = 600.0
LATEST_COMMIT = timedelta(minutes=2)
"""A row can become visible this long after its id was made; the keeper looks back as far."""


@dataclass(slots=True)
class Sealing:
    """Where the tree stands. `since` is the smallest audit id that may still be without a leaf."""

    frontier: Frontier
    since: int = 0


async def keep(gateway: Gateway) -> None:
    """Works until cancelled. A failure is logged and tried again; it never stops the service."""
    sealing = await resume(gateway)
    swept = time.monotonic() - SWEEP_SECONDS
    while True:
        await asyncio.sleep(SEAL_SECONDS)
        try:
            if time.monotonic() - swept >= SWEEP_SECONDS:
                await make_ahead(gateway.database, slot_of(millis(gateway.engine.clock())))
            while await seal_once(gateway, sealing):
                await asyncio.sleep(0)
            while await index_once(gateway):
                await asyncio.sleep(0)
            await _forget(gateway)
            await tend(gateway)
            if time.monotonic() - swept >= SWEEP_SECONDS:
                swept = time.monotonic()
                await gateway.engine.services.repository.sweep(time.time() - ORPHAN_AGE.total_seconds())
                await forget(gateway)
        except GatewayError as error:
            gateway.engine.log.warning("keeper", error=type(error).__name__, detail=error.detail)
            sealing = await resume(gateway)


async def resume(gateway: Gateway) -> Sealing:
    """The sealing as the last seal left it."""
    text = await gateway.engine.journal.frontier()
    if text is None:
        return Sealing(Frontier())
    kept = orjson.loads(text)
    roots = tuple(bytes.fromhex(root) for root in kept["roots"])
    return Sealing(Frontier(kept["size"], roots), kept["since"])


async def seal_once(gateway: Gateway, sealing: Sealing) -> bool:
    """Seals one batch; tells whether there may be more."""
    engine = gateway.engine
    found = await engine.journal.unsealed(sealing.since, BATCH)
    if not found:
        return False
    rows = [StoredRow(**row._mapping) for row in found]  # noqa: SLF001 - the public name of a row's columns
    now = engine.clock()
    origin = f"passerelle/{gateway.settings.environment}/{gateway.settings.domain.home_community_id}"
    leaves, tree, frontier = seal(rows, sealing.frontier, gateway.signer, origin, now)
    since = min(rows[-1].id, first_key(now - LATEST_COMMIT)) if len(rows) < BATCH else sealing.since
    work = UnitOfWork()
    engine.journal.seal(work, [(leaf.position, leaf.audit_id, leaf.leaf) for leaf in leaves])
    engine.journal.checkpoint(work, tree.size, tree.root, tree.note, now)
    kept = {"size": frontier.size, "roots": [root.hex() for root in frontier.roots], "since": since}
    engine.journal.keep_frontier(work, orjson.dumps(kept).decode())
    await engine.committer.commit(work)
    sealing.frontier, sealing.since = frontier, since
    return len(rows) == BATCH


async def _forget(gateway: Gateway) -> None:
    work = UnitOfWork()
    now = gateway.engine.clock()
    gateway.engine.journal.forget(work, now)
    gateway.engine.services.access.tokens.store.forget(work, now)
    await gateway.engine.committer.commit(work)
