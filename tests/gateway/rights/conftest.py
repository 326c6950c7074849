"""The book of rights on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def record(
    request: pytest.FixtureRequest, tmp_path: Path, opened: Callable[[str, Path], Any]
) -> Iterator[Any]:
    """The stores over a fresh database with the newest schema."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").fresh()
    else:
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "record.db")
        url = f"sqlite:///{tmp_path / 'record.db'}"
    found = opened(url, tmp_path / "content")
    yield found
    found.close()
