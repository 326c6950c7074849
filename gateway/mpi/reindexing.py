"""Renews what identities are compared and found by, after the form or the settings of matching changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from gateway.errors import Outdated
from gateway.matching.blocks import Row
from gateway.mpi.context import Mpi
from gateway.record.demographics import NOTHING
from gateway.stores.committer import GroupCommitter
from gateway.stores.identities import Held
from gateway.stores.work import UnitOfWork

BATCH = 5_000
"""Identities whose rows are read in one go: the rows are ordered by token, so each batch passes over all."""

_TOGETHER = 64
"""So many are written at once."""


@dataclass(frozen=True, slots=True)
class Reindexed:
    """How many identities were looked at, renewed, or changed by a feed meanwhile."""

    seen: int = 0
    renewed: int = 0
    outdated: int = 0


async def reindex(
    mpi: Mpi, committer: GroupCommitter, *, everything: bool = False, batch: int = BATCH
) -> Reindexed:
    """Recomputes traits and rows of identities whose traits are missing or of an older form, or of all.

    Each identity is renewed at once or not at all, so that a server may run meanwhile. Nobody is linked by
    this; the next feed about a person compares anew.
    """
    seen = renewed = outdated = 0
    async for held in _batches(mpi, batch):
        seen += len(held)
        stale = [each for each in held if _told(each) and (everything or not mpi.matcher.current(each))]
        rows = await mpi.store.rows_between(stale[0].identity.key, stale[-1].identity.key) if stale else {}
        for at in range(0, len(stale), _TOGETHER):
            done = await asyncio.gather(
                *(
                    _renew(mpi, committer, each, rows.get(each.identity.key, frozenset()))
                    for each in stale[at : at + _TOGETHER]
                )
            )
            renewed += sum(done)
            outdated += len(done) - sum(done)
    return Reindexed(seen, renewed, outdated)


async def _batches(mpi: Mpi, size: int) -> AsyncIterator[Sequence[Held]]:
    after = 0
    while held := await mpi.store.following(after, size):
        yield held
        after = held[-1].identity.key


def _told(held: Held) -> bool:
    """Identities that the index issued have nothing to be compared by."""
    return held.told != NOTHING


async def _renew(mpi: Mpi, committer: GroupCommitter, held: Held, old: frozenset[Row]) -> bool:
    traits = mpi.matcher.traits(held.told, held.identity.id)
    rows = mpi.matcher.rows(traits, held.told)
    work = UnitOfWork()
    mpi.store.renew(work, held, mpi.matcher.pack(traits), added=rows - old, dropped=old - rows)
    try:
        await committer.commit(work)
    except Outdated:
        return False
    return True
