"""Fills the database with a country: patients, what they decided, documents of several classes and ranks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from rich.progress import Progress

from gateway.config import Settings
from gateway.record.access import (
    AccessLevel,
    Listing,
    Mandate,
    Opposition,
    PatientRights,
    Period,
    Raising,
)
from gateway.record.directory import Unit
from gateway.rights.rights_json import to_json
from gateway.stores.directory import CALLED, MEMBER, OWNER

AFFINITY = "2.999.1.1"
BATCH = 20_000
FIRST_KEY = 1 << 41
CLASSES = ("57833-6", "11502-2", "60591-5", "18842-5", "34133-9", "57016-8")
ROLES = ("PHYSICIAN", "PHYSICIAN", "NURSE", "PHARMACIST")
_AT = datetime(2026, 1, 1, tzinfo=UTC)
Rows = Mapping[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Country:
    """Every second patient decided something; the same country for the same numbers."""

    patients: int
    directives: int
    professionals: int = 7_000
    organisations: int = 200

    def patient(self, draw: random.Random) -> str:
        """Somebody."""
        return f"COUNTRY-{draw.randrange(self.patients)}"

    def professional(self, draw: random.Random) -> str:
        """Who treats."""
        return f"pro-{draw.randrange(self.professionals)}"

    def works_as(self, subject: str) -> tuple[str, str]:
        """Role and organisation of a professional."""
        number = int(subject.partition("-")[2])
        return ROLES[number % len(ROLES)], f"2.999.60.{number % self.organisations}"

    def organisation(self, draw: random.Random) -> str:
        """Where."""
        return f"2.999.60.{draw.randrange(self.organisations)}"


def fill(settings: Settings, country: Country) -> None:
    """Writes the country into tables of the installation, unless it is there."""
    url = settings.database.url
    if url.startswith("sqlite"):
        _sqlite(url.removeprefix("sqlite:///"), country)
    else:
        asyncio.run(_postgresql(url, country))


def _directory(country: Country) -> Rows:
    """Professionals who are each a member of one organisation."""
    entries, values, links = [], [], []
    for number in range(country.organisations):
        place, group = FIRST_KEY + number, FIRST_KEY + country.organisations + number
        entries += [
            _listed(place, f"org-{number}", Unit.ORGANISATION),
            _listed(group, f"g-{number}", Unit.RELATIONSHIP),
        ]
        values.append({"name": CALLED, "value": f"2.999.60.{number}", "entry_key": place})
        links.append({"group_key": group, "kind": OWNER, "entry_key": place})
    for number in range(country.professionals):
        key, subject = FIRST_KEY + 2 * country.organisations + number, f"pro-{number}"
        role, _ = country.works_as(subject)
        group = FIRST_KEY + country.organisations + number % country.organisations
        entries.append(_listed(key, subject, Unit.PROFESSIONAL, [role]))
        values.append({"name": CALLED, "value": subject, "entry_key": key})
        links.append({"group_key": group, "kind": MEMBER, "entry_key": key})
    return {"directory_entry": entries, "directory_value": values, "directory_link": links}


def _listed(key: int, name: str, unit: Unit, professions: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "key": key,
        "name": name,
        "suffix": "",
        "unit": unit.name,
        "dn": name,
        "attributes": "{}",
        "standing": json.dumps({"names": [name], "professions": list(professions)}),
        "active": True,
        "blocked": False,
        "version": 1,
        "created_at": 0,
        "changed_at": 0,
    }


def _batches(country: Country) -> Iterator[Rows]:
    yield _directory(country)
    draw = random.Random(country.patients)  # noqa: S311 - no secret
    left = country.directives
    for start in range(0, country.patients, BATCH):
        numbers = range(start, min(start + BATCH, country.patients))
        decided = []
        for number in numbers[::2]:
            share = left / ((country.patients - number + 1) // 2)
            count = min(left, max(1, round(draw.expovariate(1 / max(share, 0.1)))))
            left -= count
            rights = to_json(_rights(country, draw, count))
            key = FIRST_KEY + number
            decided.append({"patient_key": key, "rights": rights, "changed_at": 0, "version": 1})
        yield {
            "patient": [_patient(number) for number in numbers],
            "entry": [_entry(number, draw) for number in numbers],
            "patient_rights": decided,
            "rights_version": decided,
        }


def _patient(number: int) -> dict[str, Any]:
    key = FIRST_KEY + number
    return {
        "key": key,
        "head": key,
        "root": AFFINITY,
        "extension": f"COUNTRY-{number}",
        "demographics": None,
        "created_at": 0,
    }


def _entry(number: int, draw: random.Random) -> dict[str, Any]:
    name = f"2.999.61.{number}"
    return {
        "key": FIRST_KEY + number,
        "patient_key": FIRST_KEY + number,
        "uuid": f"urn:uuid:country-{number}",
        "logical_id": f"urn:uuid:country-{number}",
        "unique_id": name,
        "status": "Approved",
        "type": "stable",
        "mime_type": "text/xml",
        "class_code": None,
        "document_class": draw.choice(CLASSES),
        "rank": draw.choice((1, 1, 1, 2, 3)),
        "version": 1,
        "latest": True,
        "offline": False,
        "fragment": b"",
    }


def _rights(country: Country, draw: random.Random, count: int) -> PatientRights:
    """What so many directives come to; most name somebody."""
    said: dict[str, list[Any]] = {}
    for _ in range(count):
        field, make = draw.choice(_KINDS)
        end = _AT + timedelta(days=draw.randrange(2_000))
        period = draw.choice((Period(), Period(None, end)))
        who = draw.choice((country.professional(draw), country.organisation(draw)))
        said.setdefault(field, []).append(make(who, period, f"2.999.61.{draw.randrange(country.patients)}"))
    changes: dict[str, Any] = {field: tuple(entries) for field, entries in said.items()}
    return PatientRights(**changes)


_KINDS: tuple[tuple[str, Callable[[str, Period, str], Any]], ...] = (
    ("blacklist", lambda who, period, _: Listing(who, period)),
    ("blacklist", lambda who, period, document: Listing(who, period, frozenset({document}))),
    ("whitelist", lambda who, period, _: Listing(who, period)),
    ("relations", lambda who, period, _: Listing(who, period)),
    ("relations", lambda who, period, _: Listing(who, period)),
    ("levels", lambda who, period, _: AccessLevel(who, 2, period)),
    ("mandates", lambda who, period, _: Mandate(who, period, "patient")),
    ("oppositions", lambda _, period, __: Opposition("PATRQT", period)),
    ("raisings", lambda _, period, document: Raising(frozenset({document}), 3, period)),
)


def _sqlite(path: str, country: Country) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, Progress() as progress:
        have = connection.execute("SELECT count(*) FROM patient WHERE extension LIKE 'COUNTRY-%'").fetchone()
        if have[0] >= country.patients:
            return
        connection.execute("PRAGMA synchronous=OFF")
        task = progress.add_task("country", total=country.patients)
        for batch in _batches(country):
            for table, rows in batch.items():
                if rows:
                    columns = list(rows[0])
                    marks = ",".join("?" * len(columns))
                    insert = f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})"  # noqa: S608 - our names
                    connection.executemany(insert, [tuple(row.values()) for row in rows])
            connection.commit()
            progress.advance(task, len(batch.get("patient", ())))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _postgresql(url: str, country: Country) -> None:
    connection = await asyncpg.connect(url)
    try:
        have = await connection.fetchval("SELECT count(*) FROM patient WHERE extension LIKE 'COUNTRY-%'")
        if have >= country.patients:
            return
        with Progress() as progress:
            task = progress.add_task("country", total=country.patients)
            for batch in _batches(country):
                for table, rows in batch.items():
                    records, columns = [tuple(row.values()) for row in rows], list(rows[0])
                    await connection.copy_records_to_table(table, records=records, columns=columns)
                progress.advance(task, len(batch.get("patient", ())))
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
