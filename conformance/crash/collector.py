"""A repository of audit records outside: syslog over TLS (RFC 5425), in the order in which it comes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from pathlib import Path


def context_of(folder: Path) -> ssl.SSLContext:
    """The receiver shows its certificate, and demands the gateway's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "receiver.pem", folder / "receiver.key")
    context.load_verify_locations(folder / "trust.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class Collector:
    """Digests of the audit messages that came, each where it came first."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._port = port
        self._context = context
        self._serving: set[asyncio.Task[None]] = set()
        self.first: dict[bytes, None] = {}
        self.repeated = 0

    async def start(self) -> None:
        """Listens."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self._port, ssl=self._context, limit=1 << 20
        )

    async def stop(self) -> None:
        """Listens no more."""
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._take(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                length = int(await reader.readuntil(b" "))
                self._note(await reader.readexactly(length))
        writer.transport.abort()

    def _note(self, message: bytes) -> None:
        text = message[message.index(b"<", 1) :]
        digest = hashlib.sha256(text).digest()
        self.repeated += digest in self.first
        self.first.setdefault(digest)
