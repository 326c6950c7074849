"""A listener of a partner for replies that come later (ITI TF-2 V.5); each is told by its RelatesTo."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from gateway.client.soap import relates_to
from gateway.errors import Busy

LARGEST_HEAD = 32 * 1024
ACCEPTED = 202
CLOSING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A reply as it came, to be read by the SoapClient that asked; `host` is what the sender called us."""

    relates_to: str | None
    content_type: str
    body: bytes
    host: str


class CallbackListener:
    """Takes POSTs over mutual TLS; `async with CallbackListener(context, port) as listener`.

    `answers` are the statuses and header fields of the next answers, in turn; without, all is accepted. What
    came stands in `received`, in its order, however it was answered.
    """

    def __init__(self, context: ssl.SSLContext, port: int = 0, host: str = "127.0.0.1") -> None:
        self._context = context
        self._place = (host, port)
        self._server: asyncio.Server | None = None
        self._news = asyncio.Condition()
        self.answers: list[tuple[int, Mapping[str, str]]] = []
        self.received: list[Delivery] = []
        self.connections = 0
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port in use."""
        if self._server is None:
            raise Busy("the listener is not open")
        return int(self._server.sockets[0].getsockname()[1])

    async def replies(self, message_id: str, *, count: int = 1, seconds: float = 30.0) -> list[Delivery]:
        """The replies to a request, at least `count`; Busy when they do not come in time."""
        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: len(self._to(message_id)) >= count)
        except TimeoutError as error:
            raise Busy("no reply came in time") from error
        return self._to(message_id)

    async def reply(self, message_id: str, *, seconds: float = 30.0) -> Delivery:
        """The first reply to a request."""
        return (await self.replies(message_id, seconds=seconds))[0]

    def _to(self, message_id: str) -> list[Delivery]:
        return [each for each in self.received if each.relates_to == message_id]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            delivery = await _read(reader)
            status, fields = self.answers.pop(0) if self.answers else (ACCEPTED, {})
            async with self._news:
                self.received.append(delivery)
                self._news.notify_all()
            lines = [f"HTTP/1.1 {status} -", "Content-Length: 0", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in fields.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except (OSError, EOFError):
            return
        finally:
            writer.transport.abort()

    async def __aenter__(self) -> Self:
        host, port = self._place
        self._server = await asyncio.start_server(
            self._accept, host, port, ssl=self._context, limit=LARGEST_HEAD
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=CLOSING_SECONDS)
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Delivery:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:])
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(fields.get("content-length", "0")))
    content_type = fields.get("content-type", "")
    return Delivery(relates_to(content_type, body), content_type, body, fields.get("host", ""))
