"""The patient index alone, without wire form and pipeline: demographics queries and cross-references."""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
from identities import Sampled, fill, sample
from rich.console import Console
from rich.table import Table

from gateway.cli.compose import compose
from gateway.config import Settings
from gateway.errors import Refused
from gateway.mpi.index import PatientIndex
from gateway.mpi.query import Criterion, DateRange, DemographicsQuery, Field, NameWanted
from gateway.record.access import Scope
from gateway.record.domain import IdentityDomain
from gateway.record.people import Node, Principal, SubjectKind
from gateway.stores.work import UnitOfWork

HOSPITAL = IdentityDomain(namespace="BENCH_HOSPITAL", root="2.999.77")
_BEGINNING = 3


@dataclass(frozen=True, kw_only=True)
class Asker:
    """A request to the index by a node that may ask."""

    principal: Principal
    node: Node
    scope: Scope
    work: UnitOfWork
    at: datetime
    trace_id: str


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Milliseconds of wall clock and of CPU; `found` persons on average, `refused` queries."""

    kind: str
    queries: int
    p50: float
    p95: float
    p99: float
    cpu: float
    found: float
    refused: int


def run(settings: Settings, options: argparse.Namespace) -> None:
    """Measures, prints the table, writes the file that is asked for."""
    figures = measure(settings, options.identities, options.queries)
    show(figures, options.identities)
    if options.json:
        write_json(options.json, figures)


def populated(settings: Settings, identities: int) -> list[Sampled]:
    """Fills the index once; gives people to ask for, who have an identifier in two domains."""
    gateway = compose(settings)
    mpi = gateway.engine.services.index.mpi
    root = next(iter(mpi.domain.identities))
    people = [each for each in sample(mpi, identities) if int(each.id.extension.partition("-")[2]) % 2]

    async def known() -> bool:
        """A pool belongs to the loop that opened it, so it is asked and closed in one."""
        try:
            return await gateway.engine.services.index.known(people[0].id)
        finally:
            await gateway.close()

    if not asyncio.run(known()):
        fill(mpi, settings.database.url, identities, root)
    return people


def measure(settings: Settings, identities: int, queries: int) -> list[Figures]:
    """Fills an empty index once, and asks every kind of query of people drawn from it."""
    gateway = compose(settings)
    mpi = gateway.engine.services.index.mpi
    domain = replace(mpi.domain, identities={**mpi.domain.identities, HOSPITAL.root: HOSPITAL})
    index = PatientIndex(replace(mpi, domain=domain))
    people = sample(mpi, identities)
    try:
        if not asyncio.run(index.known(people[0].id)):
            fill(mpi, settings.database.url, identities, HOSPITAL.root)
        return asyncio.run(_measure(index, people, queries))
    finally:
        asyncio.run(gateway.close())


async def _measure(index: PatientIndex, people: Sequence[Sampled], queries: int) -> list[Figures]:
    found = []
    for kind, ask in _kinds(index).items():
        drawn = random.choices(people, k=queries)  # noqa: S311 - no secret
        for each in drawn[: queries // 10]:
            await _asked(ask, each)
        found.append(await _of_kind(kind, ask, drawn))
    return found


async def _of_kind(kind: str, ask: Ask, drawn: Sequence[Sampled]) -> Figures:
    times, counts, refused = [], [], 0
    cpu = time.process_time()
    for each in drawn:
        start = time.perf_counter()
        count = await _asked(ask, each)
        times.append((time.perf_counter() - start) * 1_000)
        refused += count is None
        counts.append(count or 0)
    used = (time.process_time() - cpu) * 1_000 / len(drawn)
    cuts = statistics.quantiles(times, n=100)
    return Figures(
        kind=kind,
        queries=len(drawn),
        p50=cuts[49],
        p95=cuts[94],
        p99=cuts[98],
        cpu=used,
        found=statistics.mean(counts),
        refused=refused,
    )


Ask = Callable[[Sampled], Awaitable[int]]


async def _asked(ask: Ask, each: Sampled) -> int | None:
    try:
        return await ask(each)
    except Refused:
        return None


def _kinds(index: PatientIndex) -> dict[str, Ask]:
    call = _asker()

    def query(make: Callable[[Sampled], DemographicsQuery]) -> Ask:
        async def ask(each: Sampled) -> int:
            return len(await index.search(call, make(each)))

        return ask

    async def cross_reference(each: Sampled) -> int:
        return len((await index.cross_reference(call, each.id, ())).identifiers)

    async def match(each: Sampled) -> int:
        return len(await index.match(call, each.told, (), only_certain=False, most=None))

    return {
        "PIX query": cross_reference,
        "identifier": query(lambda each: DemographicsQuery(identifiers=((each.id,),))),
        "family, birth date": query(lambda each: DemographicsQuery(names=_family(each), born=_born(each))),
        "birth date": query(lambda each: DemographicsQuery(born=_born(each))),
        "family, given": query(lambda each: DemographicsQuery(names=_both(each))),
        "beginnings of both": query(lambda each: DemographicsQuery(names=_begun(each))),
        "family, birth month": query(lambda each: DemographicsQuery(names=_family(each), born=_month(each))),
        "family, postcode": query(
            lambda each: DemographicsQuery(names=_family(each), criteria=_postcode(each))
        ),
        "family": query(lambda each: DemographicsQuery(names=_family(each))),
        "sex": query(lambda _: DemographicsQuery(criteria=(Criterion(field=Field.SEX, values=("F",)),))),
        "match": match,
    }


def _family(each: Sampled) -> tuple[tuple[NameWanted, ...], ...]:
    return ((NameWanted(family=each.told.name.family),),)


def _both(each: Sampled) -> tuple[tuple[NameWanted, ...], ...]:
    return ((NameWanted(family=each.told.name.family, given=each.told.name.given[:1]),),)


def _begun(each: Sampled) -> tuple[tuple[NameWanted, ...], ...]:
    name = each.told.name
    return ((NameWanted(family=name.family[:_BEGINNING], given=(name.given[0][:_BEGINNING],)),),)


def _born(each: Sampled) -> tuple[DateRange, ...]:
    return (DateRange(low=each.told.birth_date, high=each.told.birth_date),)


def _month(each: Sampled) -> tuple[DateRange, ...]:
    month = (each.told.birth_date or "")[:6]
    return (DateRange(low=f"{month}01", high=f"{month}28"),)


def _postcode(each: Sampled) -> tuple[Criterion, ...]:
    codes = tuple(address.postcode for address in each.told.addresses or ())
    return (Criterion(field=Field.POSTCODE, values=codes),)


def _asker() -> Asker:
    return Asker(
        principal=Principal(
            kind=SubjectKind.NODE,
            subject="bench",
            name="bench",
            issuer="bench",
            role=None,
            organisation=None,
            purpose=None,
            confirmation="",
            token_id=None,
            token_digest=None,
            expires=None,
        ),
        node=Node(
            name="bench",
            fingerprints=frozenset(),
            environment="integration",
            organisation="",
            organisation_name="",
            transactions=frozenset(),
        ),
        scope=Scope(persons=True),
        work=UnitOfWork(),
        at=datetime.now(UTC),
        trace_id="",
    )


def show(figures: Sequence[Figures], identities: int) -> None:
    """Prints the table."""
    table = Table(title=f"{identities:,} identities, one process")
    for name in ("query", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "found", "refused"):
        table.add_column(name, justify="right")
    for each in figures:
        row = (each.p50, each.p95, each.p99, each.cpu)
        refused = f"{each.refused}/{each.queries}"
        table.add_row(each.kind, *(f"{value:.2f}" for value in row), f"{each.found:.1f}", refused)
    Console().print(table)


def write_json(path: Path, figures: Sequence[Figures]) -> None:
    """Writes the figures."""
    path.write_bytes(orjson.dumps([asdict(each) for each in figures], option=orjson.OPT_INDENT_2))
