"""The clock of the machine against time servers, over sockets (TIME-01)."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.client import xds
from gateway.client.clock import measured_offset
from gateway.client.token import issue_assertion
from gateway.config.nodes import load_node
from gateway.crypto.keys import load_signer
from gateway.record.people import Code

WAIT = 10.0
TURNED = ("clock is wrong", "clock is right again")
_SINCE_1900 = 2_208_988_800


@dataclass
class TimeServer:
    """Answers as an SNTP server whose clock is `shift` seconds before ours (RFC 5905)."""

    shift: float = 0.0
    leap: int = 0
    stratum: int = 1
    silent: bool = False
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, query: bytes) -> bytes:
        now = time.time() + self.shift + _SINCE_1900
        stamp = struct.pack("!II", int(now), int((now % 1) * 2**32))
        head = struct.pack("!BBBbII4s", self.leap << 6 | 4 << 3 | 4, self.stratum, 6, -20, 0, 0, b"TEST")
        return head + stamp + query[40:48] + stamp + stamp

    @contextmanager
    def serving(self) -> Iterator[TimeServer]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.settimeout(0.1)
            self.port, ended = listener.getsockname()[1], threading.Event()

            def serve() -> None:
                while not ended.is_set():
                    try:
                        query, peer = listener.recvfrom(256)
                    except TimeoutError:
                        continue
                    if not self.silent:
                        listener.sendto(self.answer(query), peer)

            thread = threading.Thread(target=serve)
            thread.start()
            try:
                yield self
            finally:
                ended.set()
                thread.join()


def offset_of(*servers: TimeServer) -> float | None:
    return asyncio.run(measured_offset([each.address for each in servers], 0.3))


def test_the_median_of_several_servers_counts() -> None:
    with (
        TimeServer(5.0).serving() as one,
        TimeServer(-3600.0).serving() as liar,
        TimeServer(5.2).serving() as two,
    ):
        found = offset_of(one, liar, two)
        assert found is not None
        assert abs(found - 5.0) < 0.2


@pytest.mark.parametrize("how", [{"leap": 3}, {"stratum": 0}, {"stratum": 16}, {"silent": True}])
def test_a_server_that_does_not_know_the_time_does_not_count(how: dict[str, Any]) -> None:
    with TimeServer(500.0, **how).serving() as lost, TimeServer(2.0).serving() as good:
        assert offset_of(lost) is None
        found = offset_of(lost, good)
        assert found is not None
        assert abs(found - 2.0) < 0.2


def test_an_answer_to_another_question_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    with TimeServer(2.0).serving() as forged:
        plain = forged.answer
        monkeypatch.setattr(forged, "answer", lambda query: plain(query[:40] + bytes(8)))
        assert offset_of(forged) is None


@dataclass
class Site:
    """A running product, its time server, and how many of its processes ask for the time."""

    config: Path
    server: TimeServer
    processes: int = 3

    def ready(self) -> httpx.Response:
        port = load_settings(self.config).server.admin_port
        return httpx.get(f"http://127.0.0.1:{port}/ready")

    def until(self, status: int) -> httpx.Response:
        deadline = time.monotonic() + WAIT
        while (answer := self.ready()).status_code != status:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)
        return answer

    def said(self, *events: str) -> int:
        """How often processes said one of these in the log."""
        log = (self.config.parent / "server.log").read_text()
        return sum(log.count(f'"{event}"') for event in events)

    def everyone(self, change: Callable[[], None], *events: str) -> None:
        """A change, and the wait until every process has said what it learned of it."""
        expected, deadline = self.said(*events) + self.processes, time.monotonic() + WAIT
        change()
        while (found := self.said(*events)) < expected:
            assert time.monotonic() < deadline, f"{found} of {expected} said {events}"
            time.sleep(0.02)

    def shift(self, seconds: float, status: int) -> httpx.Response:
        """Once all processes know it."""
        self.everyone(lambda: setattr(self.server, "shift", seconds), *TURNED)
        return self.until(status)

    def silence(self) -> None:
        """The server answers no more, and all processes know it."""
        self.everyone(lambda: setattr(self.server, "silent", True), "no time server answers")

    def alerts(self) -> list[str]:
        path = load_settings(self.config).database.url.removeprefix("sqlite:///")
        question = "SELECT message FROM audit WHERE message LIKE '%from that of the time servers%'"
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            return [str(message) for (message,) in connection.execute(question)]

    @property
    def acting(self) -> Acting:
        return Acting.at(load_settings(self.config), "hospital", "physician")

    def feed(self) -> bytes:
        number = time.time_ns() % 10**18
        return asyncio.run(
            self.acting.feed(
                f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{number}|T|2.3.1\r"
                f"EVN|A01|20260101120000\rPID|||{number}^^^&2.999.1.1&ISO||WEBER^ANNA\rPV1||O\r".encode()
            )
        )

    def query(self, now: datetime, life: int = 300) -> str:
        """What comes of an ITI-18 with an assertion made at a time: "found", or the refusal."""
        acting, told = self.acting, load_settings(self.config).assertions
        node = load_node(acting.settings.nodes.directory / "hospital.toml")
        assert told.test_issuer_key is not None
        assert told.test_issuer_certificate is not None
        assert acting.identity.signer is not None
        assertion = issue_assertion(
            signer=load_signer(told.test_issuer_key, told.test_issuer_certificate),
            issuer=told.issuers[0].entity_id,
            subject="dr.weber",
            name="Dr Anne Weber",
            role=acting._role(),
            organisation=node.organisation,
            organisation_name=node.organisation_name,
            purpose=Code("TREAT", "2.16.840.1.113883.5.8"),
            audience=told.audience[0],
            patient=None,
            confirmation=acting.identity.signer.certificate,
            now=now,
            life=life,
        )

        async def ask() -> str:
            async with acting.identity.http() as http:
                patient = acting.full_id("CLOCK-1")
                try:
                    await xds.find(acting._client(http), acting.endpoints, patient, assertion)
                except Exception as error:  # noqa: BLE001 - whatever the client makes of a refusal
                    return str(error)
                return "found"

        ahead = timedelta(seconds=self.server.shift)

        class Right(datetime):
            """The clock of the partner, who is not wrong."""

            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + ahead

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("gateway.client.soap.datetime", Right)
            return asyncio.run(ask())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with TimeServer().serving() as server:
        changes = {
            "clock.servers": f'["{server.address}"]',
            "clock.every_seconds": "0.2",
            "clock.timeout_seconds": "0.3",
        }
        config = prepare(tmp_path_factory.mktemp("clock") / "home", changes, watched=False)
        with serving(config, workers=2):
            yield Site(config, server)


def test_time_01_a_clock_two_minutes_off(site: Site) -> None:
    assert site.ready().status_code == 200
    assert b"MSA|AA" in site.feed()
    told = len(site.alerts())
    answer = site.shift(120.0, 503)
    assert answer.json() == {"ready": False, "reason": "the clock is wrong"}
    refused = site.feed()
    assert b"MSA|AR" in refused
    assert b"ERR|^^^206&the clock of this system" in refused
    right = datetime.now(UTC) + timedelta(seconds=120)
    assert "XDSRegistryBusy" in site.query(right)
    (alert,) = site.alerts()[told:]
    assert "110113" in alert
    assert 'EventOutcomeIndicator="4"' in alert
    site.shift(0.0, 200)
    assert b"MSA|AA" in site.feed()
    assert site.query(datetime.now(UTC)) == "found"
    assert len(site.alerts()) == told + 1


def test_time_01_tokens_are_judged_by_the_trusted_time(site: Site) -> None:
    site.shift(120.0, 503)
    now = datetime.now(UTC)
    early = site.query(now + timedelta(seconds=120))
    late = site.query(now, life=20)
    assert "XDSRegistryBusy" in early
    assert "XDSRegistryBusy" not in late
    site.shift(0.0, 200)
    assert site.query(datetime.now(UTC), life=20) == "found"
    assert "XDSRegistryBusy" not in (future := site.query(now + timedelta(seconds=120)))
    assert future != "found"


def test_below_the_limit_work_goes_on_by_the_trusted_time(site: Site) -> None:
    site.shift(40.0, 200)
    assert b"MSA|AA" in site.feed()
    path = load_settings(site.config).database.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        ((at,),) = connection.execute("SELECT at FROM audit ORDER BY id DESC LIMIT 1").fetchall()
    assert 30 < at / 1000 - time.time() < 41
    site.shift(0.0, 200)


def test_a_server_that_falls_silent_leaves_what_it_told_last(site: Site) -> None:
    site.shift(120.0, 503)
    site.silence()
    assert site.ready().status_code == 503
    site.server.silent = False
    site.shift(0.0, 200)
    log = (site.config.parent / "server.log").read_text()
    assert "no time server answers" in log
    assert "clock is right again" in log


def test_a_product_that_starts_with_a_wrong_clock_takes_nothing(site: Site) -> None:
    config = prepare(site.config.parent.parent / "second", {"clock.every_seconds": "0.2"}, watched=False)
    with TimeServer(-300.0).serving() as server:
        text = config.read_text().replace("# servers = []", f'servers = ["{server.address}"]')
        config.write_text(text)
        with serving(config):
            second = replace(site, config=config, server=server, processes=2)
            assert second.ready().status_code == 503
            assert b"MSA|AR" in second.feed()
            assert len(second.alerts()) == 1
            second.shift(0.0, 200)
            assert b"MSA|AA" in second.feed()
