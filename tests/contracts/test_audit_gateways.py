"""Two gateways that feed each other their audit events by FHIR: all arrive, once, in order, and it ends."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gateway.cli.compose import compose
from gateway.cli.handing import RECEPTION
from gateway.cli.init import Partner, enrol
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.client.session import Identity
from gateway.stores.events import USE, Question
from gateway.trail.book import Kept
from gateway.trail.dicom import read_message
from tests.feeding import audit_event, batch, entry
from tests.receivers import WAIT

FUTURE = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000)


@dataclass
class Site:
    """A gateway that sends its trail to the other."""

    config: Path
    port: int
    running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        return self.config.parent

    def start(self) -> None:
        self.running = contextlib.ExitStack()
        self.process = self.running.enter_context(serving(self.config))

    def die(self) -> None:
        """As by a power failure: nothing is finished."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.running.close()

    def knows(self, other: Site, revoked: bytes) -> None:
        """Feeds the other, trusts its authority, and lets it feed."""
        told = (
            f'{{ name = "other", address = "https://localhost:{other.port}/fhir",'
            f' trust = "{other.folder}/pki/authority.pem" }}'
        )
        text = self.config.read_text()
        assert text.count("# destinations = []") == 1
        self.config.write_text(text.replace("# destinations = []", f"destinations = [{told}]"))
        authority = (other.folder / "pki/authority.pem").read_bytes()
        for name, theirs in (("trust", authority), ("crl", revoked)):
            with (self.folder / f"pki/{name}.pem").open("ab") as file:
                file.write(theirs)
        partner = Partner(
            name="other", organisation="2.999.8.8", organisation_name="Other", transactions=(RECEPTION,)
        )
        enrol(load_settings(self.config), partner, certificate=other.folder / "pki/server.pem")

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        path = load_settings(self.config).database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()

    def own(self) -> list[tuple[str, str]]:
        """Id of the resource and transaction of each own event, in the order of the trail."""
        told = self.rows(
            "SELECT at, id, message FROM audit LEFT JOIN audit_leaf ON audit_id = id ORDER BY position, id"
        )
        return [
            (f"{at:x}-{key:x}", read_message(message.encode()).transaction or "-")
            for at, key, message in told
        ]

    def to_tell(self) -> list[str]:
        """What the other must come to know."""
        return [name for name, transaction in self.own() if transaction != RECEPTION]

    def received(self) -> list[str]:
        """Ids of the events that the other told, in the order in which they came."""
        return [orjson.loads(each.received.raw)["id"] for each in self.kept() if each.received is not None]

    def kept(self) -> list[Kept]:
        async def read() -> list[Kept]:
            gateway = compose(load_settings(self.config))
            try:
                book = gateway.engine.services.access.trail
                question = Question(since=0, until=FUTURE, trails=frozenset({USE}), limit=1_000)
                return await book.search(question)
            finally:
                await gateway.close()

        return sorted(asyncio.run(read()), key=lambda each: each.found.id)

    def feed(self, count: int) -> None:
        """As many messages of a hospital, each with an audit event."""
        acting = Acting.at(load_settings(self.config), "hospital", "physician")
        for _ in range(count):
            number = time.time_ns() % 10**18
            answer = asyncio.run(
                acting.feed(
                    f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{number}|T|2.3.1\r"
                    f"EVN|A01|20260101120000\rPID|||{number}^^^&2.999.1.1&ISO||WEBER^ANNA\rPV1||O\r".encode()
                )
            )
            assert b"MSA|AA" in answer

    def post(self, resource: object) -> httpx.Response:
        """A test tool feeds a Bundle."""
        identity = Identity.in_folder(self.folder, "tester")
        with httpx.Client(verify=identity.context(), trust_env=False) as client:
            headers = {"content-type": "application/fhir+json"}
            url = f"https://localhost:{self.port}/fhir"
            return client.post(url, content=orjson.dumps(resource), headers=headers)


def until(reached: Any) -> None:
    end = time.monotonic() + WAIT
    while not reached():
        assert time.monotonic() < end, "it does not get there"
        time.sleep(0.05)


def site(home: Path) -> Site:
    config = prepare(home, {"audit.retry_seconds": "0.2"}, watched=False)
    return Site(config, load_settings(config).server.port)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site]]:
    one, two = (site(tmp_path_factory.mktemp("gateways") / "home") for _ in range(2))
    lists = [(each.folder / "pki/crl.pem").read_bytes() for each in (one, two)]
    one.knows(two, lists[1])
    two.knows(one, lists[0])
    with contextlib.ExitStack() as stack:
        for each in (one, two):
            each.start()
            stack.callback(each.die)
        yield one, two


def test_everything_arrives_once_and_in_order_though_the_receiver_dies(pair: tuple[Site, Site]) -> None:
    one, two = pair
    one.feed(3)
    until(lambda: len(two.received()) >= 3)
    two.die()
    one.feed(4)
    two.start()
    one.feed(2)
    until(lambda: two.received() == one.to_tell())
    assert len(one.to_tell()) >= 10


def test_two_that_feed_each_other_come_to_an_end(pair: tuple[Site, Site]) -> None:
    one, two = pair
    until(lambda: two.received() == one.to_tell() and one.received() == two.to_tell())
    receptions = [len(each.own()) - len(each.to_tell()) for each in pair]
    assert min(receptions) > 0, "both took something"
    one.feed(1)
    until(lambda: two.received() == one.to_tell())
    two.feed(1)
    until(lambda: one.received() == two.to_tell())
    later = [len(each.own()) - len(each.to_tell()) for each in pair]
    assert [after - before for before, after in zip(receptions, later, strict=True)] == [1, 1]


def test_a_batch_is_taken_entry_by_entry_and_nothing_else_is_taken(pair: tuple[Site, Site]) -> None:
    """LOG-06."""
    _, two = pair
    before = len(two.kept())
    put = entry(audit_event(1), request={"method": "PUT", "url": "AuditEvent/1"})
    assert two.post(batch(audit_event(0), put)).status_code == 400
    assert two.post(batch(audit_event(0), kind="transaction")).status_code == 400
    assert len(two.kept()) == before
    answer = two.post(
        batch(*[audit_event(number, **{"type": None} if number == 4 else {}) for number in range(10)])
    )
    told = [each["response"]["status"][:3] for each in answer.json()["entry"]]
    assert told == ["201"] * 4 + ["400"] + ["201"] * 5
    assert len(two.kept()) == before + 9
    outcomes = [
        outcome
        for (outcome, transaction) in two.rows('SELECT outcome, "transaction" FROM audit ORDER BY id')
        if transaction == RECEPTION
    ]
    assert outcomes[-4:] == [4, 4, 0, 4]
