"""Fills a registry fast: one stored entry, multiplied over many patients, straight into the tables."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import asyncpg
from rich.progress import Progress

from gateway.config import Settings
from gateway.stores.fragments import pack, unpack
from gateway.stores.keys import key_maker

PER_PATIENT = 5
BATCH = 20_000
SAMPLE = 20_000


def populate(settings: Settings, pattern: str, entries: int) -> list[str]:
    """At least `entries` document entries; gives ids of patients that have PER_PATIENT of them each."""
    url = settings.database.url
    if url.startswith("sqlite"):
        return _sqlite(url.removeprefix("sqlite:///"), settings, pattern, entries)
    return asyncio.run(_postgresql(url, settings, pattern, entries))


def _names(patients: int) -> list[str]:
    return [f"POP-{number}" for number in range(patients)]


def _sample(patients: int) -> list[str]:
    """A random part of the population for the queries, so that they do not stay in one corner."""
    return random.sample(_names(patients), min(patients, SAMPLE))


def _sqlite(path: str, settings: Settings, pattern: str, entries: int) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=OFF")
        row = dict(connection.execute("SELECT * FROM entry WHERE unique_id = ?", (pattern,)).fetchone())
        values = [
            dict(each)
            for each in connection.execute("SELECT * FROM entry_value WHERE entry_key = ?", (row["key"],))
        ]
        have = connection.execute("SELECT count(*) FROM patient WHERE extension LIKE 'POP-%'").fetchone()[0]
        patients = max(1, entries // PER_PATIENT)
        with Progress() as progress:
            task = progress.add_task("population", total=patients, completed=min(have, patients))
            names = iter(_names(patients)[have:])
            while chunk := list(islice(names, BATCH // PER_PATIENT)):
                made = _Made(chunk, settings.domain.affinity_oid, row, values)
                for table, columns, rows in made.tables():
                    marks = ",".join("?" * len(columns))
                    insert = f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})"  # noqa: S608 - our names
                    connection.executemany(insert, rows)
                connection.commit()
                progress.advance(task, len(chunk))
        connection.execute("ANALYZE")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.commit()
    return _sample(patients)


async def _postgresql(url: str, settings: Settings, pattern: str, entries: int) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        row = dict(await connection.fetchrow("SELECT * FROM entry WHERE unique_id = $1", pattern))
        found = await connection.fetch("SELECT * FROM entry_value WHERE entry_key = $1", row["key"])
        have = await connection.fetchval("SELECT count(*) FROM patient WHERE extension LIKE 'POP-%'")
        patients = max(1, entries // PER_PATIENT)
        with Progress() as progress:
            task = progress.add_task("population", total=patients, completed=min(have, patients))
            names = iter(_names(patients)[have:])
            while chunk := list(islice(names, BATCH // PER_PATIENT)):
                made = _Made(chunk, settings.domain.affinity_oid, row, [dict(each) for each in found])
                for table, columns, rows in made.tables():
                    await connection.copy_records_to_table(table, records=rows, columns=columns)
                progress.advance(task, len(chunk))
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return _sample(patients)


class _Made:
    """The rows for some patients, cloned from one entry."""

    def __init__(
        self,
        names: Sequence[str],
        root: str,
        entry: Mapping[str, Any],
        values: Sequence[Mapping[str, Any]],
    ) -> None:
        make = key_maker()
        self._entry = entry
        self._text = unpack(entry["fragment"])
        self._patients: list[tuple[Any, ...]] = []
        self._entries: list[tuple[Any, ...]] = []
        self._values: list[tuple[Any, ...]] = []
        for name in names:
            key = _unused(make)
            self._patients.append((key, key, root, name, None, 0))
            for _ in range(PER_PATIENT):
                self._clone(_unused(make), key, entry, values)

    def _clone(
        self, key: int, patient: int, entry: Mapping[str, Any], values: Sequence[Mapping[str, Any]]
    ) -> None:
        made = f"urn:uuid:{uuid.uuid4()}"
        unique = f"2.25.{uuid.uuid4().int}"
        fragment = self._text.replace(entry["uuid"], made).replace(entry["unique_id"], unique)
        changed = {
            "key": key,
            "patient_key": patient,
            "uuid": made,
            "logical_id": made,
            "unique_id": unique,
            "fragment": pack(fragment),
        }
        self._entries.append(tuple(changed.get(name, value) for name, value in entry.items()))
        self._values += [(key, each["kind"], each["value"]) for each in values]

    def tables(self) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
        """(table, columns, rows) to insert."""
        columns = ["key", "head", "root", "extension", "demographics", "created_at"]
        yield "patient", columns, self._patients
        yield "entry", list(self._entry), self._entries
        yield "entry_value", ["entry_key", "kind", "value"], self._values


_SEEN: set[int] = set()


def _unused(make: Any) -> int:
    """Keys are made faster here than any server does, so the count can run over."""
    while (key := make()) in _SEEN:
        continue
    if len(_SEEN) > BATCH * 4:
        _SEEN.clear()
    _SEEN.add(key)
    return int(key)
