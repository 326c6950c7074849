"""Sends syslog messages over TLS (RFC 5425) or UDP (RFC 5426) to an audit record repository."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Protocol, Self
from urllib.parse import urlsplit

from gateway.audit.syslog import framed
from gateway.errors import Busy, SignerRefused

LARGEST_DATAGRAM = 65_000
_CONNECT_SECONDS = 10.0
_SEND_SECONDS = 30.0
_UNANSWERED_MS = 15_000


class SyslogLine(Protocol):
    """An open way to a receiver."""

    async def send(self, messages: Sequence[bytes]) -> None:
        """Hands messages over in their order; Busy when the receiver is gone."""
        ...

    async def close(self) -> None:
        """Ends it."""
        ...


async def connect(address: str, context: ssl.SSLContext | None) -> SyslogLine:
    """A line to `tls://host:port` or `udp://host:port`.

    Busy when nobody answers, SignerRefused when the receiver does not prove that it is the one named.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or 0
    if parts.scheme == "udp":
        return await Datagrams.open(host, port)
    return await Stream.open(host, port, context)


class Stream:
    """One TLS session for many messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        # A receiver never says anything: whatever can be read is the end of it.
        self._ended = asyncio.create_task(reader.read(1))

    @classmethod
    async def open(cls, host: str, port: int, context: ssl.SSLContext | None) -> Self:
        """Connects, and checks name and chain of the receiver."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(host, port, ssl=context or True)
        except ssl.SSLCertVerificationError as error:
            raise SignerRefused("the certificate of the receiver is not trusted for this address") from error
        except (OSError, TimeoutError) as error:
            raise Busy(f"the receiver did not answer ({type(error).__name__})") from error
        peer = writer.get_extra_info("socket")
        if peer is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            # A receiver that acknowledges nothing is gone, though the connection looks open.
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
        return cls(reader, writer)

    async def send(self, messages: Sequence[bytes]) -> None:
        """Hands messages over in their order; Busy when the receiver is gone."""
        if self._ended.done():
            raise Busy("the receiver closed the connection")
        try:
            self._writer.writelines([framed(each) for each in messages])
            async with asyncio.timeout(_SEND_SECONDS):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise Busy(f"the receiver takes nothing ({type(error).__name__})") from error
        if self._ended.done():
            raise Busy("the receiver closed the connection")

    async def close(self) -> None:
        """Ends the session."""
        self._ended.cancel()
        self._writer.close()
        await asyncio.gather(self._ended, self._writer.wait_closed(), return_exceptions=True)


class Datagrams(asyncio.DatagramProtocol):
    """One datagram for each message; what is too large for one is refused, never cut."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        """A socket for the address; nobody can be asked whether they listen."""
        loop = asyncio.get_running_loop()
        try:
            transport, line = await loop.create_datagram_endpoint(cls, remote_addr=(host, port))
        except OSError as error:
            raise Busy(f"the receiver cannot be reached ({type(error).__name__})") from error
        line._transport = transport  # noqa: SLF001 - its own class
        return line

    async def send(self, messages: Sequence[bytes]) -> None:
        """Sends what fits; Busy for a message that does not."""
        if self._transport is None:
            raise Busy("the socket is closed")
        for each in messages:
            if len(each) > LARGEST_DATAGRAM:
                raise Busy("an audit message is too large for a datagram; use tls://")
            self._transport.sendto(each)

    async def close(self) -> None:
        """Closes the socket."""
        if self._transport is not None:
            self._transport.close()
