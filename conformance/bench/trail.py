"""Fills the index of events and measures how long searches of the trail take as it grows (ITI-81).

Rows of the index are made by the database itself, week by week, as sorted as the server writes them. Only
some patients have audit rows behind their events: those that are asked for.
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
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, text

from gateway.audit.objects import patient_object, query_object
from gateway.audit.record import AuditFacts, AuditSource, Human, Participant, audit_message
from gateway.cli.compose import Gateway, compose
from gateway.cli.indexing import index_once
from gateway.cli.keeper import resume, seal_once
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import serving
from gateway.config import Settings
from gateway.declare.events import Outcome, query_event
from gateway.record.people import PatientId
from gateway.stores.database import PostgresDatabase
from gateway.stores.events import SLOT_MS, Question, slot_of
from gateway.stores.journal import AuditRow
from gateway.stores.partitions import TABLES, WEEKS, statement
from gateway.stores.tables import audit
from gateway.stores.work import UnitOfWork

YEARS_IN_WEEKS = 156
PER_PATIENT = 100
AGENTS, NODES = 2_000, 20
SAMPLE, SAMPLED_AGENTS = 200, 20
INDEXED = 4_000
_EVENT = query_event("ITI-18", "Registry Stored Query")

# What the database computes of the number `i` of an event: spread, and without a library of its own.
_MIXED = "(({0} * 2654435761 + 40503) % 4294967296)"
_TERM = "((" + _MIXED + " - 2147483648) * 4294967296 + ({0} * 2246822519 % 4294967296))"


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
    began = time.perf_counter()
    filling = asyncio.run(_prepared(settings, options.entries))
    filled = time.perf_counter() - began
    measured, rate = asyncio.run(_stored(settings, filling, options.queries))
    with serving(config, workers=options.workers):
        measured += asyncio.run(_over_http(settings, filling, options.queries))
    size = filling.octets
    print(
        f"{options.entries} events, {YEARS_IN_WEEKS} weeks, index {size / 2**20:.0f} MiB "
        f"({size / max(1, options.entries):.0f} bytes an event), filled in {filled:.0f} s, "
        f"indexed {rate:.0f} rows/s, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(f"{'search':<44}{'n':>6}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}")
    for each in measured:
        print(f"{each.name:<44}{each.count:>6}{each.p50:>9.1f}{each.p95:>9.1f}{each.worst:>9.1f}")
    if options.json:
        told = {"entries": options.entries, "bytes": size, "indexed": rate}
        text_ = json.dumps({**told, "measured": [asdict(each) for each in measured]}, indent=2)
        options.json.write_text(text_, encoding="utf-8")


# --- filling -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filling:
    """Whom to ask for, and the weeks that are filled, the last of them this one."""

    patients: tuple[PatientId, ...]
    agents: tuple[str, ...]
    first: int
    last: int
    octets: int = 0
    """Of the index; 0 where it stood there before."""


async def _prepared(settings: Settings, entries: int) -> Filling:
    gateway = compose(settings)
    try:
        last = slot_of(time.time_ns() // 1_000_000)
        root = settings.domain.affinity_oid
        filling = Filling(
            tuple(PatientId(f"TRAIL-{number}", root) for number in range(SAMPLE)),
            tuple(f"user{number}" for number in range(SAMPLED_AGENTS)),
            last - YEARS_IN_WEEKS + 1,
            last,
        )
        (have,) = await gateway.database.fetch(text("SELECT count(*) AS n FROM event"))
        if have.n >= entries:
            return filling
        return replace(filling, octets=await _fill(gateway, filling, entries))
    finally:
        await gateway.close()


async def _fill(gateway: Gateway, filling: Filling, entries: int) -> int:
    """Gives the octets that the index takes."""
    before = await _size(gateway)
    await _names(gateway, filling)
    each = entries // YEARS_IN_WEEKS + 1
    patients = max(SAMPLE, entries // PER_PATIENT)
    if isinstance(gateway.database, PostgresDatabase):
        quarters = range(filling.first // WEEKS, filling.last // WEEKS + 1)
        await _execute(gateway, [statement(table, quarter) for quarter in quarters for table in TABLES])
    for number, slot in enumerate(range(filling.first, filling.last + 1)):
        await _execute(gateway, _week(slot, number * each, each, patients))
    octets = await _size(gateway) - before
    await _rows_behind(gateway, filling)
    await _execute(gateway, ["ANALYZE"])
    return octets


async def _execute(gateway: Gateway, statements: Sequence[str]) -> None:
    work = UnitOfWork()
    for each in statements:
        work.write(text(each.replace(":", "\\:")))
    await gateway.database.apply([work])


async def _names(gateway: Gateway, filling: Filling) -> None:
    """The terms of those who are asked for, as the store writes them, by their numbers."""
    store = gateway.engine.services.access.trail.events
    rows = [("patient", number, f"patient|{each}") for number, each in enumerate(filling.patients)]
    rows += [("entity", number, f"entity|{each}") for number, each in enumerate(filling.patients)]
    rows += [("agent", number, f"agent|{each}") for number, each in enumerate(filling.agents)]
    digests = {term: store.digests(frozenset({term}))[0] for _, _, term in rows}
    values = ", ".join(f"('{kind}', {number}, {digests[term]})" for kind, number, term in rows)
    create = "CREATE TABLE bench_term (kind TEXT, number BIGINT, term BIGINT, PRIMARY KEY (kind, number))"
    await _execute(gateway, [create, f"INSERT INTO bench_term VALUES {values}"])  # noqa: S608 - our own


def _week(slot: int, first: int, count: int, patients: int) -> list[str]:
    """Events of a week, each with six terms: patient twice, agent, node, this system, and an object."""
    step = SLOT_MS / (count + 1)
    numbers = (
        f"WITH RECURSIVE n(i) AS (SELECT CAST({first} AS BIGINT) UNION ALL "  # noqa: S608 - our own
        f"SELECT i + 1 FROM n WHERE i < {first + count - 1}), made AS (SELECT i, "
        f"CAST({slot * SLOT_MS} + (i - {first}) * {step:.3f} AS BIGINT) AS at, "
        f"{_MIXED.format('i')} % {patients} AS patient, "
        f"{_MIXED.format('(i + 77)')} % {AGENTS} AS agent FROM n)"
    )
    known = "COALESCE((SELECT term FROM bench_term WHERE kind = '{0}' AND number = made.{1}), {2})"
    sought = [
        known.format("patient", "patient", _TERM.format("(patient + 100000000)")),
        known.format("entity", "patient", _TERM.format("(patient + 200000000)")),
        known.format("agent", "agent", _TERM.format("(agent + 300000000)")),
        _TERM.format(f"(i % {NODES} + 400000000)"),
        "1",
        _TERM.format("(i + 600000000)"),
    ]
    terms = " UNION ALL ".join(
        f"SELECT CAST({slot} AS INTEGER) AS slot, CAST({each} AS BIGINT) AS term, at, i AS id FROM made"  # noqa: S608
        for each in sought
    )
    kinds = "CASE i % 5 WHEN 0 THEN '110107' WHEN 1 THEN '110106' ELSE '110112' END"
    outcomes = "CASE i % 50 WHEN 0 THEN 8 ELSE 0 END"
    columns = f"{slot}, at, i, 0, i, 0, {kinds}, 'ITI-18', 'E', {outcomes}, 0"
    events = f"{numbers} SELECT {columns} FROM made"  # noqa: S608 - our own
    return [
        f"INSERT INTO event {events}",
        f"INSERT INTO event_term {numbers} SELECT * FROM ({terms}) AS told ORDER BY term, at, id",  # noqa: S608
    ]


async def _rows_behind(gateway: Gateway, filling: Filling) -> None:
    """An audit row for each event of those who are asked for."""
    work, events = UnitOfWork(), gateway.engine.services.access.trail.events
    for patient in filling.patients:
        asked = Question(since=0, until=2**62, terms=frozenset({f"patient|{patient}"}), limit=100_000)
        for found in await events.find(asked):
            row = _row(patient, datetime.fromtimestamp(found.at / 1000, UTC))
            told = {"id": found.id, "at": found.at, "trace_id": f"{found.id:032x}"}
            work.write(insert(audit), {**asdict(row), **told})
    await gateway.database.apply([work])
    sealing = await resume(gateway)
    while await seal_once(gateway, sealing):
        pass
    work = UnitOfWork()
    gateway.engine.journal.keep_indexed(work, sealing.frontier.size)
    await gateway.database.apply([work])


def _row(patient: PatientId, at: datetime) -> AuditRow:
    here = Participant("https://gateway.example/xds/registry", "gateway.example", "4711")
    facts = AuditFacts(
        event=_EVENT.received, type=_EVENT.type, action=_EVENT.received_action, at=at,
        outcome=Outcome.SUCCESS, source=Participant("hospital", "10.0.0.7", is_requestor=True),
        destination=here, audit_source=AuditSource("passerelle", "integration"),
        human=Human("dr.weber", "<dr.weber@issuer>"),
        objects=(patient_object(patient), query_object("urn:uuid:1", _EVENT.type, b"<AdhocQuery/>" * 60)),
        trace_id="0" * 32,
    )  # fmt: skip
    return AuditRow(
        trace_id="0" * 32, at=at, transaction="ITI-18", outcome=0, message=audit_message(facts),
        evidence="e" * 900, evidence_signature=b"s" * 64, decision=None,
    )  # fmt: skip


# --- measuring -----------------------------------------------------------------------------------


async def _timed(name: str, count: int, do: Callable[[int], Awaitable[object]]) -> Timed:
    took = []
    for number in range(count):
        began = time.perf_counter()
        await do(number)
        took.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took, n=20)
    return Timed(name, count, cuts[9], cuts[18], max(took))


async def _stored(settings: Settings, filling: Filling, count: int) -> tuple[list[Timed], float]:
    """Without HTTP: rows only, and with the events opened; the rate of indexing."""
    gateway, draw = compose(settings), random.Random(4711)  # noqa: S311 - no secret
    book = gateway.engine.services.access.trail
    end = (filling.last + 1) * SLOT_MS

    def of_patient(weeks: int) -> Question:
        term, until = f"patient|{draw.choice(filling.patients)}", end
        if weeks < YEARS_IN_WEEKS:
            until -= draw.randrange(YEARS_IN_WEEKS - weeks) * SLOT_MS
        return Question(since=until - weeks * SLOT_MS, until=until, terms=frozenset({term}), limit=50)

    def at_time(**more: object) -> Question:
        since = end - draw.randrange(YEARS_IN_WEEKS) * SLOT_MS - draw.randrange(SLOT_MS)
        return Question(since=since - 3_600_000, until=since, limit=50, **more)  # type: ignore[arg-type]

    def of_agent() -> Question:
        term = f"agent|{draw.choice(filling.agents)}"
        return Question(since=filling.first * SLOT_MS, until=end, terms=frozenset({term}), limit=50)

    def of_nobody() -> Question:
        return replace(of_patient(YEARS_IN_WEEKS), terms=frozenset({"patient|nobody"}))

    kinds: dict[str, Callable[[], Question]] = {
        "index: patient, 4 weeks": lambda: of_patient(4),
        "index: patient, 3 years": lambda: of_patient(YEARS_IN_WEEKS),
        "index: unknown patient, 3 years": of_nobody,
        "index: agent, 3 years, newest 50": of_agent,
        "index: an hour, newest 50": at_time,
        "index: an hour, failures": lambda: at_time(outcomes=frozenset({8})),
    }

    async def whole(_: int) -> None:
        await book.search(of_patient(YEARS_IN_WEEKS))

    try:
        found = []
        for name, ask in kinds.items():
            found.append(await _timed(name, count, lambda _, ask=ask: book.events.find(ask())))  # type: ignore[misc]
        found.append(await _timed("opened: patient, 3 years, newest 50", count, whole))
        return found, await _indexing(gateway, filling)
    finally:
        await gateway.close()


async def _indexing(gateway: Gateway, filling: Filling) -> float:
    """Rows that the indexer makes findable in a second, behind all that is there already."""
    engine = gateway.engine
    for _ in range(INDEXED // 500):
        work = UnitOfWork()
        for _ in range(500):
            engine.journal.append(work, _row(filling.patients[0], datetime.now(UTC)))
        await gateway.database.apply([work])
    sealing = await resume(gateway)
    while await seal_once(gateway, sealing):
        pass
    began = time.perf_counter()
    while await index_once(gateway):
        pass
    return INDEXED / (time.perf_counter() - began)


async def _over_http(settings: Settings, filling: Filling, count: int) -> list[Timed]:
    """The whole way: TLS, token, decision, search, opening, signing, audit."""
    acting = Acting.at(settings, "tester", "auditor")
    token = base64.urlsafe_b64encode(acting.assertion()).rstrip(b"=").decode()
    headers = {"authorization": f"Bearer {token}", "accept": "application/fhir+json"}
    draw, now = random.Random(42), datetime.now(UTC)  # noqa: S311 - no secret
    root = settings.domain.affinity_oid

    async with acting.identity.http() as http:

        async def search(weeks: int) -> None:
            patient = draw.choice(filling.patients[1:]).extension
            until = now - timedelta(weeks=draw.randrange(YEARS_IN_WEEKS - weeks + 1))
            since = until - timedelta(weeks=weeks)
            query = {
                "date": [f"ge{since:%Y-%m-%dT%H:%M:%SZ}", f"le{until:%Y-%m-%dT%H:%M:%SZ}"],
                "patient.identifier": f"urn:oid:{root}|{patient}",
                "_count": "50",
            }
            answer = await http.get(f"{acting.endpoints.fhir}/AuditEvent", params=query, headers=headers)
            answer.raise_for_status()

        return [
            await _timed("HTTP: patient, 4 weeks", count, lambda _: search(4)),
            await _timed("HTTP: patient, 3 years, newest 50", count, lambda _: search(YEARS_IN_WEEKS)),
        ]


async def _size(gateway: Gateway) -> int:
    """Octets of the tables of the index; in SQLite, of the whole file."""
    if isinstance(gateway.database, PostgresDatabase):
        query = (
            "SELECT CAST(sum(pg_total_relation_size(relid)) AS BIGINT) AS octets FROM ("
            "SELECT relid FROM pg_partition_tree('event') UNION ALL "
            "SELECT relid FROM pg_partition_tree('event_term')) AS t"
        )
    else:
        query = "SELECT page_count * page_size AS octets FROM pragma_page_count(), pragma_page_size()"
    (row,) = await gateway.database.fetch(text(query))
    return int(row.octets)
