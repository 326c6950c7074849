"""Opens the record of an installation without serving it, and renews its index of patients."""

from __future__ import annotations

from gateway.cli.compose import compose
from gateway.config import Settings
from gateway.mpi.reindexing import Reindexed, reindex


async def reindexed(settings: Settings, *, everything: bool) -> Reindexed:
    """What became of the identities."""
    gateway = compose(settings)
    try:
        return await reindex(
            gateway.engine.services.index.mpi, gateway.engine.committer, everything=everything
        )
    finally:
        await gateway.close()
