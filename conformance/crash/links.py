"""One connection of a client: it ends when the server is killed, and is made again."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

PATIENCE = 15.0
AGAIN_SECONDS = 0.004


class BrokenError(Exception):
    """The connection ended before the answer was there."""


class Link:
    """Sends a message and waits for its answer, over HTTPS or MLLP, both with mutual TLS."""

    def __init__(self, port: int, context: ssl.SSLContext, *, mllp: bool) -> None:
        self._port = port
        self._context = context
        self._mllp = mllp
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connected(self) -> None:
        """Returns once there is a connection."""
        while self._streams is None:
            try:
                async with asyncio.timeout(PATIENCE):
                    self._streams = await asyncio.open_connection(
                        "127.0.0.1", self._port, ssl=self._context, server_hostname="localhost", limit=1 << 23
                    )
            except (OSError, EOFError, TimeoutError):
                await asyncio.sleep(AGAIN_SECONDS)

    async def exchange(self, data: bytes) -> bytes:
        """The body of the answer; BrokenError when it did not come whole."""
        await self.connected()
        reader, writer = self._streams or (None, None)
        if reader is None or writer is None:
            raise BrokenError
        try:
            async with asyncio.timeout(PATIENCE):
                writer.write(data)
                await writer.drain()
                return await (_framed(reader) if self._mllp else _body(reader))
        except (OSError, EOFError, TimeoutError) as error:
            self.drop()
            raise BrokenError from error

    def drop(self) -> None:
        """Forgets the connection."""
        if self._streams is not None:
            with contextlib.suppress(Exception):
                self._streams[1].transport.abort()
        self._streams = None


async def _framed(reader: asyncio.StreamReader) -> bytes:
    return (await reader.readuntil(b"\x1c\r"))[1:-2]


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        found = b""
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            found += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return found
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)
