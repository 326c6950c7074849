"""Sends HL7 v2 messages over MLLP with mutual TLS and waits for each acknowledgement (MLLP R1)."""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType
from typing import Self

from gateway.errors import Busy, Malformed

LARGEST_REPLY = 4 * 1024 * 1024
CLOSING_SECONDS = 1.0
BLOCK_END = b"\x1c\r"


class MllpClient:
    """One connection to a receiver; `async with await MllpClient.connect(…) as client`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        self._reader = reader
        self._writer = writer
        self._seconds = seconds

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        context: ssl.SSLContext,
        *,
        server_name: str | None = None,
        seconds: float = 30.0,
    ) -> Self:
        """Connect; the receiver's certificate must carry `server_name` (the host, when not given)."""
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=server_name or host, limit=LARGEST_REPLY
            )
        return cls(reader, writer, seconds)

    async def send(self, message: bytes) -> bytes:
        """Send one message (without block characters); returns the acknowledgement, likewise.

        Busy when none comes in time or the connection ends: whether the message was taken is not known.
        """
        try:
            async with asyncio.timeout(self._seconds):
                self._writer.write(b"\x0b" + message + BLOCK_END)
                await self._writer.drain()
                reply = await self._reader.readuntil(BLOCK_END)
        except asyncio.LimitOverrunError as error:
            raise Malformed(f"acknowledgement above {LARGEST_REPLY} bytes") from error
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise Busy("no acknowledgement came") from error
        if not reply.startswith(b"\x0b"):
            raise Malformed("acknowledgement without start block")
        return reply[1 : -len(BLOCK_END)]

    @property
    def usable(self) -> bool:
        """Whether neither side has ended the connection, as far as is known."""
        return not (self._reader.at_eof() or self._writer.is_closing())

    @property
    def peer(self) -> tuple[bytes, str]:
        """The certificate of the receiver (DER) and the cipher suite."""
        tls = self._writer.get_extra_info("ssl_object")
        return tls.getpeercert(binary_form=True) or b"", tls.cipher()[0]

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
