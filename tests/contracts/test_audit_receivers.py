"""What becomes of events that a receiver of FHIR batches does not take: later, smaller, or never and told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from gateway.bindings import fhirtypes
from gateway.cli import keeper
from gateway.cli.forwarding import Forwarder
from gateway.cli.started import free_ports
from gateway.config.trail import AuditDestination
from gateway.crypto import pki
from gateway.crypto.merkle import Frontier
from gateway.declare.events import AUDIT_GIVEN_UP
from gateway.stores.forwarding import ForwardingStore
from gateway.trail.dicom import read_message
from gateway.trail.fhir_reading import read_resource
from tests.receivers import WAIT, HttpsReceiver

RETRY = 0.05


@dataclass
class Repository(HttpsReceiver):
    """Answers every batch; `statuses` are those of the next entries, all others are taken."""

    statuses: list[int] | None = None
    most: int = 1_000

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
        body = await reader.readexactly(int(length.partition(":")[2]))
        status, told = self.judge([each["resource"] for each in orjson.loads(body)["entry"]])
        for event, taken in told:
            await self.note((event, taken))
        entries = [{"response": {"status": str(taken)}} for _, taken in told]
        answer = orjson.dumps({"resourceType": "Bundle", "type": "batch-response", "entry": entries})
        writer.write(b"HTTP/1.1 %d -\r\nContent-Length: %d\r\n\r\n%b" % (status, len(answer), answer))
        await writer.drain()

    def judge(self, events: list[Any]) -> tuple[int, list[tuple[Any, int]]]:
        if self.answers:
            return self.answers.pop(0)[0], []
        if len(events) > self.most:
            return 413, []
        left = self.statuses or []
        return 200, [(each, left.pop(0) if left else 201) for each in events]

    @property
    def stored(self) -> list[Any]:
        return [event for event, status in self.received if status == 201]


class Sender:
    """A house that sends its trail to a receiver."""

    def __init__(self, house: Any, words: Any) -> None:
        self.house, self.words = house, words
        (self.port,) = free_ports(1)
        settings = house.settings
        self.gateway = replace(
            house.gateway, settings=replace(settings, audit=replace(settings.audit, retry_seconds=RETRY))
        )
        self.destination = AuditDestination(name="national", address=f"https://localhost:{self.port}/fhir")
        folder = settings.folder / "pki"
        if not (folder / "receiver.pem").exists():
            authority = pki.load_authority(folder / "authority.pem", folder / "authority.key", "integration")
            key = pki.create_key()
            pki.write_key(folder / "receiver.key", key)
            issued = pki.issue_server(authority, key.public_key(), datetime.now(UTC), ["localhost"])
            pki.write_pem(folder / "receiver.pem", issued)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "receiver.pem", folder / "receiver.key")
        self.context.load_verify_locations(folder / "trust.pem")
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.sealing = keeper.Sealing(Frontier())

    async def fed(self, count: int) -> None:
        """Some events more in the sealed trail."""
        for number in range(count):
            raw = self.words.hl7(self.house, "A01", f"SENT-{number}")
            assert b"MSA|AA" in b"".join((await self.house.call("hl7v2", raw)).pieces)
        await self.seal()

    async def seal(self) -> None:
        await keeper.seal_once(self.gateway, self.sealing)

    def trail(self) -> list[str]:
        rows = self.house._query(
            "SELECT at, audit_id FROM audit_leaf JOIN audit ON id = audit_id ORDER BY position"
        )
        return [f"{at:x}-{key:x}" for at, key in rows]

    def given_up(self) -> list[str]:
        rows = self.house._query("SELECT message FROM audit ORDER BY id")
        read = [read_message(str(message).encode()) for (message,) in rows]
        return [
            str(each.description)
            for each in read
            if AUDIT_GIVEN_UP.code in {code.code for code in each.types}
        ]

    async def settled(self) -> int:
        return (await ForwardingStore(self.gateway.database).read("national"))[0].settled

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        task = asyncio.create_task(Forwarder(self.gateway, self.destination).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def all_settled(self) -> None:
        async with asyncio.timeout(WAIT):
            while await self.settled() < len(self.trail()):  # noqa: ASYNC110 - what the forwarder writes
                await asyncio.sleep(0.02)


@pytest.fixture
def sender(house: Any, words: Any) -> Sender:
    return Sender(house, words)


def ids(events: list[Any]) -> list[str]:
    return [each["id"] for each in events]


def test_each_event_is_a_valid_resource_with_all_facts(sender: Sender) -> None:
    async def play() -> list[Any]:
        async with Repository(sender.context, sender.port) as repository, sender.sending():
            await sender.fed(2)
            await sender.all_settled()
            return repository.stored

    stored = asyncio.run(play())
    assert ids(stored) == sender.trail()
    for each in stored:
        fhirtypes.check(each)
    assert [read_resource(each).transaction for each in stored[-2:]] == ["ITI-8", "ITI-8"]


def test_what_will_never_be_taken_is_given_up_told_and_passed(sender: Sender) -> None:
    before = sender.house.audit_rows()

    async def play() -> list[Any]:
        statuses = [201] * before + [201, 422, 201]
        async with Repository(sender.context, sender.port, statuses=statuses) as repository:
            await sender.fed(4)
            async with sender.sending():
                await sender.all_settled()
                await sender.seal()
                await sender.fed(1)
                await sender.all_settled()
            return repository.stored

    stored = asyncio.run(play())
    trail = sender.trail()
    bad, alert = before + 1, before + 4
    assert ids(stored) == [each for at, each in enumerate(trail) if at not in {bad, alert}]
    (told,) = sender.given_up()
    assert f"{bad} (status 422)" in told, "operators learn which, and that it is over"


def test_what_may_be_taken_later_is_sent_until_it_is(sender: Sender) -> None:
    async def play() -> list[Any]:
        statuses = [201, 503, 503, 201, 503]
        async with Repository(sender.context, sender.port, statuses=statuses) as repository:
            await sender.fed(3)
            async with sender.sending():
                await sender.all_settled()
            return repository.stored

    stored = asyncio.run(play())
    assert sorted(set(ids(stored))) == sorted(sender.trail())
    assert sender.given_up() == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
def test_a_refusal_of_the_whole_loses_nothing(sender: Sender, status: int) -> None:
    async def play() -> list[Any]:
        answers = [(status, b"")] * 3
        async with Repository(sender.context, sender.port, answers=answers) as repository:
            await sender.fed(2)
            async with sender.sending():
                await sender.all_settled()
            return repository.stored

    assert ids(asyncio.run(play())) == sender.trail()
    assert sender.given_up() == []


def test_a_batch_that_is_too_large_goes_in_smaller_ones(sender: Sender) -> None:
    async def play() -> list[Any]:
        async with Repository(sender.context, sender.port, most=2) as repository:
            await sender.fed(7)
            async with sender.sending():
                await sender.all_settled()
            return repository.stored

    assert ids(asyncio.run(play())) == sender.trail()


def test_one_event_that_is_too_large_is_given_up(sender: Sender) -> None:
    async def play() -> list[Any]:
        async with Repository(sender.context, sender.port, most=0) as repository:
            await sender.fed(1)
            async with sender.sending():
                await sender.all_settled()
            return repository.stored

    assert asyncio.run(play()) == []
    (told,) = sender.given_up()
    assert f"{len(sender.trail()) - 1} (status 413)" in told
