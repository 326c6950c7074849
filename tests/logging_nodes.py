"""Nodes that send syslog to an installation over TLS, and what the installation kept of it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import sqlite3
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from gateway.cli.compose import Gateway, compose
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.config import Settings
from gateway.record.events import Received
from gateway.stores.events import Question
from gateway.stores.rows import millis
from gateway.stores.system import SystemEvent, SystemQuestion
from gateway.trail.book import Kept

WAIT = 20.0
_ALERT = re.compile(r'EventTypeCode csd-code="([^"]+)"')
T = TypeVar("T")


def octets(*messages: bytes) -> bytes:
    """Messages behind their lengths (RFC 5425 section 4.3)."""
    return b"".join(b"%d %b" % (len(each), each) for each in messages)


def syslog(text: bytes, host: str = "audit-source", app: str = "emr", number: int = 1) -> bytes:
    """A message of syslog as audit sources send it."""
    at = datetime.now(UTC).isoformat()
    return f"<85>1 {at} {host} {app} {number} IHE+RFC-3881 - ".encode() + text


def audit_xml(patient: str = "P1^^^&2.999.3.1&ISO", source: str = "emr", event: str = "110112") -> bytes:
    """An audit message of a query of a patient's documents."""
    return f"""<AuditMessage><EventIdentification EventActionCode="E" EventOutcomeIndicator="0"
EventDateTime="{datetime.now(UTC).isoformat()}"><EventID csd-code="{event}" codeSystemName="DCM"
originalText="An event"/></EventIdentification><ActiveParticipant UserID="alice" UserIsRequestor="true"/>
<AuditSourceIdentification AuditSourceID="{source}"/><ParticipantObjectIdentification
ParticipantObjectID="{patient.replace("&", "&amp;")}" ParticipantObjectTypeCode="1"
ParticipantObjectTypeCodeRole="1"><ParticipantObjectIDTypeCode csd-code="2" codeSystemName="RFC-3881"
originalText="Patient Number"/></ParticipantObjectIdentification></AuditMessage>""".encode()


@dataclass(frozen=True)
class LogSite:
    """A running installation that takes syslog."""

    config: Path

    @property
    def settings(self) -> Settings:
        return load_settings(self.config)

    def connect(self, node: str = "audit-source") -> ssl.SSLSocket:
        """A session of a node."""
        context = Acting.at(self.settings, node, "physician").identity.context()
        port = self.settings.repository.syslog_port
        sock = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
        return context.wrap_socket(sock, server_hostname="localhost")

    def send(self, *messages: bytes, node: str = "audit-source") -> None:
        """Messages in one session, which ends well."""
        with self.connect(node) as line:
            line.sendall(octets(*messages))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(query).fetchall()

    def kept(self) -> tuple[int, int]:
        """How many messages stand in the trail, and in the system store."""
        query = "SELECT (SELECT count(*) FROM event WHERE trail = 1), (SELECT count(*) FROM system_event)"
        trail, system = self.rows(query)[0]
        return int(str(trail)), int(str(system))

    def alerts(self) -> list[str]:
        """Types of the security alerts of our own trail about peers, oldest first."""
        query = "SELECT message FROM audit WHERE message LIKE '%\"110113\"%' ORDER BY id"
        found = [match[1] for (text,) in self.rows(query) if (match := _ALERT.search(str(text)))]
        return [each for each in found if each in {"protocol-abuse", "110126"}]

    def search(self, *terms: str) -> list[Kept]:
        """Received events, the newest first, by their terms or all."""

        async def ask(gateway: Gateway) -> list[Kept]:
            asked = frozenset(terms) or None
            return await gateway.engine.services.access.trail.search(
                Question(**_always(), terms=asked, trails=frozenset({1}), limit=1000)
            )

        return self._asked(ask)

    def systems(self) -> list[tuple[SystemEvent, Received]]:
        """What stands in the system store, the newest first."""

        async def ask(gateway: Gateway) -> list[tuple[SystemEvent, Received]]:
            return await gateway.systems.search(SystemQuestion(**_always(), limit=1000))

        return self._asked(ask)

    def _asked(self, ask: Callable[[Gateway], object]) -> T:  # type: ignore[type-var,misc]
        async def play() -> T:
            gateway = compose(self.settings)
            try:
                return await ask(gateway)  # type: ignore[misc,no-any-return]
            finally:
                await gateway.close()

        return asyncio.run(play())


def _always() -> dict[str, int]:
    start = datetime(2000, 1, 1, tzinfo=UTC)
    return {"since": millis(start), "until": millis(datetime.now(UTC) + timedelta(days=1))}


def until(reached: Callable[[], T], wanted: T | None = None) -> T:
    """What is reached in time: a value, or anything that is true."""
    deadline = time.monotonic() + WAIT
    while True:
        found = reached()
        if (found == wanted if wanted is not None else bool(found)) or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def ends(line: ssl.SSLSocket) -> bool:
    """Whether the other side closes the session."""
    try:
        return line.recv(1) == b""
    except (ConnectionError, ssl.SSLError):
        return True


def several(count: int) -> Iterable[bytes]:
    """Different audit messages."""
    return (syslog(audit_xml(f"P{number}^^^&2.999.3.1&ISO"), number=number) for number in range(count))
