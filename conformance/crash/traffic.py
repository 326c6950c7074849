"""The clients: they submit, ask, fetch and feed over mutual TLS, and note every answer they were given."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TextIO

from collector import Collector, context_of
from ground import Ground
from links import BrokenError, Link
from making import Maker, octets_of

from gateway.client import xds

FIRST_PATIENTS = 6
GIVEN_UP, RECENT = 0.3, 0.7
"""Shares: of unanswered submissions that are not repeated, of fetches that ask for what is new."""
BUSY = (
    b"XDSRegistryBusy",
    b"XDSRepositoryBusy",
    b"206&",
    b"207&",
    b"did not take the request",
    b"nothing was done, try again",
)
"""What a server may answer while its database is away: by code, or as a fault before it knows who asks."""
_CODE = re.compile(rb'errorCode="([^"]+)"|<[^>]*:Text[^>]*>([^<]{0,120})|\rERR\|([^\r]{0,80})')


@dataclass(slots=True)
class Traffic:
    """All clients of one installation. What was acknowledged is noted before anything else is done."""

    ground: Ground
    seed: int
    maker: Maker = field(init=False)
    patients: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _notes: TextIO = field(init=False)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.maker = Maker.at(self.ground.settings)
        self._notes = self.ground.notes.open("a", encoding="utf-8", buffering=1)
        self._chance = random.Random(self.seed)  # noqa: S311 - choice of messages, no secret

    async def run(
        self, stopping: Callable[[], Awaitable[None]], settled: Callable[[], Awaitable[None]]
    ) -> None:
        """Clients until `stopping` returns; then all that was acknowledged is read once more."""
        collector = Collector(self.ground.receiver, context_of(self.ground.settings.folder / "pki"))
        await collector.start()
        clients = [asyncio.create_task(each) for each in self._clients()]
        await stopping()
        for each in clients:
            each.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await self._read_all()
        await settled()
        await collector.stop()
        self._note("collected", digests=[each.hex() for each in collector.first], repeated=collector.repeated)
        self._note("end", counts=dict(self.counts), faults=self.faults)
        self._notes.close()

    def _clients(self) -> list[Awaitable[None]]:
        return [
            self._feeding(),
            self._submitting(),
            self._submitting(),
            self._submitting(),
            self._asking(),
            self._fetching(),
        ]

    def _link(self, *, mllp: bool = False) -> Link:
        server = self.ground.settings.server
        context = self.maker.acting.identity.context()
        return Link(server.mllp_port if mllp else server.port, context, mllp=mllp)

    def _note(self, what: str, **fields: object) -> None:
        self._notes.write(json.dumps({"what": what, **fields}) + "\n")

    async def _feeding(self) -> None:
        """New patients; a message without an answer is sent again as it is."""
        link = self._link(mllp=True)
        while True:
            patient = f"C{uuid.uuid4().hex[:14]}"
            message = self.maker.feed(patient, uuid.uuid4().hex[:20])
            answer = await self._until_answered(link, lambda sent=message: sent, "feed")
            if b"MSA|AA" in answer[1]:
                self._told("feed", answer, patient=patient)
                self.patients.append(patient)
            else:
                self._refused("feed", answer[1])
            await asyncio.sleep(0.02 if len(self.patients) < FIRST_PATIENTS else self._chance.uniform(0, 0.2))

    async def _submitting(self) -> None:
        """Submissions. Without an answer the same submission is repeated, or given up."""
        link = self._link()
        while True:
            if not self.patients:
                await asyncio.sleep(0.02)
                continue
            patient = self._chance.choice(self.patients[-40:])
            names = [xds.new_oid() for _ in range(self._chance.choice((1, 1, 1, 2, 3)))]
            set_id = xds.new_oid()
            answer = None
            while answer is None:
                message = self.maker.provide(patient, set_id, names)
                answer = await self._once(link, message.data, message.digest, "submit")
                if answer is None and self._chance.random() < GIVEN_UP:
                    break
            if answer is None:
                self.counts["submit given up"] += 1
            elif b"ResponseStatusType:Success" in answer[1]:
                self._told("submit", answer, set=set_id, documents=names, patient=patient)
                self.stored += names
            else:
                self._refused("submit", answer[1])

    async def _asking(self) -> None:
        link = self._link()
        while True:
            if self.patients:
                message = self.maker.query(self._chance.choice(self.patients[-40:]))
                answer = await self._once(link, message.data, message.digest, "query")
                self._read(answer, "query")
            await asyncio.sleep(0.005)

    async def _fetching(self) -> None:
        """Old and new documents, compared octet for octet."""
        link = self._link()
        while True:
            if self.stored:
                few = self.stored[-30:] if self._chance.random() < RECENT else self.stored
                await self._fetch(link, [self._chance.choice(few)])
            await asyncio.sleep(0.005)

    async def _fetch(self, link: Link, names: list[str]) -> bool:
        message = self.maker.retrieve(names)
        answer = await self._once(link, message.data, message.digest, "retrieve")
        if answer is None or not self._read(answer, "retrieve"):
            return answer is not None
        for each in names:
            if octets_of(each) not in answer[1]:
                self.faults.append(f"document {each} came back otherwise than it was acknowledged")
        return True

    def _read(self, answer: tuple[str, bytes] | None, kind: str) -> bool:
        """Whether data were given."""
        if answer is None:
            return False
        if b"ResponseStatusType:Success" in answer[1]:
            self._told(kind, answer)
            return True
        self._refused(kind, answer[1])
        return False

    async def _read_all(self) -> None:
        """Everything that was ever acknowledged, over the wire."""
        link = self._link()
        names = list(dict.fromkeys(self.stored))
        for at in range(0, len(names), 20):
            while not await self._fetch(link, names[at : at + 20]):
                self.counts["fetched again"] += 1
        self.counts["documents read at the end"] = len(names)

    async def _until_answered(self, link: Link, make: Callable[[], object], kind: str) -> tuple[str, bytes]:
        while True:
            message = make()
            answer = await self._once(link, message.data, message.digest, kind)  # type: ignore[attr-defined]
            if answer is not None:
                return answer

    async def _once(self, link: Link, data: bytes, digest: str, kind: str) -> tuple[str, bytes] | None:
        """Digest of the request and the answer; None when the server was killed before it came."""
        await link.connected()
        self.counts[f"{kind} sent"] += 1
        try:
            return digest, await link.exchange(data)
        except BrokenError:
            self.counts[f"{kind} broken"] += 1
            return None

    def _told(self, kind: str, answer: tuple[str, bytes], **fields: object) -> None:
        """An answer of success is noted with the digests of both messages."""
        self.counts[f"{kind} answered"] += 1
        self._note(kind, request=answer[0], reply=hashlib.sha256(answer[1]).hexdigest(), **fields)

    def _refused(self, kind: str, answer: bytes) -> None:
        if any(each in answer for each in BUSY):
            self.counts[f"{kind} busy"] += 1
            return
        words = b" ".join(b" ".join(each) for each in _CODE.findall(answer))[:300]
        self.faults.append(f"{kind}: unexpected answer: {words.decode('utf-8', 'replace') or answer[:200]!r}")


def drive(ground: Ground, seed: int, commands: int, answers: int) -> None:
    """The process of the clients: `commands` and `answers` are ends of pipes to the supervisor."""

    async def line() -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, lambda: _one(commands))

    async def settled() -> None:
        _say(answers)
        await line()

    asyncio.run(Traffic(ground, seed).run(line, settled))
    _say(answers)


def _one(handle: int) -> None:
    import os  # noqa: PLC0415

    os.read(handle, 1)


def _say(handle: int) -> None:
    import os  # noqa: PLC0415

    os.write(handle, b".")
