"""A record on a SQLite database of one test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from gateway.stores.tables import METADATA


@pytest.fixture
def record(tmp_path: Path, opened: Callable[[str, Path], Any]) -> Iterator[Any]:
    url = f"sqlite:///{tmp_path}/record.db"
    made = create_engine(url)
    METADATA.create_all(made)
    made.dispose()
    found = opened(url, tmp_path / "content")
    found.feed()
    yield found
    found.close()
