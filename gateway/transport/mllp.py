"""HL7 v2 over MLLP with mutual TLS: framing, limits, ordered acknowledgements (HL7 v2 transport, MLLP R1)."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence

from gateway.config import Limits
from gateway.errors import Malformed, TooLarge
from gateway.transport.gate import OnFailure, Peer
from gateway.transport.listener import Listener, OnAbuse, Session, SessionLimits
from gateway.transport.tls import ServerTls

START, END, RETURN = 0x0B, 0x1C, 0x0D
QUEUE = 32

Handler = Callable[[bytes, Peer], Awaitable[bytes]]
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


class _Connection(Session):
    """One connection of a node: messages are handled one after the other, in the order they came."""

    def __init__(self, server: MllpServer, peer: Peer, node: str) -> None:
        super().__init__(peer, node)
        self._server = server
        self._limits = server.limits
        self._framer = Framer(server.limits.mllp_frame_bytes)
        self._queue: deque[bytes] = deque()
        self._work: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._stalled = 0.0
        self._ending = False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
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
            self._server.on_abuse(self.peer, error.detail)
            self.end()
        if not begun or len(self._queue) > complete:
            self.since = self.loop.time()
        if len(self._queue) > QUEUE:
            self.transport.pause_reading()
        if self._queue and self._work is None:
            self._begin()

    def _begin(self) -> None:
        self._work = self.loop.create_task(self._handle())
        self._work.add_done_callback(self._handled)

    async def _handle(self) -> None:
        while self._queue:
            message = self._queue.popleft()
            reply = await self._server.handler(message, self.peer)
            if not reply:
                # There is no acknowledgement for what has no readable header.
                self._queue.clear()
                self.transport.close()
                return
            await self._writable.wait()
            self.transport.write(framed(reply))

    def _handled(self, work: asyncio.Task[None]) -> None:
        """The queue was empty, or the handler broke: then nobody knows what holds, and we close."""
        self._work = None
        self.since = self.loop.time()
        if work.cancelled():
            return
        if (error := work.exception()) is not None:
            self.transport.abort()
            self.loop.call_exception_handler({"message": "HL7 v2 handler failed", "exception": error})
        elif self._queue:
            self._begin()
        elif self._ending:
            self.transport.close()
        else:
            self.transport.resume_reading()

    def end(self) -> None:
        """Take nothing more; close when what was received whole is answered."""
        self._ending = True
        if self._work is None and not self._queue:
            self.transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._work is not None:
            self._work.cancel()
        self.transport.abort()

    def pause_writing(self) -> None:
        self._writable.clear()
        self._stalled = self.loop.time()

    def resume_writing(self) -> None:
        self._writable.set()
        self._stalled = 0.0

    async def check(self, now: float) -> None:
        """End what takes too long."""
        if self._stalled and now - self._stalled > self._limits.mllp_idle_seconds:
            self._server.on_abuse(self.peer, "acknowledgements not read in time")
            self.abort()
        elif self._ending or self._work is not None:
            return
        elif self._framer.inside and now - self.since > self._limits.mllp_frame_seconds:
            self._server.on_abuse(self.peer, "frame not completed in time")
            self.end()
        elif now - self.since > self._limits.mllp_idle_seconds:
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
        self._listener: Listener[None, _Connection] = Listener(
            sockets,
            tls,
            SessionLimits(
                connections=limits.mllp_connections,
                connections_per_node=limits.mllp_connections_per_node,
                handshake_seconds=limits.handshake_seconds,
                shortest_seconds=min(limits.mllp_frame_seconds, limits.mllp_idle_seconds),
            ),
            admit=lambda peer: (None, admit(peer)),
            session=lambda peer, _node, name: _Connection(self, peer, name),
            on_failure=on_failure,
        )

    def start(self) -> None:
        """Begin to accept; must be called in the event loop."""
        self._listener.start()

    async def stop(self, drain_seconds: float) -> None:
        """Accept no more, answer what was received within the time, then close what is left."""
        await self._listener.stop(drain_seconds)
