"""How many audit messages by syslog are kept in a second: senders in processes of their own, all counted."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.sharedctypes import SynchronizedArray
from multiprocessing.synchronize import Barrier, Event

import psutil
from sqlalchemy import func, select

from gateway.cli.partner import Acting
from gateway.config import Settings
from gateway.stores import tables
from gateway.stores.database import Database, open_database

PATIENTS = 20_000
CHUNK = 64
LOOK_SECONDS = 0.1
QUIET_SECONDS = 20.0
_STORED_QUERY = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
_QUERY = (
    '<AdhocQueryRequest xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"'
    ' xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">'
    '<ResponseOption returnComposedObjects="true" returnType="LeafClass"/>'
    f'<rim:AdhocQuery id="{_STORED_QUERY}"><rim:Slot name="$XDSDocumentEntryPatientId"><rim:ValueList>'
    "<rim:Value>'{patient}'</rim:Value></rim:ValueList></rim:Slot>"
    '<rim:Slot name="$XDSDocumentEntryStatus"><rim:ValueList><rim:Value>'
    "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"
    "</rim:Value></rim:ValueList></rim:Slot></rim:AdhocQuery></AdhocQueryRequest>"
)


def _code(tag: str, code: str, scheme: str, text: str) -> str:
    return f'<{tag} csd-code="{code}" codeSystemName="{scheme}" originalText="{text}"/>'


def _object(name: str, kind: int, role: int, inside: str) -> str:
    tag = "ParticipantObjectIdentification"
    told = f'{tag[:17]}ID="{name}" {tag[:17]}TypeCode="{kind}" {tag[:17]}TypeCodeRole="{role}"'
    return f"<{tag} {told}>{inside}</{tag}>"


_TRANSACTION = ("ITI-18", "IHE Transactions", "Registry Stored Query")
_MESSAGE = "".join(
    (
        '<AuditMessage><EventIdentification EventActionCode="E" EventDateTime="{at}"',
        ' EventOutcomeIndicator="0">',
        _code("EventID", "110112", "DCM", "Query"),
        _code("EventTypeCode", *_TRANSACTION),
        _code("PurposeOfUse", "NORM", "2.999.1.9", "Normal access"),
        '</EventIdentification><ActiveParticipant UserID="http://emr.example/reply"',
        ' AlternativeUserID="{process}" UserIsRequestor="true" NetworkAccessPointID="192.0.2.7"',
        ' NetworkAccessPointTypeCode="2">',
        _code("RoleIDCode", "110153", "DCM", "Source Role ID"),
        '</ActiveParticipant><ActiveParticipant UserID="2.999.9^{person}"',
        ' UserName="&lt;{person}@idp.example&gt;" UserIsRequestor="true">',
        _code("RoleIDCode", "PHYSICIAN", "2.999.1.8", "Physician"),
        '</ActiveParticipant><ActiveParticipant UserID="https://gateway.example/xds/registry"',
        ' UserIsRequestor="false" NetworkAccessPointID="gateway.example" NetworkAccessPointTypeCode="1">',
        _code("RoleIDCode", "110152", "DCM", "Destination Role ID"),
        '</ActiveParticipant><AuditSourceIdentification AuditSourceID="emr" AuditEnterpriseSiteID="2.999.9">',
        '<AuditSourceTypeCode csd-code="4"/></AuditSourceIdentification>',
        _object("{escaped}", 1, 1, _code("ParticipantObjectIDTypeCode", "2", "RFC-3881", "Patient Number")),
        _object(
            _STORED_QUERY,
            2,
            24,
            _code("ParticipantObjectIDTypeCode", *_TRANSACTION)
            + "<ParticipantObjectQuery>{query}</ParticipantObjectQuery>",
        ),
        "</AuditMessage>",
    )
)


@dataclass(frozen=True)
class Kept:
    """Messages sent and kept, octets of one, seconds from the first sent to the last kept.

    `cpu` is seconds of the server's processes, `sending` those of the senders beside it.
    """

    sent: int
    kept: int
    octets: float
    seconds: float
    cpu: float
    sending: float

    @property
    def rate(self) -> float:
        """Messages in a second."""
        return self.kept / self.seconds


def frames(sender: int, count: int) -> Iterator[bytes]:
    """Different messages of real size, each behind its length."""
    draw = random.Random(sender)  # noqa: S311 - no secret
    for number in range(count):
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        patient = f"P-{draw.randrange(PATIENTS)}^^^&2.999.1.1&ISO"
        text = _MESSAGE.format(
            at=at,
            process=sender,
            person=f"physician-{draw.randrange(500)}",
            escaped=patient.replace("&", "&amp;"),
            query=b64encode(_QUERY.format(patient=patient).encode()).decode(),
        )
        head = f"<85>1 {at} tester emr {sender}-{number} IHE+RFC-3881 - "
        message = (head + text).encode()
        yield b"%d %b" % (len(message), message)


def measure(settings: Settings, server: int, clients: int, messages: int) -> Kept:
    """Sends so many messages over some sessions to a running server; waits until all are kept."""
    process = multiprocessing.get_context("spawn")
    begin, ready, spent = process.Event(), process.Barrier(clients + 1), process.Array("d", clients)
    each = messages // clients
    senders = [
        process.Process(target=_send, args=(settings, number, each, ready, begin, spent), daemon=True)
        for number in range(clients)
    ]
    for sender in senders:
        sender.start()
    ready.wait()
    cpu = _cpu(server)
    kept, seconds = asyncio.run(_followed(settings, each * clients, begin))
    for sender in senders:
        sender.join()
    octets = sum(map(len, frames(0, CHUNK))) / CHUNK
    return Kept(each * clients, kept, octets, seconds, _cpu(server) - cpu, sum(spent[:]))


def _send(
    settings: Settings, number: int, count: int, ready: Barrier, begin: Event, spent: SynchronizedArray[float]
) -> None:
    """One session. What is sent was made before."""
    made = list(frames(number, count))
    chunks = [b"".join(made[start : start + CHUNK]) for start in range(0, count, CHUNK)]
    context = Acting.at(settings, "tester", "physician").identity.context()
    plain = socket.create_connection(("127.0.0.1", settings.repository.syslog_port))
    with context.wrap_socket(plain, server_hostname="localhost") as line:
        ready.wait()
        begin.wait()
        before = time.process_time()
        for chunk in chunks:
            line.sendall(chunk)
        spent[number] = time.process_time() - before


async def _followed(settings: Settings, wanted: int, begin: Event) -> tuple[int, float]:
    """How many were kept, and when the last one was: all, or until nothing comes any more."""
    database = open_database(settings.database.url)
    try:
        before, kept = await _count(database), 0
        start = last = time.perf_counter()
        begin.set()
        while kept < wanted and time.perf_counter() - last < QUIET_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            now = await _count(database) - before
            if now > kept:
                kept, last = now, time.perf_counter()
        return kept, last - start
    finally:
        await database.close()


async def _count(database: Database) -> int:
    rows = await database.fetch(select(func.sum(tables.event_block.c.count)))
    return int(rows[0][0] or 0)


def _cpu(pid: int) -> float:
    """CPU seconds of a server and its workers."""
    parent = psutil.Process(pid)
    times = [each.cpu_times() for each in (parent, *parent.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def show(kept: Kept) -> None:
    """Prints the figures."""
    each, sending = (spent / max(kept.kept, 1) * 1e6 for spent in (kept.cpu, kept.sending))
    print(
        f"syslog over TLS: {kept.kept} of {kept.sent} messages of {kept.octets:.0f} octets kept in "
        f"{kept.seconds:.1f} s: {kept.rate:.0f} messages/s; {each:.0f} µs of CPU each, "
        f"{sending:.0f} µs of the senders"
    )
