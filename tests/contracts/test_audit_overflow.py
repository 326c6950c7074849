"""AUD-03: ten times more comes than can be written. Senders wait, nothing is dropped, others go on."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from gateway.cli.collecting import WAITING_MESSAGES
from gateway.cli.partner import Acting
from gateway.cli.started import prepare, serving
from tests.logging_nodes import LogSite, audit_xml, octets, syslog, until

MANY, PADDING = 6_000, b"<!--" + b"x" * 12_000 + b"-->"
FEEDERS, FEEDS, SINGLE = 6, 5, 10
HELD, LEFT = 0.45, 0.05
"""Seconds in which nobody can write, and in which all can: a tenth of the time."""
TIMES = 3
AFTER, SEEN = 500, 0.5
"""Messages behind those that are taken, fewer than the line holds; seconds in which its end would be seen."""
MEMORY = 150 * 1024 * 1024


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LogSite, int]]:
    config = prepare(tmp_path_factory.mktemp("overflow") / "home", watched=False)
    with serving(config) as process:
        yield LogSite(config), process.pid


def turn(site: LogSite) -> Path:
    """Whoever has it locked writes."""
    return Path(site.settings.database.url.removeprefix("sqlite:///") + ".turn")


@contextmanager
def slowed(site: LogSite) -> Iterator[list[None]]:
    """The database can be written in a tenth of the time only; gives the times it was kept from it."""
    over, times = threading.Event(), list[None]()

    def hold() -> None:
        with turn(site).open("rb") as held:
            while not over.wait(LEFT):
                fcntl.flock(held, fcntl.LOCK_EX)
                times.append(None)
                over.wait(HELD)
                fcntl.flock(held, fcntl.LOCK_UN)

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        yield times
    finally:
        over.set()
        holding.join()


def flood(site: LogSite, source: int, times: list[None]) -> int:
    """As many messages as the line takes, as fast as it takes them; how often nothing could be written."""
    messages = (syslog(audit_xml(f"P{source}"), number=number) + PADDING for number in range(MANY // 2))
    with site.connect() as line:
        line.settimeout(None)
        data, before = octets(*messages), len(times)
        line.sendall(data)
        return len(times) - before


def feed(site: LogSite, feeder: int) -> list[bytes]:
    """Acknowledgements of requests that change the record (ITI-8), one after the other."""
    acting = Acting.at(site.settings, "hospital", "physician")
    names = [f"OVER-{feeder}-{number}" for number in range(FEEDS)]
    return [
        asyncio.run(
            acting.feed(
                f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A04|{name}|P|2.3.1\r"
                f"EVN|A04|20260101120000\rPID|1||{name}^^^&2.999.1.1&ISO||WEBER^ANNA\rPV1|1|O\r".encode()
            )
        )
        for name in names
    ]


def test_who_is_too_fast_waits_and_nothing_is_dropped(running: tuple[LogSite, int]) -> None:
    site, server = running
    process = psutil.Process(server)
    before, memory = site.kept()[0], process.memory_info().rss
    most = memory
    with slowed(site) as times, ThreadPoolExecutor(2 + FEEDERS) as pool:
        floods = [pool.submit(flood, site, source, times) for source in range(2)]
        feeds = [pool.submit(feed, site, feeder) for feeder in range(FEEDERS)]
        with site.connect("tester") as line:
            for number in range(SINGLE):
                line.sendall(octets(syslog(audit_xml("SINGLE"), number=number)))
        while wait([*floods, *feeds], 0.1).not_done:
            most = max(most, process.memory_info().rss)
    answers = [answer for each in feeds for answer in each.result()]
    assert min(each.result() for each in floods) >= TIMES, "they cannot get rid of all at once"
    assert most - memory < MEMORY
    assert len(answers) == FEEDERS * FEEDS
    assert all(b"MSA|AA|" in each for each in answers)
    wanted = before + MANY + SINGLE
    assert until(lambda: site.kept()[0], wanted) == wanted
    assert len(site.search("patient|SINGLE")) == SINGLE
    rows = site.rows("SELECT count(*) FROM audit WHERE message LIKE '%OVER-%' AND outcome = 0")
    assert rows == [(FEEDERS * FEEDS,)]


@pytest.mark.parametrize("end", ["told", "cut"])
def test_a_session_that_ends_while_it_waits_loses_nothing(running: tuple[LogSite, int], end: str) -> None:
    site, _ = running
    before, count = site.kept()[0], WAITING_MESSAGES + AFTER
    data = octets(*(syslog(audit_xml(f"END-{end}"), number=number) for number in range(count)))
    with turn(site).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        line = site.connect()
        line.sendall(data)
        if end == "told":
            line.settimeout(SEEN)
            with contextlib.suppress(TimeoutError):
                line.unwrap()
        line.close()
        threading.Event().wait(SEEN)
    assert until(lambda: site.kept()[0], before + count) == before + count
