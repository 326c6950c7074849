"""Our audit trail reaches the repositories of others: a real rsyslog over TLS, and receivers that die."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import free_ports, prepare, serving
from gateway.crypto import pki
from tests.deciding import PHYSICIAN, Place
from tests.receivers import WAIT, Listener

RSYSLOG = next(
    (path for path in ("/usr/sbin/rsyslogd", shutil.which("rsyslogd") or "") if Path(path).exists()), ""
)
DRIVERS = list(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so"))
HEAD = re.compile(
    rb"<(\d+)>1 (\S+) (\S+) passerelle (\S+) IHE\+RFC-3881 (-|\[resent@32473 position=\"\d+\"\]) "
)


@dataclass
class Repository(Listener):
    """A receiver of syslog over TLS (RFC 5425) that closes after `most` messages, if told so."""

    most: int = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG002
        while not self.most or len(self.received) < self.most:
            length = int(await reader.readuntil(b" "))
            await self.note(await reader.readexactly(length))


@dataclass(frozen=True)
class Site:
    """An installation that sends its audit trail to receivers."""

    config: Path
    ports: tuple[int, ...]

    @property
    def folder(self) -> Path:
        return self.config.parent

    def context(self) -> ssl.SSLContext:
        """The receiver shows its certificate, and demands ours."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "pki/receiver.pem", self.folder / "pki/receiver.key")
        context.load_verify_locations(self.folder / "pki/trust.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def trail(self) -> list[str]:
        """The sealed audit messages, in order."""
        path = load_settings(self.config).database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return [
                str(message)
                for (message,) in connection.execute(
                    "SELECT message FROM audit JOIN audit_leaf ON audit_id = id ORDER BY position"
                )
            ]

    async def feed(self, count: int) -> None:
        """As many messages of a hospital, each with an audit message of ours."""
        acting = Acting.at(load_settings(self.config), "hospital", "physician")
        for _ in range(count):
            number = time.time_ns() % 10**18
            answer = await acting.feed(
                f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{number}|T|2.3.1\r"
                f"EVN|A01|20260101120000\rPID|||{number}^^^&2.999.1.1&ISO||WEBER^ANNA\rPV1||O\r".encode()
            )
            assert b"MSA|AA" in answer

    async def sealed(self, count: int, *kinds: str) -> list[str]:
        """The trail, once it has so many messages, of some transactions where they are named."""
        coded = [f'csd-code="{each}"' for each in kinds]
        async with asyncio.timeout(WAIT):
            while True:
                trail = self.trail()
                if sum(not coded or any(code in each for code in coded) for each in trail) >= count:
                    return trail
                await asyncio.sleep(0.05)


def installed(home: Path, destinations: dict[str, int], **limits: str) -> Site:
    """An installation that sends its trail to receivers on these ports, with a certificate for them."""
    listed = ", ".join(
        f'{{ name = "{name}", address = "tls://localhost:{port}" }}' for name, port in destinations.items()
    )
    changes = {
        "audit.resend_seconds": "2.0",
        "audit.retry_seconds": "0.1",
        "audit.destinations": f"[{listed}]",
        **{f"limits.{name}": value for name, value in limits.items()},
    }
    config = prepare(home, changes, watched=False)
    folder = config.parent / "pki"
    authority = pki.load_authority(folder / "authority.pem", folder / "authority.key", "integration")
    key = pki.create_key()
    pki.write_key(folder / "receiver.key", key)
    issued = pki.issue_server(authority, key.public_key(), datetime.now(UTC), ["localhost"])
    pki.write_pem(folder / "receiver.pem", issued)
    return Site(config, tuple(destinations.values()))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    first, second = free_ports(2)
    home = tmp_path_factory.mktemp("destinations") / "home"
    found = installed(home, {"dying": first, "steady": second})
    with serving(found.config):
        yield found


def bodies(received: list[bytes]) -> list[str]:
    return [HEAD.sub(b"", each).decode() for each in received]


def once(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def test_what_one_receiver_loses_comes_again_and_the_other_is_not_delayed(site: Site) -> None:
    async def play() -> tuple[list[bytes], list[bytes], list[bytes], list[str]]:
        async with Repository(site.context(), site.ports[1]) as steady:
            async with Repository(site.context(), site.ports[0], most=3) as dying:
                await site.feed(6)
                first = list(await dying.count(3))
                trail = await site.sealed(7)
                await steady.count(len(trail))
            async with Repository(site.context(), site.ports[0]) as back:
                await back.count(len(trail))
                return first, list(back.received), list(steady.received), trail

    first, later, steady, trail = asyncio.run(play())
    assert once(bodies(steady))[: len(trail)] == trail
    assert once(bodies(first + later))[: len(trail)] == trail
    marked = [each for each in later if b"resent@32473" in HEAD.match(each)[0]]  # type: ignore[index]
    assert marked, "what was handed over before the break is sent again, and says so"
    fresh = [each for each in later if each not in marked]
    assert not set(bodies(first)) & set(bodies(fresh)), "nothing comes twice without a mark"


def test_each_message_is_one_of_syslog_with_its_xml(site: Site) -> None:
    async def play() -> list[bytes]:
        async with Repository(site.context(), site.ports[0]) as found:
            await site.feed(1)
            return list(await found.count(1))

    for each in asyncio.run(play()):
        head = HEAD.match(each)
        assert head is not None
        assert head[1] in {b"85", b"84"}
        assert datetime.fromisoformat(head[2].decode()).tzinfo is not None
        assert etree.fromstring(each[head.end() :]).tag == "AuditMessage"


def test_a_receiver_that_is_not_the_one_named_gets_nothing(site: Site, tmp_path: Path) -> None:
    stranger = pki.create_authority("Stranger", "integration", datetime.now(UTC))
    key = pki.create_key()
    pki.write_key(tmp_path / "s.key", key)
    pki.write_pem(
        tmp_path / "s.pem", pki.issue_server(stranger, key.public_key(), datetime.now(UTC), ["localhost"])
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "s.pem", tmp_path / "s.key")

    async def play() -> int:
        async with Repository(context, site.ports[0]) as found:
            await site.feed(1)
            await site.sealed(1)
            async with asyncio.timeout(WAIT):
                while b"not trusted" not in (site.folder / "server.log").read_bytes():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            return len(found.received)

    assert asyncio.run(play()) == 0


@contextmanager
def rsyslog(site: Site, folder: Path, port: int) -> Iterator[Path]:
    """A real rsyslog that takes syslog over TLS from those who show a certificate of ours; gives its file."""
    lines = folder / "received.log"
    (folder / "rsyslog.conf").write_text(f"""
global(workDirectory="{folder}" maxMessageSize="256k"
  defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{site.folder}/pki/trust.pem"
  defaultNetstreamDriverCertFile="{site.folder}/pki/receiver.pem"
  defaultNetstreamDriverKeyFile="{site.folder}/pki/receiver.key")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="whole" type="string" string="%pri% %msgid% %app-name% %msg%\\n")
input(type="imtcp" port="{port}")
action(type="omfile" file="{lines}" template="whole" asyncWriting="off" flushOnTXEnd="on")
""")
    command = [RSYSLOG, "-n", "-f", str(folder / "rsyslog.conf"), "-i", str(folder / "rsyslogd.pid")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield lines
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.mark.skipif(not (RSYSLOG and DRIVERS), reason="rsyslogd with its gtls driver is not installed here")
def test_rsyslog_takes_every_message(site: Site, tmp_path: Path) -> None:
    async def until(reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT):
            while not reached():  # noqa: ASYNC110 - other processes get there
                await asyncio.sleep(0.05)

    async def play(lines: Path) -> None:
        await site.feed(2)
        newest = (await site.sealed(1))[-1]
        await until(lambda: lines.exists() and newest in lines.read_text())

    with rsyslog(site, tmp_path, site.ports[0]) as lines:
        asyncio.run(play(lines))
        received = lines.read_text().splitlines()
    for each in received:
        priority, message_id, application, text = each.split(" ", 3)
        assert (priority in {"84", "85"}, message_id, application) == (True, "IHE+RFC-3881", "passerelle")
        assert etree.fromstring(text.lstrip("\ufeff")).tag == "AuditMessage"


# --- an outage -----------------------------------------------------------------------------------


@dataclass
class Load:
    """What partners ask while a repository is away, over four connections at a time; all is answered."""

    site: Site
    place: Place
    fed: int = 0
    asked: int = 0

    def delayed(self) -> int:
        """How often the operators were told."""
        ((count,),) = self.place.rows("SELECT count(*) FROM audit WHERE message LIKE '%audit-delayed%'")
        return int(count)

    async def told(self) -> None:
        """One message after another, until the operators are told."""
        async with asyncio.timeout(3 * WAIT):
            while not self.delayed():
                await self.site.feed(1)
                self.fed += 1
                await asyncio.sleep(0.1)

    async def bear(self, enough: Callable[[], bool]) -> None:
        """Until it is enough."""
        async with asyncio.timeout(3 * WAIT):
            await asyncio.gather(*(self._one(enough, reads=number == 0) for number in range(4)))

    async def _one(self, enough: Callable[[], bool], *, reads: bool) -> None:
        while not enough():
            if reads:
                await self.place.seen(PHYSICIAN, "LOAD")
                self.asked += 1
            else:
                await self.site.feed(1)
                self.fed += 1


def test_aud_01_an_outage_under_load_delays_and_loses_nothing(tmp_path: Path) -> None:
    """The repository is away, the gateway is restarted meanwhile: work goes on, all comes later, in order.

    Operators are told once the oldest message has waited for longer than the limit (here 2 s, else 15 min).
    """
    (port,) = free_ports(1)
    site = installed(tmp_path / "home", {"away": port}, outbox_alert_seconds="2.0")
    load = Load(site, Place(site.config))

    with serving(site.config, workers=2):
        asyncio.run(load.place.feed("LOAD"))
        asyncio.run(load.bear(lambda: min(load.fed, 4 * load.asked) >= 60))
        asyncio.run(load.told())
    before = load.fed
    with serving(site.config, workers=2):
        asyncio.run(load.bear(lambda: load.fed >= before + 20))

        async def back() -> tuple[list[bytes], list[str]]:
            async with Repository(site.context(), port) as repository:
                await load.bear(lambda: load.fed >= before + 40)
                trail = await site.sealed(1 + load.fed + load.asked, "ITI-8", "ITI-18")
                async with asyncio.timeout(3 * WAIT):
                    while trail[-1] not in bodies(repository.received[-50:]):  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
                return list(repository.received), trail

        received, trail = asyncio.run(back())
    assert once(bodies(received))[: len(trail)] == trail, "every event, in the order of the trail"
    for transaction, answered in (("ITI-8", load.fed + 1), ("ITI-18", load.asked)):
        assert sum(f'csd-code="{transaction}"' in each for each in trail) == answered
    assert 1 <= load.delayed() <= 2, "told once by each run of the gateway"
