"""Two persons for what cannot be undone: one proposes, another confirms (dual control)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from gateway.cli.compose import Gateway
from gateway.declare.events import Outcome
from gateway.errors import Denied
from gateway.record.retention import Proposal
from gateway.stores.proposals import ProposalStore
from gateway.stores.work import UnitOfWork
from gateway.watch.incident import FOUR_EYES

VALID_MS = int(timedelta(days=7).total_seconds() * 1000)
"""How long a proposal holds."""


@dataclass(frozen=True, slots=True)
class TwoPersons:
    """`tell` notes the audit row of what becomes of a proposal."""

    gateway: Gateway
    tell: Callable[[str, UnitOfWork, Outcome], object]

    async def agree(self, work: UnitOfWork, wish: Proposal, *, since: int = 0) -> bool:
        """Whether another person proposed the same: that it is confirmed is then noted, to be committed.

        Else this is the proposal, which is written with its audit row. Denied, and told, to who proposed it.
        A proposal holds for seven days, and is void when it was made before `since` (milliseconds).
        """
        store = ProposalStore(self.gateway.database)
        before = await store.one(wish.subject)
        if before is None or before.at < max(since, wish.at - VALID_MS):
            return await self._propose(store, wish)
        if not before.confirmed_by(wish.actor):
            await self._refuse()
        store.end(work, before)
        return True

    async def _propose(self, store: ProposalStore, wish: Proposal) -> bool:
        work = UnitOfWork()
        store.put(work, wish)
        self.tell(f"proposed: {wish.reason.strip()}".rstrip(": "), work, Outcome.SUCCESS)
        await self.gateway.engine.committer.commit(work)
        return False

    async def _refuse(self) -> None:
        work = UnitOfWork()
        error = Denied("who proposed this may not confirm it; another person must", reason=FOUR_EYES)
        self.tell(f"refused: {error.detail}", work, Outcome.SERIOUS_FAILURE)
        await self.gateway.engine.committer.commit(work)
        raise error
