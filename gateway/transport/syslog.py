"""Takes syslog over TLS (RFC 5425, octet counting, mutual TLS), and over UDP (RFC 5426) where that is wanted.

Nothing is ever answered. Who sends faster than messages can be kept is not read from: nothing is dropped.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, cast

from gateway.errors import Busy, Malformed, NodeRefused, TooLarge
from gateway.transport.gate import Failure, OnFailure, Peer
from gateway.transport.listener import Listener, OnAbuse, Session, SessionLimits
from gateway.transport.tls import ServerTls

DATAGRAM_BYTES = 65_535
DATAGRAMS_AT_ONCE = 64
RECEIVE_BYTES = 4 * 1024 * 1024
_SPACE, _ZERO, _NINE = 0x20, 0x30, 0x39

NodeT = TypeVar("NodeT")
TakenT_contra = TypeVar("TakenT_contra", contravariant=True)


class OctetFramer:
    """Cuts a byte stream into messages; strict: what is no length ends it (RFC 5425 section 4.3).

    Memory is taken for what has come, never for what a length promises.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._digits = len(str(largest))
        self._buffer = bytearray()

    @property
    def inside(self) -> bool:
        """Whether a frame has begun that is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> tuple[list[bytes], Malformed | TooLarge | None]:
        """The messages that are complete with these bytes, and why nothing can follow them, if so."""
        buffer = self._buffer
        buffer += data
        found: list[bytes] = []
        at = 0
        try:
            while (head := self._head(at)) is not None and head[1] <= len(buffer):
                found.append(bytes(memoryview(buffer)[head[0] : head[1]]))
                at = head[1]
        except (Malformed, TooLarge) as error:
            buffer.clear()
            return found, error
        del buffer[:at]
        return found, None

    def _head(self, at: int) -> tuple[int, int] | None:
        """Where the message begins and ends; None while its length is not complete."""
        buffer = self._buffer
        end = at
        limit = min(len(buffer), at + self._digits + 1)
        while end < limit and _ZERO <= buffer[end] <= _NINE:
            end += 1
        if end > at and buffer[at] == _ZERO:
            raise Malformed("a length that begins with zero")
        if end - at > self._digits:
            raise TooLarge(f"a message above the limit of {self._largest} bytes")
        if end == len(buffer):
            return None
        if end == at or buffer[end] != _SPACE:
            raise Malformed("no length in front of a message")
        length = int(buffer[at:end])
        if length > self._largest:
            raise TooLarge(f"a message above the limit of {self._largest} bytes")
        return end + 1, end + 1 + length


class Sink(Protocol[TakenT_contra]):
    """Who keeps what comes."""

    @property
    def full(self) -> bool:
        """Whether nothing more should be read for now."""
        ...

    def put(self, frames: Sequence[bytes], peer: Peer, node: TakenT_contra | None, session: object) -> None:
        """Takes messages of a session; they count towards `full` at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogLimits:
    """Bytes of a message, seconds for one that has begun; connections at a time, in all and of one node."""

    frame_bytes: int
    frame_seconds: float
    handshake_seconds: float
    connections: int
    connections_per_node: int


class _Buffered(Protocol):
    """What transports over TLS can besides, those of asyncio and of uvloop."""

    def set_read_buffer_limits(self, high: int, low: int) -> None:
        """Between which numbers of octets that wait to be read the line is left alone."""
        ...


class _Connection(Session, Generic[NodeT]):
    """One session of a node, for as many messages as it likes."""

    def __init__(self, server: SyslogServer[NodeT], peer: Peer, node: NodeT, name: str) -> None:
        super().__init__(peer, name)
        self.node = node
        self.waiting = False
        self._server = server
        self._framer = OctetFramer(server.limits.frame_bytes)
        self._known = False
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # The end of a line drops what was not read before it: while we wait, it is not looked for.
        cast("_Buffered", transport).set_read_buffer_limits(high=1, low=0)
        self.pause()
        self._server.entered(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        begun = self._framer.inside
        frames, fault = self._framer.feed(data)
        if frames:
            self._server.sink.put(frames, self.peer, self.node, self)
        if frames or not begun:
            self.since = self.loop.time()
        if fault is not None:
            self._server.on_abuse(self.peer, fault.detail)
            self.end()
        elif self._server.sink.full:
            self.pause()

    def pause(self) -> None:
        """Read nothing until there is room."""
        if not self.waiting and not self._ended:
            self.waiting = True
            self.transport.pause_reading()

    def admitted(self) -> None:
        """Nothing is read before it is known that the node may send."""
        self._known = True
        if not self._server.sink.full:
            self.resume()

    def resume(self) -> None:
        """Read again."""
        if self.waiting and self._known and not self._ended:
            self.waiting = False
            self.since = self.loop.time()
            self.transport.resume_reading()

    def end(self) -> None:
        """Take nothing more; what was received whole is kept."""
        self._ended = True
        self.transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._ended = True
        self.transport.abort()

    async def check(self, now: float) -> None:
        """End a frame that takes too long, and a session of who may not send any more."""
        late = self._framer.inside and now - self.since > self._server.limits.frame_seconds
        if late and not self.waiting and not self._ended:
            self._server.on_abuse(self.peer, "message not completed in time")
            self.abort()
        await self._server.still(self)


class SyslogServer(Generic[NodeT]):
    """Listens for syslog over TLS.

    `admit` gives the node of a peer and its name, or raises NodeRefused: then the connection is closed and
    `on_failure` hears of it. It is asked again each second, so that a node that is blocked is shut out of a
    session it has. `standing` may refuse as well, with what it has to look up; Busy when it cannot, which
    shuts out those who come and leaves those who are in.
    """

    def __init__(
        self,
        sink: Sink[NodeT],
        tls: ServerTls,
        limits: SyslogLimits,
        sockets: Sequence[socket.socket],
        *,
        admit: Callable[[Peer], tuple[NodeT, str]],
        standing: Callable[[NodeT], Awaitable[None]],
        on_failure: OnFailure,
        on_abuse: OnAbuse,
    ) -> None:
        self.sink = sink
        self.limits = limits
        self.on_abuse = on_abuse
        self._admit = admit
        self._standing = standing
        self._on_failure = on_failure
        self._beginning: set[asyncio.Task[None]] = set()
        self._listener: Listener[NodeT, _Connection[NodeT]] = Listener(
            sockets,
            tls,
            SessionLimits(
                connections=limits.connections,
                connections_per_node=limits.connections_per_node,
                handshake_seconds=limits.handshake_seconds,
                shortest_seconds=limits.frame_seconds,
            ),
            admit=admit,
            session=lambda peer, node, name: _Connection(self, peer, node, name),
            on_failure=on_failure,
        )

    def start(self) -> None:
        """Begin to accept; must be called in the event loop."""
        self._listener.start()

    async def stop(self, drain_seconds: float) -> None:
        """Accept and read no more."""
        await self._listener.stop(drain_seconds)

    def entered(self, connection: _Connection[NodeT]) -> None:
        """A connection was made: it begins when it is known that the node may send."""
        task = asyncio.get_running_loop().create_task(self._begin(connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    def resume(self) -> None:
        """There is room again."""
        for connection in self._listener.sessions:
            connection.resume()

    async def _begin(self, connection: _Connection[NodeT]) -> None:
        if await self.still(connection):
            connection.admitted()
        else:
            connection.abort()

    async def still(self, connection: _Connection[NodeT]) -> bool:
        """Whether the node may send, or still may: it can be blocked, or revoked, or its certificate over."""
        try:
            self._admit(connection.peer)
            await self._standing(connection.node)
        except NodeRefused as error:
            self._on_failure(connection.peer, Failure.NODE, error.detail)
            connection.abort()
            return False
        except Busy:
            return False
        return True


# --- UDP -----------------------------------------------------------------------------------------


def bind_datagrams(host: str, port: int) -> socket.socket:
    """A socket for datagrams, to be shared by the workers that are forked afterwards."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_DGRAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    found.bind((host, port))
    found.setblocking(False)
    return found


class DatagramServer(Generic[NodeT]):
    """Takes one message from each datagram. Nobody knows who sent it.

    While there is no room datagrams stay in the buffer of the socket; what that has no room for is lost.
    """

    def __init__(
        self, sink: Sink[NodeT], listener: socket.socket, largest: int, *, on_abuse: OnAbuse
    ) -> None:
        self._sink = sink
        self._listener = listener
        self._largest = largest
        self._on_abuse = on_abuse
        self._reading = False

    def start(self) -> None:
        """Begin to read; must be called in the event loop."""
        self._reading = True
        asyncio.get_running_loop().add_reader(self._listener, self._read)

    async def stop(self, _drain_seconds: float) -> None:
        """Read no more."""
        self.pause()
        self._listener.close()

    def pause(self) -> None:
        """Leave what comes where it is."""
        if self._reading:
            self._reading = False
            asyncio.get_running_loop().remove_reader(self._listener)

    def resume(self) -> None:
        """There is room again."""
        if not self._reading and self._listener.fileno() >= 0:
            self.start()

    def _read(self) -> None:
        """Another worker may have been faster: then nothing is there."""
        for _ in range(DATAGRAMS_AT_ONCE):
            try:
                data, address = self._listener.recvfrom(DATAGRAM_BYTES)
            except OSError:
                return
            peer = Peer(host=str(address[0]), port=int(address[1]))
            if len(data) > self._largest:
                self._on_abuse(peer, f"a datagram above the limit of {self._largest} bytes")
            elif data:
                self._sink.put([data], peer, None, None)
        if self._sink.full:
            self.pause()
