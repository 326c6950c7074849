"""A running server that answers later, and a partner who waits at a callback address (ITI TF-2 V.5)."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import free_ports
from gateway.client import queries, xds
from gateway.client.callback import CallbackListener, Delivery
from gateway.client.session import Identity
from gateway.client.soap import Reply, SoapClient
from gateway.crypto import pki
from gateway.record.people import Code

WAIT = 20.0
QUERY, PROVIDE, RETRIEVE = (
    f"urn:ihe:iti:2007:{name}"
    for name in ("RegistryStoredQuery", "ProvideAndRegisterDocumentSet-b", "RetrieveDocumentSet")
)
RS = "{urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0}"
PARTNERS = ("hospital", "pharmacy")


@dataclass
class Place:
    """An installation whose partners have callback listeners, at ports of their own."""

    config: Path
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = load_settings(self.config)
        for name, port in zip(PARTNERS, free_ports(len(PARTNERS)), strict=True):
            self.ports[name] = port
            self.issue(name)
            home = self.config.parent / "nodes"
            certificate = (self.config.parent / f"pki/{name}-callback.pem").read_bytes()
            with (home / f"{name}.pem").open("ab") as file:
                file.write(certificate)
            path = home / f"{name}.toml"
            listed = f'reply_to = ["https://localhost:{port}/callback"]'
            path.write_text(path.read_text().replace("reply_to = []", listed))

    def issue(self, name: str, host: str = "localhost") -> None:
        """A server certificate for a listener; it counts as the node's once it is enrolled."""
        folder = self.config.parent / "pki"
        authority = pki.load_authority(folder / "authority.pem", folder / "authority.key", "integration")
        key = pki.create_key()
        pki.write_key(folder / f"{name}-callback.key", key)
        issued = pki.issue_server(authority, key.public_key(), datetime.now(UTC), [host])
        pki.write_pem(folder / f"{name}-callback.pem", issued)

    def url(self, name: str = "hospital") -> str:
        return f"https://localhost:{self.ports[name]}/callback/replies"

    def listener(self, name: str = "hospital", certificate: str | None = None) -> CallbackListener:
        folder = self.config.parent / "pki"
        stem = certificate or f"{name}-callback"
        identity = Identity(
            certificate=folder / f"{stem}.pem",
            key=folder / f"{stem}.key",
            trust=folder / "trust.pem",
            signer=None,
        )
        return CallbackListener(identity.listening(), self.ports[name])

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()

    def audit(self, after: int = 0) -> list[tuple[str, str, int]]:
        found = self.rows("SELECT message, outcome FROM audit ORDER BY id")[after:]
        return [
            (
                re.search(r'<EventID csd-code="([^"]+)"', message)[1],  # type: ignore[index]
                re.search(r'<EventTypeCode csd-code="([^"]+)"', message)[1],  # type: ignore[index]
                outcome,
            )
            for message, outcome in found
        ]

    async def until(self, reached: Callable[[], object]) -> None:
        """Waits for what the server writes."""
        async with asyncio.timeout(WAIT):
            while not reached():  # noqa: ASYNC110 - another process gets there
                await asyncio.sleep(0.02)

    async def delivered(self) -> None:
        await self.until(lambda: self.rows("SELECT count(*) FROM outbox") == [(0,)])


@dataclass
class Partner:
    """A person at a partner's system, who asks for replies at the partner's listener."""

    place: Place
    client: SoapClient
    acting: Acting

    async def ask(self, action: str, pieces: list[Any], **changes: Any) -> str:
        packaged = action != QUERY
        endpoints = self.acting.endpoints
        given = {
            "packaged": packaged,
            "reply_to": self.place.url(self.acting.partner),
            "assertion": self.acting.assertion(),
        }
        url = endpoints.repository if packaged else endpoints.registry
        return await self.client.ask(url, action, pieces, **(given | changes))

    async def query(self, patient: str, **changes: Any) -> str:
        return await self.ask(QUERY, [queries.find_body(self.acting.full_id(patient))], **changes)

    async def provide(self, document: xds.Document) -> str:
        pieces = xds.provide_pieces([document], xds.new_oid(), self.acting.endpoints.source_oid)
        return await self.ask(PROVIDE, pieces)

    def document(self, patient: str, data: bytes = b"<ClinicalDocument/>") -> xds.Document:
        code = Code("18842-5", "2.16.840.1.113883.6.1", "Letter")
        return xds.Document(
            data=data,
            unique_id=xds.new_oid(),
            mime_type="text/xml",
            title="Letter",
            patient=self.acting.full_id(patient),
            class_code=code,
            type_code=code,
            format_code=Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "MIME"),
            confidentiality=Code("N", "2.16.840.1.113883.5.25", "normal"),
            author="a^Weber^Anne^^^^^^&2.999.2.1&ISO",
            institution="Test Hospital^^^^^^^^^2.999.2.1",
            created="20260101120000",
        )

    async def feed(self, patient: str) -> None:
        full = self.acting.full_id(patient)
        number = time.time_ns() % 10**18
        text = (
            f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{number}|P|2.3.1\r"
            f"EVN|A01|20260101120000\rPID|1||{full}||TEST^CALLBACK||19700101|F\rPV1|1|O\r"
        )
        assert b"MSA|AA" in await self.acting.feed(text.encode())

    def read(self, delivery: Delivery) -> Reply:
        """With the server's signature checked, and its time."""
        return self.client.read(200, delivery.content_type, delivery.body)


@contextlib.asynccontextmanager
async def at(place: Place, name: str = "hospital", role: str = "physician") -> AsyncIterator[Partner]:
    acting = Acting.at(place.settings, name, role)
    async with acting.identity.http() as http:
        yield Partner(place, acting._client(http), acting)
