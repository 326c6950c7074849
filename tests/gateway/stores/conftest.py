"""The stores on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.stores.database import Database


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database with the newest schema."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        return server.fresh()
    path = tmp_path / "record.db"
    shutil.copy(request.getfixturevalue("migrated"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def record(url: str, tmp_path: Path, opened: Callable[[str, Path], Any]) -> Iterator[Any]:
    """The stores on that database."""
    found = opened(url, tmp_path / "content")
    yield found
    found.close()


@pytest.fixture
def database(record: Any) -> Database:
    return record.database


@pytest.fixture
def known(record: Any) -> Any:
    """The stores with one known patient."""
    record.feed()
    return record
