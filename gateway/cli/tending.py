"""What the keeper does for access: visits become relations, emergencies end, old codes are forgotten."""

from __future__ import annotations

from gateway.cli.compose import Gateway
from gateway.errors import Outdated, Refused
from gateway.pipeline.emergencies import end_run_out
from gateway.rights.visiting import Visiting
from gateway.stores.work import UnitOfWork

BATCH = 500
VISITS_A_ROUND = 200


async def tend(gateway: Gateway) -> None:
    """One round: costs two reads where there is nothing to do, and leaves time for the seals of the audit."""
    await end_emergencies(gateway)
    for _ in range(VISITS_A_ROUND):
        if not await work_in_visit(gateway):
            return


async def end_emergencies(gateway: Gateway) -> None:
    """Emergencies whose time is over end, each with its audit entry."""
    engine, work = gateway.engine, UnitOfWork()
    if await end_run_out(engine, work, BATCH):
        try:
            await engine.committer.commit(work)
        except Outdated:
            engine.log.warning("keeper", error="Outdated", detail="an emergency ended meanwhile")


async def work_in_visit(gateway: Gateway) -> bool:
    """One visit becomes a care relation, or changes it; tells whether there may be more."""
    engine = gateway.engine
    access = engine.services.access
    visiting = Visiting(
        notices=access.visits,
        book=access.rights,
        identities=engine.services.index.mpi.store,
        affinity_root=engine.services.domain.affinity_root,
    )
    told = await visiting.waiting(BATCH)
    if not told:
        return False
    work = UnitOfWork()
    try:
        await visiting.work_in(work, told, engine.clock())
    except Refused as error:
        # What the patient decided otherwise stands in the way; the visit must not hold up the others.
        engine.log.warning("visit not worked in", trace=told[-1].trace_id, reason=error.detail)
        work = UnitOfWork()
        access.visits.done(work, told)
    try:
        await engine.committer.commit(work)
    except Outdated:
        return False
    return True


async def forget(gateway: Gateway) -> None:
    """Codes of presence, and wrong ones, that count no more."""
    work, engine = UnitOfWork(), gateway.engine
    engine.services.access.presence.store.forget(work, engine.clock())
    await engine.committer.commit(work)
