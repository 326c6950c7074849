"""Partners that are told of changed persons: an installation, and listeners over MLLP and HTTPS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from gateway.bindings.hl7v2 import Message, read_message
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import free_ports
from gateway.client.session import Identity
from gateway.config import Limits
from gateway.crypto import pki

WAIT = 20.0
SILENCE = "-"
"""The message is read, and never acknowledged."""

WARD, LAB = "2.999.3.1", "2.999.3.2"
ROOTS = {"WARD": WARD, "LAB": LAB}
DOMAINS = f"""
[identity.domains.WARD]
oid = "{WARD}"
[identity.domains.LAB]
oid = "{LAB}"
"""
CHANGES = {"outbox.retry_seconds": "0.2", "outbox.retry_most_seconds": "0.4", "outbox.attempt_seconds": "1.0"}
RECEIVERS = ("pharmacy", "laboratory")
ANNA = "WEBER^ANNA||19800214|F|||Rue de la Gare 7^^Luxembourg^^1611^LUX||+352621123456"
_NOT_TOLD = {"ITI-8", "ITI-94", "110120", "110121"}


@dataclass
class Listener:
    """A listener of a partner; `received` is what came, in its order."""

    context: ssl.SSLContext
    port: int
    received: list[Any] = field(default_factory=list)
    connections: int = 0
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def count(self, count: int) -> list[Any]:
        """What came, once it is so many."""
        async with asyncio.timeout(WAIT), self.news:
            await self.news.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def note(self, message: Any) -> None:
        async with self.news:
            self.received.append(message)
            self.news.notify_all()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(OSError, EOFError):
                await self.take(reader, writer)
        finally:
            writer.transport.abort()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self.context)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self.serving:
            task.cancel()
        await asyncio.gather(*self.serving, return_exceptions=True)
        await asyncio.sleep(0)


@dataclass
class Receiver(Listener):
    """Takes messages over MLLP. `answers` are the MSA-1 of the next ones; "" ends the connection."""

    answers: list[str] = field(default_factory=list)
    octets: list[bytes] = field(default_factory=list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            frame = (await reader.readuntil(b"\x1c\r"))[1:-2]
            message = read_message(frame, Limits())
            answer = self.answers.pop(0) if self.answers else "AA"
            self.octets.append(frame)
            await self.note(message)
            if answer == SILENCE:
                await reader.read()
            if answer in {"", SILENCE}:
                return
            writer.write(
                b"\x0bMSH|^~\\&|A|B|C|D|20260101||ACK^A31^ACK|1|T|2.5\r"
                b"MSA|%b|%b\r\x1c\r" % (answer.encode(), message.field("MSH-10").encode())
            )
            await writer.drain()

    async def told(self, count: int) -> list[set[str]]:
        """The identifiers in each message, once there are so many."""
        return [identifiers(each) for each in await self.count(count)]


def identifiers(message: Message, field: str = "PID-3") -> set[str]:
    return {message.value(f"{field}[{at}].1") or "" for at in range(1, message.repetitions(field) + 1)}


@dataclass(frozen=True)
class Posted:
    """A request as it came; header names in lower case."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpsReceiver(Listener):
    """Takes POSTs. `answers` are status and body of the next ones; then 200 and `usual`."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    usual: bytes = b""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:])
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs if name}
        body = await reader.readexactly(int(headers["content-length"]))
        status, answer = self.answers.pop(0) if self.answers else (200, self.usual)
        await self.note(Posted(headers, body))
        writer.write(b"HTTP/1.1 %d -\r\nContent-Length: %d\r\n\r\n%b" % (status, len(answer), answer))
        await writer.drain()
        await reader.read()


@dataclass
class Place:
    """An installation whose partners are told by `entry` of their node files, at ports of their own."""

    config: Path
    entry: str
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.config.open("a") as file:
            file.write(DOMAINS)
        self.settings = load_settings(self.config)
        for name, port in zip(RECEIVERS, free_ports(len(RECEIVERS)), strict=True):
            self.ports[name] = port
            self.issue(name)
            certificate = (self.config.parent / f"pki/{name}-receiver.pem").read_bytes()
            with (self.config.parent / f"nodes/{name}.pem").open("ab") as pem:
                pem.write(certificate)
            with (self.config.parent / f"nodes/{name}.toml").open("a") as node:
                node.write(self.entry.format(port=port))

    def issue(self, name: str) -> None:
        """A server certificate for a receiver; it counts as the node's once it is enrolled."""
        folder = self.config.parent / "pki"
        authority = pki.load_authority(folder / "authority.pem", folder / "authority.key", "integration")
        key = pki.create_key()
        pki.write_key(folder / f"{name}-receiver.key", key)
        issued = pki.issue_server(authority, key.public_key(), datetime.now(UTC), ["localhost"])
        pki.write_pem(folder / f"{name}-receiver.pem", issued)

    def mllp(self, name: str = "pharmacy", certificate: str | None = None) -> Receiver:
        return Receiver(self._listening(certificate or name), self.ports[name])

    def https(self, name: str = "pharmacy", usual: bytes = b"") -> HttpsReceiver:
        return HttpsReceiver(self._listening(name), self.ports[name], usual=usual)

    def _listening(self, name: str) -> ssl.SSLContext:
        folder, stem = self.config.parent / "pki", f"{name}-receiver"
        identity = Identity(
            certificate=folder / f"{stem}.pem",
            key=folder / f"{stem}.key",
            trust=folder / "trust.pem",
            signer=None,
        )
        return identity.listening()

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement, values).fetchall()

    def audit(self, after: int = 0) -> list[tuple[str, str, int]]:
        """Event, type and outcome of what was told beside the feeds."""
        found = [
            (
                re.search(r'<EventID csd-code="([^"]+)"', message)[1],  # type: ignore[index]
                re.search(r'<EventTypeCode csd-code="([^"]+)"', message)[1],  # type: ignore[index]
                outcome,
            )
            for message, outcome in self.rows("SELECT message, outcome FROM audit ORDER BY id")[after:]
        ]
        return [each for each in found if each[1] not in _NOT_TOLD]

    def started(self) -> int:
        """How many workers have told the audit that they started."""
        return sum('csd-code="110120"' in message for (message,) in self.rows("SELECT message FROM audit"))

    def audited(self) -> int:
        return len(self.rows("SELECT id FROM audit"))

    def waiting(self, name: str = "pharmacy") -> int:
        return int(self.rows("SELECT count(*) FROM outbox WHERE node = ?", name)[0][0])

    async def until(self, reached: Callable[[], object]) -> None:
        """Waits for what the server writes."""
        async with asyncio.timeout(WAIT):
            while not reached():  # noqa: ASYNC110 - another process gets there
                await asyncio.sleep(0.02)

    async def emptied(self) -> None:
        await self.until(lambda: self.rows("SELECT count(*) FROM outbox") == [(0,)])

    async def feed(self, *ids: str, person: str = ANNA) -> None:
        """An ITI-8 of the hospital: `WARD:1`."""
        await self.send("A01", f"PID|||{'~'.join(cx(each) for each in ids)}||{person}\rPV1||O")

    async def merge(self, survivor: str, subsumed: str) -> None:
        await self.send("A40", f"PID|||{cx(survivor)}||X^Y\rMRG|{cx(subsumed)}")

    async def send(self, trigger: str, segments: str) -> None:
        acting = Acting.at(self.settings, "hospital", "physician")
        number = time.time_ns() % 10**18
        answer = await acting.feed(
            f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^{trigger}|{number}|T|2.3.1\r"
            f"EVN|{trigger}|20260101120000\r{segments}\r".encode()
        )
        assert b"MSA|AA" in answer, answer


def cx(named: str) -> str:
    domain, _, value = named.partition(":")
    return f"{value}^^^{domain}&{ROOTS[domain]}&ISO"
