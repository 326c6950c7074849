"""SEED-74: a database belongs to one environment for good, on both kinds of database."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import SettingsInvalid
from gateway.stores.database import open_database
from gateway.stores.marker import check_environment, ready


def test_the_first_environment_stays(url: str) -> None:
    ready(url, "preprod")
    ready(url, "preprod")
    for other in ("prod", "integration"):
        with pytest.raises(SettingsInvalid, match=f"the database is of preprod, but this is {other}"):
            ready(url, other)
    ready(url, "preprod")


def test_another_environments_database_is_not_even_migrated(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT)")
        connection.execute("INSERT INTO meta VALUES ('environment', 'preprod')")
    with pytest.raises(SettingsInvalid, match="of preprod"):
        ready(f"sqlite:///{path}", "prod")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [
            ("meta",)
        ]


def test_a_new_file_is_made_and_marked(tmp_path: Path) -> None:
    ready(f"sqlite:///{tmp_path / 'new.db'}", "prod")
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        assert connection.execute("SELECT value FROM meta WHERE name = 'environment'").fetchall() == [
            ("prod",)
        ]


def test_a_command_does_not_migrate(tmp_path: Path) -> None:
    async def checked() -> None:
        database = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
        try:
            await check_environment(database, "prod")
        finally:
            await database.close()

    with pytest.raises(SettingsInvalid, match="not ready"):
        asyncio.run(checked())
