"""Makes what other systems sent findable again, from the blocks it is kept in; after a loss of the index."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.cli.compose import Gateway, compose
from gateway.config import Settings
from gateway.errors import Outdated
from gateway.stores.events import USE
from gateway.stores.work import UnitOfWork

BLOCKS = 8
"""So many are noted in one transaction: whoever else writes waits for some milliseconds only."""
_ALL = 2**63 - 1


async def index_received(settings: Settings) -> int:
    """Goes through all blocks, beside a server that runs; gives how many messages stand in them.

    What is found stays, what is missing is added; so it can be ended, and begun again, at any time.
    """
    gateway = compose(settings)
    try:
        count, after = 0, -1
        blocks = gateway.engine.services.access.trail.blocks
        while numbers := await blocks.between(USE, after, _ALL, BLOCKS):
            count += await _indexed(gateway, numbers)
            after = numbers[-1]
        return count
    finally:
        await gateway.close()


async def _indexed(gateway: Gateway, numbers: Sequence[int]) -> int:
    """Again when a week was erased while its messages were read: then they are there no more."""
    while True:
        work = UnitOfWork()
        count = await gateway.engine.services.access.trail.index(work, numbers)
        try:
            if work.steps:
                await gateway.engine.committer.commit(work)
        except Outdated:
            continue
        return count
