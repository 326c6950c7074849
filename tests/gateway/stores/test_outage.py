"""An outage of the database is busy; a mistake of ours is not."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from gateway.errors import Busy
from gateway.stores.outage import outages


def full(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path / "full.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("PRAGMA max_page_count = 3")
        for _ in range(100):
            connection.execute("INSERT INTO t VALUES (?)", (bytes(4000),))


def unwritable(path: Path) -> None:
    sqlite3.connect(path / "none" / "x.db")


def locked(path: Path) -> None:
    first, second = (sqlite3.connect(path / "l.db", timeout=0, isolation_level=None) for _ in range(2))
    first.execute("BEGIN EXCLUSIVE")
    try:
        second.execute("BEGIN EXCLUSIVE")
    finally:
        first.close()
        second.close()


def mistaken(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path / "m.db")) as connection:
        connection.execute("SELECT nothing FROM nowhere")


@pytest.mark.parametrize("cause", [full, unwritable, locked])
def test_sqlite_that_is_full_away_or_taken_is_busy(tmp_path: Path, cause: Callable[[Path], None]) -> None:
    with pytest.raises(Busy, match="did not take the request"), outages():
        cause(tmp_path)


def test_a_mistake_of_ours_stays_one(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError), outages():
        mistaken(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CannotConnectNowError("starting"),
        asyncpg.CrashShutdownError("crash"),
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.InternalClientError("out of step"),
        asyncpg.InterfaceError("closed"),
        asyncpg.DiskFullError("full"),
        asyncpg.TooManyConnectionsError("many"),
        ConnectionRefusedError("none"),
        TimeoutError("late"),
    ],
)
def test_postgresql_that_is_away_is_busy(error: Exception) -> None:
    with pytest.raises(Busy), outages():
        raise error


def test_a_mistake_in_a_query_of_postgresql_stays_one() -> None:
    with pytest.raises(asyncpg.UndefinedTableError), outages():
        raise asyncpg.UndefinedTableError("nowhere")
