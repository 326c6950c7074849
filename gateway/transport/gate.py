"""Accepts connections, completes mutual TLS within its time, and says who came or why it failed (ITI-19)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import cast

from gateway.errors import Defect
from gateway.transport.alerts import ON_ALERT
from gateway.transport.tls import ServerTls

BACKLOG = 1024
SHUTDOWN_SECONDS = 5.0
LINGER_SECONDS = 1.0
LINGERING = 100
ACCEPT_AT_ONCE = 32
EXHAUSTED_PAUSE_SECONDS = 0.2
DRAIN_LOOK_SECONDS = 0.02
LOOPBACK = ("127.", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who is on the other end. `certificate` is DER, empty on a plain loopback listener.

    `refusal` says why this peer must not be served although its handshake succeeded.
    """

    host: str
    port: int
    certificate: bytes = field(default=b"", repr=False)
    tls_version: str = ""
    refusal: str | None = None


@unique
class Failure(Enum):
    """Why no connection came about."""

    NO_CERTIFICATE = "no client certificate"
    CERTIFICATE = "client certificate refused"
    PROTOCOL = "TLS version, suite or message not accepted"
    NOT_TLS = "no TLS on a TLS port"
    TIMEOUT = "handshake not completed in time"
    CROWDED = "too many connections"
    NODE = "node refused"

    @property
    def abuse(self) -> bool:
        """Abuse of a resource or protocol, rather than a node that failed to authenticate."""
        return self in {Failure.NOT_TLS, Failure.TIMEOUT, Failure.CROWDED}


OnFailure = Callable[[Peer, Failure, str], None]
Host = Callable[[Peer], asyncio.Protocol]

_NOT_TLS = {"HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL"}
_CERTIFICATE = {"BAD_SIGNATURE", "DECRYPT_ERROR", "BAD_CERTIFICATE", "UNKNOWN_CERTIFICATE_TYPE"}


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, to be shared by the workers that are forked afterwards."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listener.setblocking(False)
    return listener


async def drained(connections: Collection[object], seconds: float) -> None:
    """Wait until the last connection has left, or the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while connections and loop.time() < deadline:  # noqa: ASYNC110  # asked at a stop only
        await asyncio.sleep(DRAIN_LOOK_SECONDS)


class Gate:
    """One listener. `host` gives the protocol for a peer; `room` says whether one more may come in.

    Without TLS it serves a loopback address only.
    """

    def __init__(
        self,
        listener: socket.socket,
        host: Host,
        tls: ServerTls | None,
        *,
        handshake_seconds: float,
        on_failure: OnFailure,
        room: Callable[[int], bool] = lambda _: True,
    ) -> None:
        if tls is None and not str(listener.getsockname()[0]).startswith(LOOPBACK):
            raise Defect("a listener without TLS must be on a loopback address")
        self._listener = listener
        self._host = host
        self._tls = tls
        self._handshake_seconds = handshake_seconds
        self._on_failure = on_failure
        self._room = room
        self._greeting: dict[asyncio.Task[None], socket.socket] = {}
        self._pending: set[socket.socket] = set()
        self._leaving: set[socket.socket] = set()

    def open(self) -> None:
        """Begin to accept; must be called in the event loop."""
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    async def close(self) -> None:
        """Stop accepting, and give up the handshakes under way. Connections already handed over stay."""
        asyncio.get_running_loop().remove_reader(self._listener)
        tasks = list(self._greeting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for sock in (self._listener, *self._leaving):
            sock.close()

    def _accept(self) -> None:
        """Take in who waits. Another worker may have been faster: then nobody does."""
        for _ in range(ACCEPT_AT_ONCE):
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._pause(str(error.strerror))
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.get_running_loop().create_task(self._greet(sock, str(address[0]), int(address[1])))
            self._greeting[task] = sock
            self._pending.add(sock)
            task.add_done_callback(self._greeted)

    def _pause(self, reason: str) -> None:
        """Out of file descriptors or memory: those who are in go on, newcomers wait in the backlog."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)
        loop.call_later(EXHAUSTED_PAUSE_SECONDS, self._resume)
        self._on_failure(Peer(host="", port=0), Failure.CROWDED, reason)

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self.open()

    def _greeted(self, task: asyncio.Task[None]) -> None:
        sock = self._greeting.pop(task)
        self._pending.discard(sock)
        if task.cancelled():
            sock.close()

    async def _greet(self, sock: socket.socket, host: str, port: int) -> None:
        """The handshake of one connection, then its protocol takes over."""
        peer = Peer(host=host, port=port)
        if not self._room(len(self._pending)):
            sock.close()
            self._on_failure(peer, Failure.CROWDED, Failure.CROWDED.value)
            return
        try:
            await self._connect(sock, peer)
        except ssl.SSLError as error:
            self._on_failure(peer, *_named(error))
        except ConnectionAbortedError:
            self._on_failure(peer, Failure.TIMEOUT, Failure.TIMEOUT.value)
        except OSError:
            # The peer left before it said anything of interest: a probe of a load balancer.
            sock.close()

    async def _connect(self, sock: socket.socket, peer: Peer) -> None:
        loop = asyncio.get_running_loop()
        ON_ALERT.set(lambda alert: self._say_farewell(sock, alert))
        if self._tls is None:
            await loop.connect_accepted_socket(lambda: _Doorman(self, sock, peer), sock)
            return
        await loop.connect_accepted_socket(
            lambda: _Doorman(self, sock, peer),
            sock,
            ssl=self._tls.context(),
            ssl_handshake_timeout=self._handshake_seconds,
            ssl_shutdown_timeout=SHUTDOWN_SECONDS,
        )

    def _say_farewell(self, sock: socket.socket, alert: bytes) -> None:
        """Send the alert of a failed handshake, and keep the connection half open for a moment.

        A close with unread bytes of the peer would reset the connection, and the alert with it.
        """
        # The peer may be gone, or its window full; then there is nobody to tell.
        with contextlib.suppress(OSError):
            sock.send(alert)
            if len(self._leaving) < LINGERING:
                self._linger(sock.dup())

    def _linger(self, sock: socket.socket) -> None:
        self._leaving.add(sock)
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._leave, sock)
        sock.shutdown(socket.SHUT_WR)

    def _leave(self, sock: socket.socket) -> None:
        self._leaving.discard(sock)
        sock.close()

    def admit(self, transport: asyncio.Transport, sock: socket.socket, peer: Peer) -> None:
        """Hand a connection over to the protocol of its peer."""
        self._pending.discard(sock)
        connected = transport.get_extra_info("ssl_object")
        if connected is not None and self._tls is not None:
            peer = _introduced(peer, connected, self._tls)
        if peer.refusal is not None:
            self._on_failure(peer, Failure.CERTIFICATE, peer.refusal)
        protocol = self._host(peer)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class _Doorman(asyncio.Protocol):
    """Holds a connection until its handshake is over: then it is known for whom a protocol is made."""

    def __init__(self, gate: Gate, sock: socket.socket, peer: Peer) -> None:
        self._gate = gate
        self._sock = sock
        self._peer = peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport without being one.
        self._gate.admit(cast("asyncio.Transport", transport), self._sock, self._peer)


def _introduced(peer: Peer, connected: ssl.SSLObject, tls: ServerTls) -> Peer:
    certificate = connected.getpeercert(binary_form=True) or b""
    suite = connected.cipher() or ("", "", 0)
    return Peer(
        host=peer.host,
        port=peer.port,
        certificate=certificate,
        tls_version=connected.version() or "",
        refusal=tls.refusal(certificate, suite[0]),
    )


def _named(error: ssl.SSLError) -> tuple[Failure, str]:
    """The kind of a failed handshake, and its reason in OpenSSL's words."""
    reason = error.reason or "UNKNOWN"
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure.CERTIFICATE, error.verify_message
    if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return Failure.NO_CERTIFICATE, Failure.NO_CERTIFICATE.value
    if reason in _NOT_TLS:
        return Failure.NOT_TLS, Failure.NOT_TLS.value
    kind = Failure.CERTIFICATE if reason in _CERTIFICATE else Failure.PROTOCOL
    return kind, reason.replace("_", " ").lower()
