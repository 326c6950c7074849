"""What the benchmark writes in bulk is what the server writes event by event."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filling import Rows, fill_postgresql, fill_sqlite
from happened import YEARS_IN_WEEKS, Happened
from sqlalchemy import text

from gateway.stores.events import OWN
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message

HAPPENED = Happened(entries=4 * YEARS_IN_WEEKS, first=2_800, root="2.999.3.1")
TABLES = (
    "SELECT slot, at, id, trail, place, item, type, subtype, action, outcome, flags FROM event",
    "SELECT slot, term, at, id FROM event_term",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres").fresh())
    return _copied(request, tmp_path / "filled.db")


def test_the_filled_index_is_what_the_server_would_have_noted(
    request: pytest.FixtureRequest, url: str, tmp_path: Path, opened: Callable[[str, Path], Any]
) -> None:
    noted = opened(_copied(request, tmp_path / "noted.db"), tmp_path / "noted")
    store, work, told = noted.access.trail.events, UnitOfWork(), []
    for number in HAPPENED.numbers:
        row = HAPPENED.row(number)
        event = read_message(row["message"].encode())
        store.note(work, event, key=row["id"], trail=OWN, place=row["id"])
    noted.run(noted.database.apply([work]))

    rows = Rows(HAPPENED, store)
    if url.startswith("sqlite"):
        fill_sqlite(url.removeprefix("sqlite:///"), rows, told.append)
    else:
        asyncio.run(fill_postgresql(url, rows, told.append))

    record = opened(url, tmp_path / "filled")
    for query in TABLES:
        assert _rows(record, query) == _rows(noted, query)
    assert sum(told) == len(_rows(record, TABLES[0])) == len(HAPPENED.numbers)
    record.close()
    noted.close()


def _copied(request: pytest.FixtureRequest, path: Path) -> str:
    shutil.copy(request.getfixturevalue("migrated"), path)
    return f"sqlite:///{path}"


def _rows(record: Any, query: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(each) for each in record.run(record.database.fetch(text(query))))
