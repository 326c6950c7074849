"""What happens outside messages, told to the audit: failed handshakes, broken framing, start, stop."""

from __future__ import annotations

import asyncio

from gateway.audit.alerts import security_alert
from gateway.audit.record import AuditFacts, Participant
from gateway.cli.compose import Gateway
from gateway.declare import events
from gateway.declare.events import Outcome
from gateway.pipeline.telling import tell_alone
from gateway.record.people import Code
from gateway.stores.work import UnitOfWork
from gateway.transport.gate import Failure, Peer

MOST_AT_ONCE = 100
"""Alarms being written at one time. Those above are counted, and told in one row when there is room."""


async def raise_alert(gateway: Gateway, kind: Code, outcome: Outcome, description: str) -> None:
    """Writes a security alert about this system itself, which nobody outside caused."""
    engine, work = gateway.engine, UnitOfWork()
    facts = security_alert(
        kind,
        at=engine.clock(),
        outcome=outcome,
        peer=engine.here._replace(is_requestor=True),
        here=engine.here._replace(is_requestor=False),
        audit_source=engine.audit_source,
        description=description,
        trace_id=engine.new_trace(),
    )
    tell_alone(facts, engine, work)
    await engine.committer.commit(work)


class Alarms:
    """Writes alarms as they come. A flood of bad handshakes costs a bounded number of audit rows."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._running: set[asyncio.Task[None]] = set()
        self._left_out = 0

    def failure(self, peer: Peer, failure: Failure, detail: str) -> None:
        """A connection that did not come about."""
        kind = events.PROTOCOL_ABUSE if failure.abuse else events.NODE_AUTHENTICATION
        outcome = Outcome.MINOR_FAILURE if failure.abuse else Outcome.SERIOUS_FAILURE
        self._later(kind, outcome, peer.host, f"{failure.value}: {detail}")

    def abuse(self, peer: Peer, detail: str) -> None:
        """A peer that broke a limit or the framing."""
        self._later(events.PROTOCOL_ABUSE, Outcome.MINOR_FAILURE, peer.host, detail)

    def impostor(self, peer: Peer, detail: str) -> None:
        """A node that speaks in the name of another."""
        self._later(events.NODE_AUTHENTICATION, Outcome.MINOR_FAILURE, peer.host, detail)

    async def tell(self, facts: AuditFacts) -> None:
        """Writes one audit entry durably."""
        work = UnitOfWork()
        tell_alone(facts, self._gateway.engine, work)
        await self._gateway.engine.committer.commit(work)

    async def finish(self) -> None:
        """Waits for entries still being written."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    def _later(self, kind: Code, outcome: Outcome, host: str, detail: str) -> None:
        if len(self._running) >= MOST_AT_ONCE or self._gateway.engine.room.refusing:
            self._left_out += 1
            return
        engine = self._gateway.engine
        facts = security_alert(
            kind,
            at=engine.clock(),
            outcome=outcome,
            peer=Participant(host, host, is_requestor=True),
            here=engine.here,
            audit_source=engine.audit_source,
            description=detail,
            trace_id=engine.new_trace(),
        )
        task = asyncio.get_running_loop().create_task(self.tell(facts))
        self._running.add(task)
        task.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._gateway.engine.log.error("alarm not written", error=type(error).__name__)
        if self._left_out and not self._running:
            count, self._left_out = self._left_out, 0
            text = f"{count} further alarms came faster than they could be written one by one"
            self._later(events.PROTOCOL_ABUSE, Outcome.MINOR_FAILURE, "several", text)
