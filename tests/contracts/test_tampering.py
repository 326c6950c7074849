"""Somebody with all rights on the database changes the trail under the running product (AUD-04, AUD-05)."""

# ruff: noqa: S608 - the statements are those of somebody who writes what he likes

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.audit.findings import Report
from gateway.audit.verify import verify_export
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.cli.trail import export_lines
from gateway.stores.database import async_url

WAIT = 15.0
EXCHANGES = 130
TABLES = ("audit", "audit_leaf", "audit_checkpoint")


@dataclass
class Victim:
    """A running product, and its database as a superuser sees it."""

    config: Path
    url: str
    kept: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def do(self, *statements: str, values: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        """Statements in one transaction; gives the rows of the last one."""
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=10)) as connection:
                connection.row_factory = sqlite3.Row
                with connection:
                    for statement in statements:
                        if values is not None:
                            connection.executemany(statement, values)
                            continue
                        found = connection.execute(statement).fetchall()
                return [dict(row) for row in found] if values is None else []
        return asyncio.run(self._do(statements, values))

    async def _do(self, statements: tuple[str, ...], values: Any) -> list[dict[str, Any]]:
        engine: AsyncEngine = create_async_engine(async_url(self.url))
        rows: list[dict[str, Any]] = []
        async with engine.begin() as connection:
            for statement in statements:
                done = await connection.execute(text(statement), values)
                rows = [dict(row) for row in done.mappings()] if done.returns_rows else []
        await engine.dispose()
        return rows

    def number(self, statement: str) -> int:
        return int(next(iter(self.do(statement)[0].values())) or 0)

    def keep(self) -> None:
        """A copy of the trail, to put it back."""
        self.kept = {table: self.do(f"SELECT * FROM {table}") for table in TABLES}

    def put_back(self) -> None:
        for table, rows in self.kept.items():
            key = {"audit": "id", "audit_leaf": "position", "audit_checkpoint": "size"}[table]
            listed = ", ".join(str(row[key]) for row in rows)
            names = list(rows[0])
            columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
            self.do(f"DELETE FROM {table} WHERE {key} IN ({listed})")
            self.do(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values=rows)
        self.do("DELETE FROM audit WHERE id < 1000")

    def feed(self, count: int) -> None:
        acting = Acting.at(load_settings(self.config), "hospital", "physician")

        async def send(part: int) -> None:
            for each in range(part, count, 4):
                number = f"{time.time_ns() % 10**16}{each}"
                answer = await acting.feed(
                    f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{number}|T|2.3.1\r"
                    f"EVN|A01|20260101120000\rPID|||{number}^^^&2.999.1.1&ISO||WEBER^ANNA\rPV1||O\r".encode()
                )
                assert b"MSA|AA" in answer

        async def all_of_it() -> None:
            await asyncio.gather(*(send(part) for part in range(4)))

        asyncio.run(all_of_it())

    def sealed(self) -> int:
        """Once nothing waits for its seal."""
        deadline = time.monotonic() + WAIT
        while self.number("SELECT count(*) FROM audit") > self.number("SELECT count(*) FROM audit_leaf"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return self.number("SELECT max(size) FROM audit_checkpoint")

    def alert(self, words: str) -> float:
        """Seconds until an alert with these words stands in the trail."""
        began = time.monotonic()
        question = f"SELECT count(*) AS n FROM audit WHERE message LIKE '%audit trail: {words}%'"
        while not self.number(question):
            assert time.monotonic() < began + WAIT, f"no alert about {words}"
            time.sleep(0.1)
        return time.monotonic() - began

    def report(self) -> Report:
        return verify_export(asyncio.run(export_lines(load_settings(self.config))))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def victim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    home = tmp_path_factory.mktemp("tampering") / "home"
    changes = {"audit.verify_last": "400", "audit.verify_rate": "100"}
    if request.param == "postgresql":
        changes["database.url"] = f'"{request.getfixturevalue("postgres").fresh()}"'
    config = prepare(home, changes, watched=False)
    with serving(config):
        found = Victim(config, load_settings(config).database.url)
        found.feed(EXCHANGES)
        yield found


@pytest.fixture
def whole(victim: Victim) -> Iterator[Victim]:
    """Intact before, and put back afterwards."""
    victim.sealed()
    assert victim.report().ok
    victim.keep()
    yield victim
    victim.put_back()


def row(victim: Victim, position: int) -> int:
    return victim.number(f"SELECT audit_id FROM audit_leaf WHERE position = {position}")


def first(report: Report) -> tuple[str, int | None, int | None]:
    assert report.first is not None
    return report.first.fault.value, report.first.audit_id, report.first.position


def test_aud_04_a_row_changed(whole: Victim) -> None:
    key = row(whole, 40)
    whole.do(f"UPDATE audit SET message = '<AuditMessage/>' WHERE id = {key}")
    whole.alert(f"changed row {key} at position 40")
    report = whole.report()
    assert first(report) == ("changed", key, 40)
    assert report.bad_checkpoint is not None
    assert report.bad_checkpoint > 40


def test_aud_04_a_row_changed_with_its_leaf(whole: Victim) -> None:
    key = row(whole, 41)
    other = "decode('00', 'hex')" if whole.url.startswith("postgresql") else "x'00'"
    whole.do(
        f"UPDATE audit SET outcome = 12 WHERE id = {key}",
        f"UPDATE audit_leaf SET leaf = {other} WHERE audit_id = {key}",
    )
    whole.alert(f"changed row {key} at position 41")
    assert first(whole.report()) == ("changed", key, 41)


def test_aud_05_a_row_deleted(whole: Victim) -> None:
    key = row(whole, 42)
    whole.do(f"DELETE FROM audit WHERE id = {key}")
    whole.alert(f"missing row {key} at position 42")
    assert first(whole.report()) == ("missing", key, 42)


def test_aud_05_the_last_hundred_deleted(whole: Victim) -> None:
    size = whole.sealed()
    whole.do(
        f"DELETE FROM audit WHERE id IN (SELECT audit_id FROM audit_leaf WHERE position >= {size - 100})",
        f"DELETE FROM audit_leaf WHERE position >= {size - 100}",
        f"DELETE FROM audit_checkpoint WHERE size > {size - 100}",
    )
    whole.alert("missing at position")
    assert whole.report().first is not None
    whole.sealed()
    fault, _, position = first(whole.report())
    assert fault == "missing"
    assert position is not None
    assert position <= size - 100


def test_aud_05_two_rows_swapped(whole: Victim) -> None:
    one, two = row(whole, 50), row(whole, 60)
    whole.do(
        f"UPDATE audit SET id = 1 WHERE id = {one}",
        f"UPDATE audit SET id = {one} WHERE id = {two}",
        f"UPDATE audit SET id = {two} WHERE id = 1",
    )
    whole.alert(f"swapped row {one} at position 50")
    report = whole.report()
    assert first(report) == ("swapped", one, 50)
    assert {each.audit_id for each in report.findings} == {one, two}


def test_aud_05_a_row_inserted_in_the_past(whole: Victim) -> None:
    (made,) = whole.do(f"SELECT * FROM audit WHERE id = {row(whole, 30)}")
    made |= {"id": 7, "at": made["at"] - 86_400_000}
    columns, marks = ", ".join(f'"{name}"' for name in made), ", ".join(f":{name}" for name in made)
    whole.do(f"INSERT INTO audit ({columns}) VALUES ({marks})", values=[made])
    whole.alert("inserted")
    fault, key, _ = first(whole.report())
    assert (fault, key) == ("inserted", 7)


def test_what_was_found_is_told_once(whole: Victim) -> None:
    told = "SELECT count(*) AS n FROM audit WHERE message LIKE '%audit trail: missing row % at position 42:%'"
    assert whole.number(told) == 1
