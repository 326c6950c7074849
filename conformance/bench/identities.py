"""Fills the patient index fast: people who do not exist, with the rows that the stores would write."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import asyncpg
from rich.progress import Progress

from gateway.mpi.context import Mpi
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.patients import Identity
from gateway.record.people import PatientId
from gateway.stores.work import UnitOfWork, Write

BATCH = 5_000
SAMPLE = 2_000
AT = datetime(2026, 1, 1, tzinfo=UTC)
_FAMILIES = (
    "Schmit",
    "Muller",
    "Weber",
    "Hoffmann",
    "Wagner",
    "Thill",
    "Schmitz",
    "Schroeder",
    "Pereira",
    "Silva",
)
_GIVEN = ("Maria", "Marie", "Anne", "Jean", "Jose", "Anna", "Joao", "Marc", "Ana", "Guy", "Marcel", "Martine")
_TOWNS = tuple((f"{1000 + 7 * number}", f"Town {number}") for number in range(1_200))
_CONSONANTS, _VOWELS = "bcdfghklmnprstvwz", "aeiou"


class People:
    """Random people with names as unevenly spread as real ones; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._families = [*_FAMILIES, *(self._word() for _ in range(8_000))]
        self._given = [*_GIVEN, *(self._word() for _ in range(800))]
        self._family_weights = list(
            itertools.accumulate(1 / (rank + 12) for rank in range(len(self._families)))
        )
        self._given_weights = list(itertools.accumulate(1 / (rank + 12) for rank in range(len(self._given))))

    def _word(self) -> str:
        pick = self._random.choice
        return "".join(pick(_CONSONANTS) + pick(_VOWELS) for _ in range(self._random.randint(2, 4))).title()

    def one(self) -> Demographics:
        """A person as a registration desk writes one down."""
        pick = self._random
        family = pick.choices(self._families, cum_weights=self._family_weights)[0]
        if pick.random() < 0.1:  # noqa: PLR2004 - one in ten
            family += f" {pick.choices(self._families, cum_weights=self._family_weights)[0]}"
        given = pick.choices(self._given, cum_weights=self._given_weights, k=1 + (pick.random() < 0.3))  # noqa: PLR2004
        born = date(1930, 1, 1) + timedelta(days=pick.randrange(34_000))
        postcode, town = pick.choice(_TOWNS)
        phone = f"+352621{pick.randrange(10**6):06d}"
        return Demographics(
            names=(PersonName(family=family, given=tuple(given)),),
            birth_date=f"{born:%Y%m%d}",
            sex=pick.choice("FM"),
            addresses=(
                Address(
                    lines=(f"{pick.randrange(1, 200)} rue {self._families[pick.randrange(300)]}",),
                    city=town,
                    postcode=postcode,
                    country="LU",
                ),
            ),
            telecoms=(Telecom(value=phone),) if pick.random() < 0.6 else None,  # noqa: PLR2004
        )


@dataclass(frozen=True, slots=True)
class Sampled:
    """A person of the population, for queries."""

    id: PatientId
    told: Demographics


def fill(mpi: Mpi, url: str, identities: int, root: str) -> None:
    """At least `identities` identities, two thirds of them of the affinity domain.

    Every second person has another identity, in the domain `root`.
    """
    if url.startswith("sqlite"):
        _sqlite(mpi, url.removeprefix("sqlite:///"), identities, root)
    else:
        asyncio.run(_postgresql(mpi, url, identities, root))


def sample(mpi: Mpi, identities: int) -> list[Sampled]:
    """Some of the persons that `fill` makes, from all parts of the population."""
    people, persons = People(identities), identities * 2 // 3
    step = max(1, persons // SAMPLE)
    drawn = ((number, people.one()) for number in range(persons))
    return [
        Sampled(PatientId(f"PERSON-{number}", mpi.domain.affinity_root), told)
        for number, told in drawn
        if number % step == 0 or number % step == step // 2
    ]


Rows = dict[str, list[Mapping[str, Any]]]
"""By table."""


def _batches(mpi: Mpi, identities: int, root: str) -> Iterator[Rows]:
    people, keys = People(identities), itertools.count(1 << 40)
    numbers, made = itertools.count(), 0
    while made < identities:
        work = UnitOfWork()
        for number in islice(numbers, BATCH):
            told, person = people.one(), next(keys)
            first = PatientId(f"PERSON-{number}", mpi.domain.affinity_root)
            _create(mpi, work, Identity(key=person, head=person, person=person, id=first), told)
            made += 1
            if number % 2:
                other = replace(told, telecoms=None)
                key, second = next(keys), PatientId(f"H{number}", root)
                _create(mpi, work, Identity(key=key, head=key, person=person, id=second), other)
                made += 1
        yield _by_table(work)


def _create(mpi: Mpi, work: UnitOfWork, identity: Identity, told: Demographics) -> None:
    matcher = mpi.matcher
    traits = matcher.traits(told, identity.id)
    mpi.store.create(work, identity, told, matcher.pack(traits), matcher.rows(traits, told), AT)


def _by_table(work: UnitOfWork) -> Rows:
    found: Rows = {}
    for step in work.steps:
        if isinstance(step, Write):
            found.setdefault(step.statement.table.name, []).extend(step.rows)  # type: ignore[attr-defined]
    return found


def _sqlite(mpi: Mpi, path: str, identities: int, root: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, Progress() as progress:
        task = progress.add_task("identities", total=identities)
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA temp_store=FILE")
        # Tokens are random numbers: they are sorted first, so that the table is written from front to back.
        connection.execute("CREATE TEMP TABLE staged AS SELECT * FROM patient_token WHERE 0")
        for batch in _batches(mpi, identities, root):
            for table, rows in batch.items():
                columns = list(rows[0])
                marks = ",".join("?" * len(columns))
                into = "temp.staged" if table == "patient_token" else table
                insert = f"INSERT INTO {into} ({','.join(columns)}) VALUES ({marks})"  # noqa: S608 - our names
                connection.executemany(insert, [tuple(row[name] for name in columns) for row in rows])
            connection.commit()
            progress.advance(task, len(batch["patient"]))
        connection.execute("INSERT INTO patient_token SELECT * FROM temp.staged ORDER BY token, patient_key")
        connection.execute("ANALYZE")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _postgresql(mpi: Mpi, url: str, identities: int, root: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        with Progress() as progress:
            task = progress.add_task("identities", total=identities)
            for batch in _batches(mpi, identities, root):
                for table, rows in batch.items():
                    columns = list(rows[0])
                    records = [tuple(row[name] for name in columns) for row in rows]
                    await connection.copy_records_to_table(table, records=records, columns=columns)
                progress.advance(task, len(batch["patient"]))
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
