"""Has the newest checkpoint stamped (RFC 3161) and cosigned by witnesses (C2SP), behind requests (AUD-06).

One call covers all rows since the last one. What fails stays pending: the next checkpoint covers it as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prometheus_client import Gauge
from sqlalchemy import Row

from gateway.audit.cosignature import found_in, read_key
from gateway.cli.alarms import raise_alert
from gateway.cli.compose import Gateway
from gateway.cli.papers import stamp_of
from gateway.client.witness import SizeDiffers, add_checkpoint
from gateway.config.trail import Witness
from gateway.declare import events
from gateway.declare.events import Outcome
from gateway.errors import GatewayError, Outdated, SignatureBroken
from gateway.stores.proofs import Cosignature, ProofStore, Stamp
from gateway.stores.tree import TreeStore
from gateway.stores.work import UnitOfWork

_PENDING = Gauge(
    "passerelle_audit_unproven_seconds",
    "Age of the oldest checkpoint without proof.",
    ["by"],
    multiprocess_mode="mostrecent",
)


@dataclass(slots=True)
class Prover:
    """One authority or witness: how far its proofs reach, and what is told when they stay away."""

    gateway: Gateway
    name: str
    reached: Callable[[], Awaitable[int]]
    prove: Callable[[Row[Any]], Awaitable[None]]
    _failing: str | None = None
    _alerted: bool = False

    async def once(self) -> None:
        """Proves the newest checkpoint, unless it is proven already."""
        engine, reached = self.gateway.engine, await self.reached()
        newest = await engine.journal.checkpoint_before()
        if newest is None or newest.size <= reached:
            _PENDING.labels(self.name).set(0)
            return
        oldest = (await engine.journal.checkpoints(reached + 1, 1))[0]
        try:
            await self.prove(newest)
        except Outdated:
            return
        except GatewayError as error:
            await self._failed(error, engine.clock().timestamp() - oldest.at / 1000)
        else:
            self._works()

    async def _failed(self, error: GatewayError, age: float) -> None:
        """The operators learn it when it begins, the audit when it lasts; once each."""
        _PENDING.labels(self.name).set(age)
        if error.detail != self._failing:
            self._failing = error.detail
            self.gateway.engine.log.warning("proof of the trail fails", by=self.name, reason=error.detail)
        if self._alerted or age < self.gateway.settings.stamps.alert_seconds:
            return
        self._alerted = True
        text = f"the audit trail is without proof by {self.name} for {int(age)} s: {error.detail}"
        self.gateway.engine.log.error("proof of the trail is missing", by=self.name, seconds=int(age))
        await raise_alert(self.gateway, events.MESSAGE_SECURITY, Outcome.SERIOUS_FAILURE, text)

    def _works(self) -> None:
        _PENDING.labels(self.name).set(0)
        if self._failing is not None:
            self.gateway.engine.log.warning("proof of the trail works again", by=self.name)
        self._failing, self._alerted = None, False


@dataclass(slots=True)
class Stamping:
    """Stamps and cosignatures of one installation, until cancelled."""

    gateway: Gateway
    store: ProofStore = field(init=False)
    provers: list[Prover] = field(init=False)

    def __post_init__(self) -> None:
        self.store = ProofStore(self.gateway.database)
        self.provers = list(self._provers())

    async def run(self) -> None:
        """Works until cancelled; one that is slow does not hold up the others."""
        while True:
            try:
                await asyncio.gather(*(each.once() for each in self.provers))
            except GatewayError as error:
                self.gateway.engine.log.warning("proofs of the trail", reason=error.detail)
            await asyncio.sleep(self.gateway.settings.stamps.every_seconds)

    def _provers(self) -> Iterator[Prover]:
        told = self.gateway.settings.stamps
        if told.url is not None:
            yield Prover(self.gateway, told.url, self.store.stamped, self._stamp)
        for witness in told.witnesses:
            yield self._witness(witness)

    async def _stamp(self, tree: Row[Any]) -> None:
        """Nothing but a token that was verified is stored."""
        told, engine = self.gateway.settings.stamps, self.gateway.engine
        token, shown = await stamp_of(told, tree.note.encode("utf-8"), engine.clock)
        work = UnitOfWork()
        self.store.stamp(work, Stamp(tree.size, told.url or "", _millis(shown.at), token))
        await engine.committer.commit(work)

    def _witness(self, witness: Witness) -> Prover:
        key = read_key(witness.key)

        async def cosign(tree: Row[Any]) -> None:
            old = await self.store.cosigned(key.name)
            try:
                answer = await self._submit(witness, old, tree)
            except SizeDiffers as differs:
                if differs.size > tree.size:
                    text = f"the witness saw a trail of {differs.size} entries, and there are {tree.size}"
                    raise SignatureBroken(text) from differs
                answer = await self._submit(witness, differs.size, tree)
            line, at = found_in(answer, tree.note, key)
            work = UnitOfWork()
            self.store.cosign(work, Cosignature(tree.size, key.name, at * 1000, line))
            await self.gateway.engine.committer.commit(work)

        return Prover(self.gateway, key.name, lambda: self.store.cosigned(key.name), cosign)

    async def _submit(self, witness: Witness, old: int, tree: Row[Any]) -> str:
        proof = await TreeStore(self.gateway.database).consistency(old, tree.size) if old else []
        seconds = self.gateway.settings.stamps.timeout_seconds
        return await add_checkpoint(witness.url, old, proof, tree.note, seconds)


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)
