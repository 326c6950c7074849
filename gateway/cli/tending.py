"""What the keeper does for access: visits become relations, emergencies end, old codes are forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from gateway.cli.compose import Gateway
from gateway.errors import Outdated, Refused
from gateway.pipeline.emergencies import end_run_out
from gateway.rights.visiting import Visiting
from gateway.stores.visit_notices import VisitNotice
from gateway.stores.work import UnitOfWork

BATCH = 100
VISIT_BATCHES = 5


async def tend(gateway: Gateway) -> None:
    """One round: costs two reads where there is nothing to do, and leaves time for the seals of the audit."""
    await end_emergencies(gateway)
    for _ in range(VISIT_BATCHES):
        if not await work_in_visits(gateway):
            return


async def end_emergencies(gateway: Gateway) -> None:
    """Emergencies whose time is over end, each with its audit entry."""
    engine, work = gateway.engine, UnitOfWork()
    if await end_run_out(engine, work, BATCH):
        try:
            await engine.committer.commit(work)
        except Outdated:
            engine.log.warning("keeper", error="Outdated", detail="an emergency ended meanwhile")


async def work_in_visits(gateway: Gateway) -> bool:
    """Some visits become care relations, or change them; tells whether there may be more."""
    engine = gateway.engine
    visiting = Visiting(
        notices=engine.services.access.visits,
        book=engine.services.access.rights,
        identities=engine.services.index.mpi.store,
        affinity_root=engine.services.domain.affinity_root,
    )
    visits = await visiting.waiting(BATCH)
    await asyncio.gather(*(_work_in(gateway, visiting, each) for each in visits))
    return bool(visits)


async def _work_in(gateway: Gateway, visiting: Visiting, told: Sequence[VisitNotice]) -> None:
    """One visit; where somebody else changes the rights of the patient at this moment, it waits."""
    engine, work = gateway.engine, UnitOfWork()
    try:
        await visiting.work_in(work, told, engine.clock())
    except Refused as error:
        # What the patient decided otherwise stands in the way; the visit must not hold up the others.
        engine.log.warning("visit not worked in", trace=told[-1].trace_id, reason=error.detail)
        work = UnitOfWork()
        visiting.notices.done(work, told)
    with suppress(Outdated):
        await engine.committer.commit(work)


async def forget(gateway: Gateway) -> None:
    """Codes of presence, and wrong ones, that count no more."""
    work, engine = UnitOfWork(), gateway.engine
    engine.services.access.presence.store.forget(work, engine.clock())
    await engine.committer.commit(work)
