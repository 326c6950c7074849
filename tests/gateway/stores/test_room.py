"""The room of the audit trail, and when it is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.errors import NoRoom
from gateway.stores.database import open_database
from gateway.stores.room import Room, filled
from tests.postgresql import Server


def test_work_is_refused_from_the_limit_on_and_taken_again_a_percent_below() -> None:
    room = Room(98.0)
    assert not room.take(97.9)
    room.check()
    assert room.take(98.0)
    with pytest.raises(NoRoom, match="try again"):
        room.check()
    room.turn_away()
    assert not room.take(97.5)
    assert room.refusing
    assert room.take(96.9)
    room.check()
    assert room.turned_away == 1


def test_what_cannot_be_measured_changes_nothing() -> None:
    room = Room(98.0)
    assert not room.take(None)
    room.take(99.0)
    assert not room.take(None)
    assert room.refusing


def test_sqlite_is_measured_with_its_log(migrated: Path, tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    path.write_bytes(migrated.read_bytes())
    size = path.stat().st_size
    (tmp_path / "record.db-wal").write_bytes(bytes(size))

    async def measure(space: int) -> float | None:
        return await filled(None, f"sqlite:///{path}", space)  # type: ignore[arg-type]  # it is not asked

    assert asyncio.run(measure(size * 2)) == pytest.approx(100.0)
    assert 0.0 < (asyncio.run(measure(0)) or 0.0) <= 100.0


def test_postgresql_is_measured_against_what_it_may_fill(postgres: Server) -> None:
    url = postgres.fresh()

    async def measure(space: int) -> float | None:
        database = open_database(url)
        try:
            return await filled(database, url, space)
        finally:
            await database.close()

    assert asyncio.run(measure(0)) is None
    large, small = asyncio.run(measure(10 << 30)), asyncio.run(measure(1 << 20))
    assert large is not None
    assert small is not None
    assert 0.0 < large < 100.0 < small
