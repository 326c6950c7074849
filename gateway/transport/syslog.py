"""Sends syslog messages over TLS with octet counting (RFC 5425), on one connection that is kept."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable

from gateway.errors import Busy

CONNECT_SECONDS = 10.0
SEND_SECONDS = 10.0


class SyslogSender:
    """One receiver. A message counts as sent when the connection took it; nothing acknowledges syslog."""

    def __init__(self, host: str, port: int, context: Callable[[], ssl.SSLContext]) -> None:
        self._host = host
        self._port = port
        self._context = context
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, lines: Iterable[str]) -> None:
        """Sends messages in their order; Busy when the receiver is not there: some may have arrived."""
        try:
            writer = await self._connected()
            for line in lines:
                octets = line.encode()
                writer.write(b"%d %b" % (len(octets), octets))
            async with asyncio.timeout(SEND_SECONDS):
                await writer.drain()
        except (OSError, TimeoutError) as error:
            self.close()
            raise Busy("the syslog receiver cannot be reached") from error

    def close(self) -> None:
        """Gives the connection up."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _connected(self) -> asyncio.StreamWriter:
        """The connection, made anew when the receiver has closed it: it never has anything to say."""
        if self._streams is not None and (self._streams[0].at_eof() or self._streams[1].is_closing()):
            self.close()
        if self._streams is None:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._streams = await asyncio.open_connection(self._host, self._port, ssl=self._context())
        return self._streams[1]
