"""The keeper: seals the audit trail, forgets old message ids, sweeps blobs, tends access."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

import orjson

from gateway.audit.rows import Block, StoredRow
from gateway.audit.sealer import seal
from gateway.cli.checking import Vigil
from gateway.cli.compose import Gateway, utc_now
from gateway.cli.erasing import Eraser
from gateway.cli.indexing import index_once
from gateway.cli.tending import forget, tend
from gateway.cli.watching import Handover
from gateway.crypto.merkle import Frontier
from gateway.errors import GatewayError
from gateway.stores.database import Rows
from gateway.stores.events import slot_of
from gateway.stores.keys import first_key
from gateway.stores.partitions import make_ahead
from gateway.stores.proofs import ProofStore
from gateway.stores.rows import millis
from gateway.stores.tree import TreeStore
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


async def keep(gateway: Gateway, handover: Handover) -> None:
    """Works until cancelled; what was indexed goes to the watch.

    A failure is logged and tried again; it never stops the service.
    """
    await _note_signer(gateway)
    sealing, vigil, eraser = await resume(gateway), Vigil(gateway), Eraser(gateway)
    swept = time.monotonic() - SWEEP_SECONDS
    while True:
        await asyncio.sleep(SEAL_SECONDS)
        try:
            if time.monotonic() - swept >= SWEEP_SECONDS:
                await make_ahead(gateway.database, slot_of(millis(gateway.engine.clock())))
            while await seal_once(gateway, sealing):
                await asyncio.sleep(0)
            await vigil.look(sealing.frontier, sealing.since)
            while await _tile_once(gateway) or await index_once(gateway, handover):
                await asyncio.sleep(0)
            await _forget(gateway)
            # No request asks for the policy here; what is tended goes by the one in force all the same.
            await gateway.engine.policies.in_force()
            await tend(gateway)
            await eraser.step()
            if time.monotonic() - swept >= SWEEP_SECONDS:
                swept = time.monotonic()
                await gateway.engine.services.repository.sweep(time.time() - ORPHAN_AGE.total_seconds())
                await forget(gateway)
        except GatewayError as error:
            gateway.engine.log.warning("keeper", error=type(error).__name__, detail=error.detail)
            sealing = await resume(gateway)


async def seal_rest(gateway: Gateway) -> None:
    """Seals what is left when the server ends; what cannot be sealed now is after the next start."""
    try:
        sealing = await resume(gateway)
        while await seal_once(gateway, sealing):
            await asyncio.sleep(0)
    except GatewayError as error:
        gateway.engine.log.warning("keeper", error=type(error).__name__, detail=error.detail)


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
    rows = _in_order(
        await engine.journal.unsealed(sealing.since, BATCH),
        await engine.journal.unsealed_blocks(sealing.since, BATCH),
    )
    if not rows:
        return False
    now = engine.clock()
    origin = f"passerelle/{gateway.settings.environment}/{gateway.settings.domain.home_community_id}"
    leaves, tree, frontier = seal(rows, sealing.frontier, gateway.signer, origin, now)
    # Ids are made by the clock of the machine, whatever the trusted time is.
    made = first_key(utc_now() - LATEST_COMMIT)
    since = min(rows[-1].id, made) if len(rows) < BATCH else sealing.since
    work = UnitOfWork()
    engine.journal.seal(work, [(leaf.position, leaf.audit_id, leaf.leaf) for leaf in leaves])
    engine.journal.checkpoint(work, tree.size, tree.root, tree.note, now)
    kept = {"size": frontier.size, "roots": [root.hex() for root in frontier.roots], "since": since}
    engine.journal.keep_frontier(work, orjson.dumps(kept).decode())
    await engine.committer.commit(work)
    sealing.frontier, sealing.since = frontier, since
    return len(rows) == BATCH


def _in_order(rows: Rows, blocks: Rows) -> list[StoredRow | Block]:
    """The first of audit rows and blocks by their ids, as many as a batch takes."""
    found: list[StoredRow | Block] = [StoredRow(**row._mapping) for row in rows]  # noqa: SLF001 - public name
    found += [Block(**block._mapping) for block in blocks]  # noqa: SLF001 - as above
    return sorted(found, key=lambda each: each.id)[:BATCH]


async def _tile_once(gateway: Gateway) -> bool:
    """Keeps roots of subtrees that became full; tells whether there may be more."""
    work = UnitOfWork()
    more = await TreeStore(gateway.database).tile(work)
    if work.steps:
        await gateway.engine.committer.commit(work)
    return more


async def _note_signer(gateway: Gateway) -> None:
    """Who signs the trail from now on is kept with it, for the time when the certificate is another."""
    work = UnitOfWork()
    now = gateway.engine.clock()
    if await ProofStore(gateway.database).note_signer(work, gateway.signer.certificate, now):
        await gateway.engine.committer.commit(work)


async def _forget(gateway: Gateway) -> None:
    work = UnitOfWork()
    now = gateway.engine.clock()
    gateway.engine.journal.forget(work, now)
    gateway.engine.services.access.tokens.store.forget(work, now)
    await gateway.engine.committer.commit(work)
