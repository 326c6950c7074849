"""Keeps what comes by syslog: many messages in one transaction, soon, and none dropped (ITI-20).

Messages wait in memory until they are written, 50 ms at most while the database keeps up. Does it not,
nothing more is read from any connection. RFC 5425 has no acknowledgement: what waits is lost in a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from socket import socket
from weakref import WeakSet

from cryptography import x509
from cryptography.x509.oid import NameOID
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from gateway.cli.alarms import Alarms
from gateway.cli.compose import Gateway
from gateway.errors import Busy, GatewayError, NodeRefused, Outdated
from gateway.record.events import Received
from gateway.record.people import Node
from gateway.stores.events import SYSTEM, USE
from gateway.stores.work import UnitOfWork
from gateway.trail.receiving import DICOM, Judged, form_of, judged, marked, other_sender, unjudged
from gateway.trail.rfc5424 import read_syslog
from gateway.transport.gate import Peer
from gateway.transport.syslog import DatagramServer, SyslogLimits, SyslogServer
from gateway.transport.tls import ServerTls

TRANSACTION = "ITI-20"
GATHER_SECONDS = 0.05
BATCH = 64
LARGEST_BATCH = 512
BATCH_OCTETS = 4 * 1024 * 1024
WAITING_MESSAGES = 2_048
WAITING_OCTETS = 16 * 1024 * 1024
AT_ONCE = 8
"""Messages judged before others in the event loop get their turn: about a millisecond."""
LOOK_SECONDS = 1.0
RETRY_SECONDS = 0.5
NAMES_SECONDS = 1.0

_TAKEN = Counter("passerelle_syslog_messages", "Messages taken by syslog.", ["kept_in"])
_REPEATED = Counter("passerelle_syslog_repeated", "Audit messages that were here before, and not kept again.")


@dataclass(frozen=True, slots=True)
class Sender:
    """An enrolled node that sends, and the names it may go by, in lower case."""

    node: Node
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A frame that is not written yet."""

    frame: bytes
    peer: Peer
    sender: Sender | None
    session: object
    at: datetime


@dataclass(slots=True)
class Collector:
    """Takes frames from the listeners, and writes them until it is finished."""

    gateway: Gateway
    alarms: Alarms
    servers: list[SyslogServer[Sender] | DatagramServer[Sender]] = field(default_factory=list)
    _waiting: deque[_Waiting] = field(default_factory=deque)
    _octets: int = 0
    _count: int = 0
    _some: asyncio.Event = field(default_factory=asyncio.Event)
    _enough: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None
    _told: WeakSet[object] = field(default_factory=WeakSet)
    _others: frozenset[str] = frozenset()
    _others_until: float = 0.0
    _failing: bool = False

    @property
    def full(self) -> bool:
        """Whether nothing more should be read for now."""
        crowded = self._count >= WAITING_MESSAGES or self._octets >= WAITING_OCTETS
        return crowded or self.gateway.engine.room.refusing

    def put(self, frames: Sequence[bytes], peer: Peer, node: Sender | None, session: object) -> None:
        """Takes messages of a session; they count towards `full` at once."""
        at = self.gateway.engine.clock()
        self._waiting.extend(_Waiting(frame, peer, node, session, at) for frame in frames)
        self._count += len(frames)
        self._octets += sum(map(len, frames))
        self._idle.clear()
        self._some.set()
        if len(self._waiting) >= BATCH:
            self._enough.set()

    def start(self) -> None:
        """Begin to write; must be called in the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def finish(self, seconds: float) -> None:
        """Writes what waits, within some seconds; nothing must come any more."""
        if self._count:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._idle.wait()
        if self._count:
            self.gateway.engine.log.error("syslog messages not kept", count=self._count)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # --- one batch after the other ---

    async def _run(self) -> None:
        """While one batch is being written the next one is judged."""
        writing: asyncio.Task[None] | None = None
        try:
            while True:
                batch = await self._gathered()
                told = await self._judged(batch)
                if writing is not None:
                    await writing
                writing = asyncio.create_task(self._write(told, sum(len(each.frame) for each in batch)))
                if not self._waiting:
                    await writing
        finally:
            if writing is not None:
                writing.cancel()

    async def _gathered(self) -> list[_Waiting]:
        while not self._waiting:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._some.wait()
            self._go_on()
        if len(self._waiting) < BATCH:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._enough.wait()
        batch: list[_Waiting] = []
        octets = 0
        while self._waiting and len(batch) < LARGEST_BATCH and octets < BATCH_OCTETS:
            batch.append(self._waiting.popleft())
            octets += len(batch[-1].frame)
        if not self._waiting:
            self._some.clear()
        if len(self._waiting) < BATCH:
            self._enough.clear()
        return batch

    async def _judged(self, batch: Sequence[_Waiting]) -> list[Judged]:
        told = []
        for number, each in enumerate(batch, 1):
            told.append(self._safely(each))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return told

    def _safely(self, each: _Waiting) -> Judged:
        """One message in which we fail must not keep the others from being written, nor be lost itself."""
        try:
            return self._one(each)
        except Exception as error:  # noqa: BLE001 - whatever it is, the message is kept as it came
            self.gateway.engine.log.warning("syslog message not judged", error=type(error).__name__)
            sender = each.sender.node.name if each.sender is not None else None
            return unjudged(
                Received(raw=each.frame, form=DICOM, at=each.at, sender=sender, address=each.peer.host)
            )

    def _one(self, each: _Waiting) -> Judged:
        syslog = read_syslog(each.frame)
        message = Received(
            raw=syslog.message,
            form=form_of(syslog.message, syslog.field("msg-id")),
            at=each.at,
            sender=each.sender.node.name if each.sender is not None else None,
            address=each.peer.host,
            header=syslog.header,
        )
        found = judged(message)
        if each.sender is None:
            return found
        claimed = other_sender(found, each.sender.names, self._known_others())
        if claimed is None:
            return found
        self._impostor(each, each.sender, claimed)
        return marked(found, claimed)

    def _impostor(self, each: _Waiting, sender: Sender, claimed: str) -> None:
        """Told once for each session."""
        if each.session not in self._told:
            self._told.add(each.session)
            name = claimed[:64]
            self.alarms.impostor(each.peer, f"node {sender.node.name} sends messages in the name of {name}")

    def _known_others(self) -> frozenset[str]:
        """Names of all enrolled nodes, and of their organisations; a second old at most."""
        now = asyncio.get_running_loop().time()
        if now >= self._others_until:
            nodes = self.gateway.nodes.nodes()
            named = {each.name.lower() for each in nodes} | {each.organisation.lower() for each in nodes}
            self._others, self._others_until = frozenset(named), now + NAMES_SECONDS
        return self._others

    # --- writing ---

    async def _write(self, told: Sequence[Judged], octets: int) -> None:
        """Until it is written. Another worker may have taken one of them: then it is looked up again."""
        while True:
            try:
                repeated = await self._commit(told)
            except Outdated:
                continue
            except (GatewayError, SQLAlchemyError, OSError) as error:
                self._tell(error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            break
        self._tell(None)
        _REPEATED.inc(repeated)
        self._count -= len(told)
        self._octets -= octets
        if not self._count:
            self._idle.set()
        self._go_on()

    def _go_on(self) -> None:
        """Read again where half of the room is free."""
        half = self._count < WAITING_MESSAGES // 2 and self._octets < WAITING_OCTETS // 2
        if half and not self.full:
            for server in self.servers:
                server.resume()

    async def _commit(self, told: Sequence[Judged]) -> int:
        """Writes all; how many audit messages were here before."""
        engine, work = self.gateway.engine, UnitOfWork()
        engine.room.check()
        use = [each for each in told if each.trail == USE]
        system = [each for each in told if each.trail == SYSTEM]
        taken = await engine.services.access.trail.keep(work, use, engine.clock())
        await self.gateway.systems.keep(work, system, engine.clock())
        if work.steps:
            await engine.committer.commit(work)
        repeated = sum(each.name is None for each in taken)
        _TAKEN.labels("trail").inc(len(use) - repeated)
        _TAKEN.labels("system").inc(len(system))
        return repeated

    def _tell(self, error: Exception | None) -> None:
        """The operators learn that it fails, and that it works again."""
        if (error is not None) == self._failing:
            return
        self._failing = error is not None
        log = self.gateway.engine.log
        if error is None:
            log.warning("syslog messages are kept again")
        else:
            log.error("syslog messages cannot be kept: nothing is read", error=type(error).__name__)


# --- the listeners -------------------------------------------------------------------------------


def receivers(
    gateway: Gateway,
    tls: ServerTls,
    listener: socket,
    datagrams: socket | None,
    alarms: Alarms,
    collector: Collector,
) -> list[SyslogServer[Sender] | DatagramServer[Sender]]:
    """What listens for syslog, each known to the collector."""
    settings = gateway.settings
    told = settings.repository
    server: SyslogServer[Sender] = SyslogServer(
        collector,
        tls,
        SyslogLimits(
            frame_bytes=settings.limits.syslog_frame_bytes,
            frame_seconds=told.frame_seconds,
            handshake_seconds=settings.limits.handshake_seconds,
            connections=told.connections,
            connections_per_node=told.connections_per_node,
        ),
        [listener],
        admit=lambda peer: _admitted(gateway, peer),
        standing=lambda sender: _standing(gateway, sender),
        on_failure=alarms.failure,
        on_abuse=alarms.abuse,
    )
    collector.servers.append(server)
    if datagrams is not None:
        text = "syslog is taken over UDP: nobody knows who sends, and messages may be lost"
        gateway.engine.log.warning(text, port=datagrams.getsockname()[1])
        largest = settings.limits.syslog_frame_bytes
        collector.servers.append(DatagramServer(collector, datagrams, largest, on_abuse=alarms.abuse))
    return collector.servers


def _admitted(gateway: Gateway, peer: Peer) -> tuple[Sender, str]:
    """The enrolled node of a peer that may record audit events; NodeRefused for any other."""
    node = gateway.nodes.authenticate(peer.certificate, peer.host, gateway.engine.clock())
    if not node.may_call(TRANSACTION):
        raise NodeRefused(f"node {node.name} is not enrolled for {TRANSACTION}")
    return Sender(node, _names(node, peer)), node.name


async def _standing(gateway: Gateway, sender: Sender) -> None:
    """NodeRefused for a node that is revoked; Busy while the database does not answer."""
    now = gateway.engine.clock()
    try:
        revoked = await gateway.engine.revocations.current(now)
    except (SQLAlchemyError, OSError) as error:
        raise Busy("revocations cannot be read") from error
    revoked.check_node(sender.node, now)


def _names(node: Node, peer: Peer) -> frozenset[str]:
    """What a node is called: by its enrolment, its certificate, and where it comes from."""
    certificate = x509.load_der_x509_certificate(peer.certificate)
    found = {node.name, peer.host}
    found |= {str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    with contextlib.suppress(x509.ExtensionNotFound):
        other = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found |= set(other.get_values_for_type(x509.DNSName))
        found |= {str(each) for each in other.get_values_for_type(x509.IPAddress)}
    lower = {each.lower() for each in found}
    return frozenset(lower | {node.organisation.lower()})
