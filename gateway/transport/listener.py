"""Sessions of nodes at a listener: who comes in, how many of them, and the clock of all (ITI-19)."""

from __future__ import annotations

import asyncio
import socket
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from gateway.errors import NodeRefused
from gateway.transport.gate import Failure, Gate, OnFailure, Peer, drained
from gateway.transport.tls import ServerTls

TICK_SECONDS = 1.0
TICKS_PER_LIMIT = 4

OnAbuse = Callable[[Peer, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """Connections at a time, in all and of one node; seconds of a handshake, and the shortest there are."""

    connections: int
    connections_per_node: int
    handshake_seconds: float
    shortest_seconds: float


class Session(asyncio.Protocol):
    """One connection of the node `name`; `since` is when what is timed began, by the clock of the loop."""

    transport: asyncio.Transport

    def __init__(self, peer: Peer, name: str) -> None:
        self.peer = peer
        self.name = name
        self.loop = asyncio.get_running_loop()
        self.since = self.loop.time()
        self.on_lost: Callable[[Session], None] = _nobody

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        # uvloop's transports have the methods of asyncio.Transport without being one.
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Is over, for whatever reason."""
        self.on_lost(self)

    @abstractmethod
    async def check(self, now: float) -> None:
        """Ends what takes too long. `now` is the time of the event loop."""

    @abstractmethod
    def end(self) -> None:
        """Takes nothing more, and closes when it is done with what it took."""

    @abstractmethod
    def abort(self) -> None:
        """Closes at once."""


def _nobody(_session: Session) -> None:
    """Nobody waits for its end."""


NodeT = TypeVar("NodeT")
SessionT = TypeVar("SessionT", bound=Session)


class Listener(Generic[NodeT, SessionT]):
    """Lets nodes in over mutual TLS. `session` makes the protocol of a node that was admitted.

    `admit` gives the node of a peer and its name, or raises NodeRefused: then the connection is closed and
    `on_failure` hears of it.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        tls: ServerTls,
        limits: SessionLimits,
        *,
        admit: Callable[[Peer], tuple[NodeT, str]],
        session: Callable[[Peer, NodeT, str], SessionT],
        on_failure: OnFailure,
    ) -> None:
        self.sessions: set[SessionT] = set()
        self._limits = limits
        self._admit = admit
        self._session = session
        self._on_failure = on_failure
        self._by_node: Counter[str] = Counter()
        self._watch: asyncio.Task[None] | None = None
        self._gates = [
            Gate(
                each,
                self._protocol,
                tls,
                handshake_seconds=limits.handshake_seconds,
                on_failure=on_failure,
                room=lambda greeting: greeting + len(self.sessions) <= limits.connections,
            )
            for each in sockets
        ]

    def start(self) -> None:
        """Begin to accept; must be called in the event loop."""
        self._watch = asyncio.get_running_loop().create_task(self._watching())
        for gate in self._gates:
            gate.open()

    async def stop(self, drain_seconds: float) -> None:
        """Accept no more, let sessions end within the time, then close what is left."""
        for gate in self._gates:
            await gate.close()
        for each in list(self.sessions):
            each.end()
        await drained(self.sessions, drain_seconds)
        for each in list(self.sessions):
            each.abort()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    def _protocol(self, peer: Peer) -> asyncio.Protocol:
        """Called when the connection stands: what is given here begins at once."""
        if peer.refusal is not None:
            return _Turned()
        try:
            node, name = self._admit(peer)
        except NodeRefused as error:
            self._on_failure(peer, Failure.NODE, error.detail)
            return _Turned()
        if self._by_node[name] >= self._limits.connections_per_node:
            self._on_failure(peer, Failure.CROWDED, f"node {name} has too many connections")
            return _Turned()
        session = self._session(peer, node, name)
        session.on_lost = self._left
        self.sessions.add(session)
        self._by_node[name] += 1
        return session

    def _left(self, session: Session) -> None:
        self.sessions.difference_update((session,))
        self._by_node[session.name] -= 1
        if self._by_node[session.name] <= 0:
            del self._by_node[session.name]

    async def _watching(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(TICK_SECONDS, self._limits.shortest_seconds / TICKS_PER_LIMIT))
            now = loop.time()
            for each in list(self.sessions):
                await each.check(now)


class _Turned(asyncio.Protocol):
    """A connection that is closed as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
