"""Fills the index of events and measures how long searches of the trail take as it grows (ITI-81).

Only some patients, and the latest events of some persons, have audit rows behind them: those that are asked
for.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from filling import Rows, fill_postgresql, fill_sqlite
from happened import SAMPLE, YEARS_IN_WEEKS, Happened, agent, audit_row
from rich.progress import Progress
from sqlalchemy import insert, text

from gateway.cli.compose import Gateway, compose
from gateway.cli.indexing import index_once
from gateway.cli.keeper import resume, seal_once
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import serving
from gateway.config import Settings
from gateway.record.access import Scope
from gateway.stores.database import PostgresDatabase
from gateway.stores.events import SLOT_MS, Question, slot_of
from gateway.stores.tables import audit
from gateway.stores.work import UnitOfWork
from gateway.trail.reading import read_page

NOTE = "trail.json"
SAMPLED_AGENTS, AGENT_WEEKS = 20, 8
INDEXED, AT_ONCE, PAGE = 4_000, 500, 50


@dataclass(frozen=True)
class Timed:
    """One kind of search: how many, and milliseconds."""

    name: str
    count: int
    p50: float
    p95: float
    worst: float


def run(config: Path, options: argparse.Namespace) -> None:
    """Fills, measures without and with HTTP, prints the table."""
    settings = load_settings(config)
    filling = _filled(settings, config.parent, options.entries)
    entries, count = filling.happened.entries, options.queries
    measured, rate = asyncio.run(_stored(settings, Asking(filling.happened), count))
    with serving(config, workers=options.workers):
        measured += asyncio.run(_over_http(settings, Asking(filling.happened), count))
    size = filling.octets
    print(
        f"{entries} events, {YEARS_IN_WEEKS} weeks, index {size / 2**20:.0f} MiB "
        f"({size / entries:.0f} bytes an event), filled in {filling.seconds:.0f} s, "
        f"indexed {rate:.0f} rows/s, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(f"{'search':<44}{'n':>6}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}")
    for each in measured:
        print(f"{each.name:<44}{each.count:>6}{each.p50:>9.1f}{each.p95:>9.1f}{each.worst:>9.1f}")
    if options.json:
        told = {"entries": entries, "bytes": size, "indexed": rate}
        text_ = json.dumps({**told, "measured": [asdict(each) for each in measured]}, indent=2)
        options.json.write_text(text_, encoding="utf-8")


# --- filling -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filling:
    """What the database holds, the seconds that filling it took, and the octets of the index."""

    happened: Happened
    seconds: float
    octets: int


def _filled(settings: Settings, home: Path, entries: int) -> Filling:
    """Fills the index, or takes what a folder keeps of an earlier run."""
    note = home / NOTE
    if not note.exists():
        first = slot_of(time.time_ns() // 1_000_000) - YEARS_IN_WEEKS + 1
        began = time.perf_counter()
        _fill(settings, Happened(entries, first, settings.domain.affinity_oid))
        told = {
            "entries": entries,
            "first": first,
            "seconds": time.perf_counter() - began,
            "octets": asyncio.run(_size(settings)),
        }
        note.write_text(json.dumps(told), "utf-8")
    told = json.loads(note.read_text("utf-8"))
    happened = Happened(told["entries"], told["first"], settings.domain.affinity_oid)
    asyncio.run(_behind(settings, happened))
    return Filling(happened, told["seconds"], told["octets"])


def _fill(settings: Settings, happened: Happened) -> None:
    gateway = compose(settings)
    rows, url = Rows(happened, gateway.engine.services.access.trail.events), settings.database.url
    asyncio.run(gateway.close())
    with Progress() as progress:
        task = progress.add_task("events", total=happened.entries)

        def tell(count: int) -> None:
            progress.advance(task, count)

        if url.startswith("sqlite"):
            fill_sqlite(url.removeprefix("sqlite:///"), rows, tell)
        else:
            asyncio.run(fill_postgresql(url, rows, tell))


async def _behind(settings: Settings, happened: Happened) -> None:
    """Audit rows behind the events that are asked for, where there are none yet."""
    gateway = compose(settings)
    try:
        numbers = _asked(happened)
        first = await gateway.engine.journal.rows([happened.key(next(numbers))])
        if not first:
            await _rows_behind(gateway, happened)
    finally:
        await gateway.close()


def _asked(happened: Happened) -> Iterator[int]:
    """Events of the patients that are asked for, and the latest ones of the persons."""
    since = happened.week(happened.last - AGENT_WEEKS + 1).start
    for number in happened.numbers:
        late = number >= since and happened.agent_number(number) < SAMPLED_AGENTS
        if late or happened.patient_number(number) < SAMPLE:
            yield number


async def _rows_behind(gateway: Gateway, happened: Happened) -> None:
    numbers = _asked(happened)
    while some := list(islice(numbers, AT_ONCE)):
        work = UnitOfWork()
        work.write(insert(audit), *(happened.row(number) for number in some))
        await gateway.database.apply([work])
    sealing = await resume(gateway)
    while await seal_once(gateway, sealing):
        pass
    work = UnitOfWork()
    gateway.engine.journal.keep_indexed(work, sealing.frontier.size)
    await gateway.database.apply([work])


# --- asking --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One search: the parameters of ITI-81, and what they ask of the index."""

    since: int
    until: int
    terms: frozenset[str] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    outcomes: frozenset[int] | None = None

    @property
    def question(self) -> Question:
        """Of the index."""
        return Question(
            since=self.since, until=self.until, terms=self.terms, outcomes=self.outcomes, limit=PAGE
        )

    @property
    def query(self) -> Mapping[str, str | list[str]]:
        """Of the URL."""
        since, until = (datetime.fromtimestamp(each / 1000, UTC) for each in (self.since, self.until))
        form = "%Y-%m-%dT%H:%M:%SZ"
        dates = [f"ge{since:{form}}", f"le{until:{form}}"]
        return {"date": dates, "_count": f"{PAGE}", **self.parameters}


class Asking:
    """Draws what is asked for, each time another."""

    def __init__(self, happened: Happened) -> None:
        self.happened = happened
        self._draw = random.Random(4711)  # noqa: S311 - no secret
        self._end = (happened.last + 1) * SLOT_MS - 1

    def patient(self, weeks: int) -> Asked:
        """A patient over some weeks that lie anywhere."""
        patient = self.happened.patient(self._draw.randrange(1, SAMPLE))
        since, until = self._span(weeks, YEARS_IN_WEEKS)
        named = {"patient.identifier": f"urn:oid:{patient.root}|{patient.extension}"}
        # As a search of ITI-81 asks: as whom it is about, and as who acted.
        terms = {f"patient|{patient}", f"agent|{patient}", f"agent|{patient.extension}"}
        return Asked(since, until, frozenset(terms), named)

    def nobody(self) -> Asked:
        """A patient without any event."""
        since, until = self._span(YEARS_IN_WEEKS, YEARS_IN_WEEKS)
        named = {"patient.identifier": f"urn:oid:{self.happened.root}|NOBODY"}
        return Asked(since, until, frozenset({"patient|NOBODY"}), named)

    def person(self, weeks: int, within: int = YEARS_IN_WEEKS) -> Asked:
        """Who asked, over some of the last weeks."""
        name = agent(self._draw.randrange(SAMPLED_AGENTS))
        since, until = self._span(weeks, within)
        return Asked(since, until, frozenset({f"agent|{name}"}), {"agent.identifier": name})

    def object(self) -> Asked:
        """The object of one event, at any time."""
        happened = self.happened
        number = self._draw.choice(happened.numbers)
        while happened.patient_number(number) >= SAMPLE:
            number = self._draw.choice(happened.numbers)
        name = f"{happened.key(number):032x}"
        since, until = self._span(YEARS_IN_WEEKS, YEARS_IN_WEEKS)
        return Asked(since, until, frozenset({f"entity|{name}"}), {"entity.identifier": name})

    def hour(self, outcomes: frozenset[int] | None = None) -> Asked:
        """All that happened within an hour."""
        until = self._end - self._draw.randrange((YEARS_IN_WEEKS - 1) * SLOT_MS)
        return Asked(until - 3_600_000, until, outcomes=outcomes)

    def _span(self, weeks: int, within: int) -> tuple[int, int]:
        until = self._end - self._draw.randrange(within - weeks + 1) * SLOT_MS
        return until - weeks * SLOT_MS + 1, until


# --- measuring -----------------------------------------------------------------------------------


async def _timed(name: str, count: int, do: Callable[[], Awaitable[object]]) -> Timed:
    took = []
    for _ in range(count):
        began = time.perf_counter()
        await do()
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=20)
    return Timed(name, count, cuts[9], cuts[18], max(took))


async def _stored(settings: Settings, asking: Asking, count: int) -> tuple[list[Timed], float]:
    """Without HTTP: rows only, and with the events opened; the rate of indexing."""
    gateway = compose(settings)
    book = gateway.engine.services.access.trail
    rows: dict[str, Callable[[], Asked]] = {
        "a patient, 4 weeks": lambda: asking.patient(4),
        "a patient, 3 years": lambda: asking.patient(YEARS_IN_WEEKS),
        "an unknown patient, 3 years": asking.nobody,
        "a person, 4 weeks": lambda: asking.person(4),
        "a person, 3 years": lambda: asking.person(YEARS_IN_WEEKS),
        "an object, 3 years": asking.object,
        "an hour": asking.hour,
        "an hour, failures": lambda: asking.hour(frozenset({8})),
    }
    try:
        found = [
            await _timed(f"rows: {name}", count, lambda ask=ask: book.events.find(ask().question))  # type: ignore[misc]
            for name, ask in rows.items()
        ]
        found += [
            await _timed(f"opened: {name}", count, lambda ask=ask: _opened(gateway, ask()))  # type: ignore[misc]
            for name, ask in _readable(asking).items()
        ]
        return found, await _indexing(gateway, asking.happened)
    finally:
        await gateway.close()


def _readable(asking: Asking) -> dict[str, Callable[[], Asked]]:
    """Searches of events that have audit rows behind them."""
    return {
        "a patient, 4 weeks": lambda: asking.patient(4),
        "a patient, 3 years": lambda: asking.patient(YEARS_IN_WEEKS),
        "a person, 4 weeks": lambda: asking.person(4, AGENT_WEEKS),
        "an object, 3 years": asking.object,
    }


async def _opened(gateway: Gateway, asked: Asked) -> None:
    book = gateway.engine.services.access.trail
    await read_page(book, Scope(whole_trail=True), asked.question, ())


async def _indexing(gateway: Gateway, happened: Happened) -> float:
    """Rows that the indexer makes findable in a second, behind all that is there already."""
    engine = gateway.engine
    for _ in range(INDEXED // AT_ONCE):
        work = UnitOfWork()
        for _ in range(AT_ONCE):
            engine.journal.append(work, audit_row(happened.facts(0, datetime.now(UTC))))
        await gateway.database.apply([work])
    sealing = await resume(gateway)
    while await seal_once(gateway, sealing):
        pass
    began = time.perf_counter()
    while await index_once(gateway):
        pass
    return INDEXED / (time.perf_counter() - began)


async def _over_http(settings: Settings, asking: Asking, count: int) -> list[Timed]:
    """The whole way: TLS, token, decision, search, opening, signing, audit."""
    acting = Acting.at(settings, "tester", "auditor")
    token = base64.urlsafe_b64encode(acting.assertion()).rstrip(b"=").decode()
    headers = {"authorization": f"Bearer {token}", "accept": "application/fhir+json"}
    url = f"{acting.endpoints.fhir}/AuditEvent"

    async with acting.identity.http() as http:

        async def search(asked: Asked) -> None:
            answer = await http.get(url, params=asked.query, headers=headers)
            answer.raise_for_status()

        return [
            await _timed(f"ITI-81: {name}", count, lambda ask=ask: search(ask()))  # type: ignore[misc]
            for name, ask in _readable(asking).items()
        ]


async def _size(settings: Settings) -> int:
    """Octets of the tables of the index; in SQLite, of the whole file."""
    gateway = compose(settings)
    if isinstance(gateway.database, PostgresDatabase):
        query = (
            "SELECT CAST(sum(pg_total_relation_size(relid)) AS BIGINT) AS octets FROM ("
            "SELECT relid FROM pg_partition_tree('event') UNION ALL "
            "SELECT relid FROM pg_partition_tree('event_term')) AS t"
        )
    else:
        query = "SELECT page_count * page_size AS octets FROM pragma_page_count(), pragma_page_size()"
    try:
        (row,) = await gateway.database.fetch(text(query))
        return int(row.octets)
    finally:
        await gateway.close()
