"""HL7 v2 over MLLP with mutual TLS: framing, limits, ordered acknowledgements (HL7 v2 transport, MLLP R1)."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import cast

from gateway.config import Limits
from gateway.errors import Malformed, NodeRefused, TooLarge
from gateway.transport.gate import Failure, Gate, OnFailure, Peer, drained
from gateway.transport.tls import ServerTls

START, END, RETURN = 0x0B, 0x1C, 0x0D
QUEUE = 32
TICK_SECONDS = 1.0
TICKS_PER_LIMIT = 4

Handler = Callable[[bytes, Peer], Awaitable[bytes]]
OnAbuse = Callable[[Peer, str], None]
Admit = Callable[[Peer], str]


def framed(message: bytes) -> bytes:
    """A message in its block: start character, message, end character, carriage return."""
    return b"\x0b" + message + b"\x1c\r"


class Framer:
    """Cuts a byte stream into messages; strict, so that nothing hides between two blocks."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._buffer = bytearray()
        self._searched = 0

    @property
    def inside(self) -> bool:
        """Whether a block has begun that is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages completed by these bytes, in order; Malformed or TooLarge ends the stream."""
        self._buffer += data
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if not buffer:
            return None
        if buffer[0] != START:
            raise Malformed("bytes before the start block")
        end = buffer.find(END, max(self._searched, 1))
        if len(buffer) - 1 > self._largest and not 0 <= end - 1 <= self._largest:
            raise TooLarge(f"frame above the limit of {self._largest} bytes")
        if buffer.find(START, max(self._searched, 1), None if end < 0 else end) >= 0:
            raise Malformed("start block inside a message")
        if end < 0 or end + 1 == len(buffer):
            self._searched = len(buffer) if end < 0 else end
            return None
        if buffer[end + 1] != RETURN:
            raise Malformed("end block without carriage return")
        message = bytes(memoryview(buffer)[1:end])
        del buffer[: end + 2]
        self._searched = 0
        return message


class _Connection(asyncio.Protocol):
    """One connection of a node: messages are handled one after the other, in the order they came."""

    def __init__(self, server: MllpServer, peer: Peer, node: str) -> None:
        self._server = server
        self._limits = server.limits
        self._peer = peer
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._framer = Framer(server.limits.mllp_frame_bytes)
        self._queue: deque[bytes] = deque()
        self._work: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._since = self._loop.time()
        self._stalled = 0.0
        self._ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.entered(self, self._node)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._server.left(self, self._node)
        self._ending = True
        self._queue.clear()
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        begun = self._framer.inside
        complete = len(self._queue)
        try:
            self._queue.extend(self._framer.feed(data))
        except (Malformed, TooLarge) as error:
            self._server.on_abuse(self._peer, error.detail)
            self.end()
        if not begun or len(self._queue) > complete:
            self._since = self._loop.time()
        if len(self._queue) > QUEUE:
            self._transport.pause_reading()
        if self._queue and self._work is None:
            self._begin()

    def _begin(self) -> None:
        self._work = self._loop.create_task(self._handle())
        self._work.add_done_callback(self._handled)

    async def _handle(self) -> None:
        while self._queue:
            message = self._queue.popleft()
            reply = await self._server.handler(message, self._peer)
            if not reply:
                # There is no acknowledgement for what has no readable header.
                self._queue.clear()
                self._transport.close()
                return
            await self._writable.wait()
            self._transport.write(framed(reply))

    def _handled(self, work: asyncio.Task[None]) -> None:
        """The queue was empty, or the handler broke: then nobody knows what holds, and we close."""
        self._work = None
        self._since = self._loop.time()
        if work.cancelled():
            return
        if (error := work.exception()) is not None:
            self._transport.abort()
            self._loop.call_exception_handler({"message": "HL7 v2 handler failed", "exception": error})
        elif self._queue:
            self._begin()
        elif self._ending:
            self._transport.close()
        else:
            self._transport.resume_reading()

    def end(self) -> None:
        """Take nothing more; close when what was received whole is answered."""
        self._ending = True
        if self._work is None and not self._queue:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._work is not None:
            self._work.cancel()
        self._transport.abort()

    def pause_writing(self) -> None:
        self._writable.clear()
        self._stalled = self._loop.time()

    def resume_writing(self) -> None:
        self._writable.set()
        self._stalled = 0.0

    def check(self, now: float) -> None:
        """End what takes too long. `now` is the time of the event loop."""
        if self._stalled and now - self._stalled > self._limits.mllp_idle_seconds:
            self._server.on_abuse(self._peer, "acknowledgements not read in time")
            self.abort()
        elif self._ending or self._work is not None:
            return
        elif self._framer.inside and now - self._since > self._limits.mllp_frame_seconds:
            self._server.on_abuse(self._peer, "frame not completed in time")
            self.end()
        elif now - self._since > self._limits.mllp_idle_seconds:
            self.end()


class MllpServer:
    """Listens for HL7 v2. `handler` gives the acknowledgement for a message (both without block characters).

    `admit` names the node of a peer, or raises NodeRefused: then the connection is closed and
    `on_failure` hears of it. `on_abuse` hears of broken framing and passed limits.
    """

    def __init__(
        self,
        handler: Handler,
        tls: ServerTls,
        limits: Limits,
        sockets: Sequence[socket.socket],
        *,
        admit: Admit,
        on_failure: OnFailure,
        on_abuse: OnAbuse,
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.on_abuse = on_abuse
        self._admit = admit
        self._on_failure = on_failure
        self._connections: set[_Connection] = set()
        self._by_node: Counter[str] = Counter()
        self._watch: asyncio.Task[None] | None = None
        self._gates = [
            Gate(
                listener,
                self._protocol,
                tls,
                handshake_seconds=limits.handshake_seconds,
                on_failure=on_failure,
                room=self._room,
            )
            for listener in sockets
        ]

    def start(self) -> None:
        """Begin to accept; must be called in the event loop."""
        self._watch = asyncio.get_running_loop().create_task(self._watching())
        for gate in self._gates:
            gate.open()

    async def stop(self, drain_seconds: float) -> None:
        """Accept no more, answer what was received within the time, then close what is left."""
        for gate in self._gates:
            await gate.close()
        for connection in list(self._connections):
            connection.end()
        await drained(self._connections, drain_seconds)
        for connection in list(self._connections):
            connection.abort()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    def entered(self, connection: _Connection, node: str) -> None:
        """A connection was made."""
        self._connections.add(connection)
        self._by_node[node] += 1

    def left(self, connection: _Connection, node: str) -> None:
        """A connection was lost."""
        self._connections.discard(connection)
        self._by_node[node] -= 1
        if self._by_node[node] <= 0:
            del self._by_node[node]

    def _protocol(self, peer: Peer) -> asyncio.Protocol:
        if peer.refusal is not None:
            return _Turned()
        try:
            node = self._admit(peer)
        except NodeRefused as error:
            self._on_failure(peer, Failure.NODE, error.detail)
            return _Turned()
        if self._by_node[node] >= self.limits.mllp_connections_per_node:
            self._on_failure(peer, Failure.CROWDED, f"node {node} has too many connections")
            return _Turned()
        return _Connection(self, peer, node)

    def _room(self, greeting: int) -> bool:
        return greeting + len(self._connections) <= self.limits.mllp_connections

    async def _watching(self) -> None:
        shortest = min(self.limits.mllp_frame_seconds, self.limits.mllp_idle_seconds)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(TICK_SECONDS, shortest / TICKS_PER_LIMIT))
            now = loop.time()
            for connection in list(self._connections):
                connection.check(now)


class _Turned(asyncio.Protocol):
    """A connection that is closed as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
