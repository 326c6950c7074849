"""Sends our audit trail to the repositories of others: in order, at least once, without delay to anybody.

The sealed trail is the queue; each receiver has its own place in it, and one that is away delays nobody.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit
from uuid import uuid4

from prometheus_client import Gauge

from gateway.audit.alerts import security_alert
from gateway.audit.record import Participant
from gateway.cli.compose import Gateway
from gateway.cli.handing import Handed, Way, open_way
from gateway.config.trail import AuditDestination
from gateway.declare.events import AUDIT_GIVEN_UP, Outcome
from gateway.errors import GatewayError, Outdated
from gateway.pipeline.telling import tell_alone
from gateway.stores.forwarding import ForwardingStore, Sent
from gateway.stores.work import UnitOfWork
from gateway.transport.tls import client_context

LOOK_SECONDS = 0.5
OWNED_SECONDS = 10.0
"""How long a receiver is left alone after the process that sent to it was killed."""

_SENT = Gauge(
    "passerelle_audit_sent",
    "Messages of the audit trail handed to a receiver.",
    ["destination"],
    multiprocess_mode="mostrecent",
)


@dataclass(slots=True)
class Forwarder:
    """Sends to one receiver until cancelled. A failure is logged when it begins, and tried again."""

    gateway: Gateway
    destination: AuditDestination
    owner: str = field(default_factory=lambda: uuid4().hex)
    _state: Sent = field(default_factory=Sent)
    _known: str | None = None
    _handed: deque[tuple[float, int]] = field(default_factory=deque)
    _failing: str | None = None

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            try:
                if await self._take():
                    await self._serve()
            except Outdated:
                self._tell("another process sends to this receiver")
            except GatewayError as error:
                self._tell(error.detail)
            await asyncio.sleep(self.gateway.settings.audit.retry_seconds)

    async def _take(self) -> bool:
        """Whether it is ours to send to this receiver."""
        self._state, self._known = await self._store.read(self.destination.name)
        return self._state.owner in {"", self.owner} or self._state.until < time.time()

    async def _serve(self) -> None:
        """Sends until the connection breaks; what may have been lost with the one before goes first."""
        way = await open_way(self.destination.address, self._context(), self.gateway.engine.here)
        self._handed.clear()
        again, at = self._state.sent, self._state.settled
        try:
            await self._keep(self._state)
            while True:
                at = await self._batch(way, at, again)
        finally:
            await way.close()

    async def _batch(self, way: Way, start: int, again: int) -> int:
        """Sends what follows a position; gives the next one."""
        rows = await self.gateway.engine.journal.sealed_rows(start, way.most)
        end = rows[-1].position + 1 if rows else start
        # Noted first where nothing is acknowledged, so that repetitions are marked.
        sent = self._state.sent if way.acknowledges else max(self._state.sent, end)
        state = replace(self._state, settled=self._settled(), sent=sent)
        if state != self._state or self._state.until - time.time() < OWNED_SECONDS / 2:
            await self._keep(state)
        handed = await way.hand(rows, again)
        self._tell(None)
        if handed is None:
            await asyncio.sleep(LOOK_SECONDS)
            return start
        if handed.arrived:
            await self._arrived(handed)
        else:
            self._handed.append((time.monotonic(), handed.end))
        _SENT.labels(self.destination.name).set(handed.end)
        return handed.end

    async def _arrived(self, handed: Handed) -> None:
        """Notes what has arrived, and in the same step what never will: it is not tried any more."""
        work = UnitOfWork()
        if handed.given_up:
            self._tell_given_up(handed, work)
        end = handed.end
        await self._keep(replace(self._state, settled=end, sent=max(self._state.sent, end)), work)

    def _tell_given_up(self, handed: Handed, work: UnitOfWork) -> None:
        listed = ", ".join(f"{position} (status {status})" for position, status in handed.given_up)
        text = f"{self.destination.name} takes these events of the trail never, by position: {listed}"
        engine, host = self.gateway.engine, urlsplit(self.destination.address).hostname or "unknown"
        facts = security_alert(
            AUDIT_GIVEN_UP,
            at=engine.clock(),
            outcome=Outcome.SERIOUS_FAILURE,
            peer=Participant(self.destination.name, host),
            here=engine.here,
            audit_source=engine.audit_source,
            description=text,
        )
        tell_alone(facts, engine, work)
        engine.log.error("audit events given up", destination=self.destination.name, events=listed)

    def _settled(self) -> int:
        """All before this was handed over so long ago, on this connection, that it has arrived."""
        settled = self._state.settled
        old = time.monotonic() - self.gateway.settings.audit.resend_seconds
        while self._handed and self._handed[0][0] <= old:
            settled = max(settled, self._handed.popleft()[1])
        return settled

    async def _keep(self, state: Sent, work: UnitOfWork | None = None) -> None:
        work = work or UnitOfWork()
        state = replace(state, owner=self.owner, until=time.time() + OWNED_SECONDS)
        known = self._store.write(work, self.destination.name, self._known, state)
        await self.gateway.engine.committer.commit(work)
        self._state, self._known = state, known

    @property
    def _store(self) -> ForwardingStore:
        return ForwardingStore(self.gateway.database)

    def _context(self) -> ssl.SSLContext | None:
        if self.destination.address.startswith("udp:"):
            return None
        tls = self.gateway.settings.tls
        return client_context(replace(tls, trust=self.destination.trust or tls.trust))

    def _tell(self, failing: str | None) -> None:
        """The operators learn that it fails, and that it works again; not how often it was tried."""
        if failing == self._failing:
            return
        self._failing = failing
        log, name = self.gateway.engine.log, self.destination.name
        if failing is None:
            log.warning("audit destination reached", destination=name)
        else:
            log.error("audit destination fails", destination=name, reason=failing)


def forwarders(gateway: Gateway) -> list[Forwarder]:
    """One for each receiver of the settings."""
    return [Forwarder(gateway, each) for each in gateway.settings.audit.destinations]
