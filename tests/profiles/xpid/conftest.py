"""A registry with two patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from gateway.record.people import PatientId
from gateway.stores.tables import METADATA

OTHER = PatientId("PAT-2", "2.999.1.1")


@pytest.fixture
def record(tmp_path: Path, opened: Callable[..., Any]) -> Iterator[Any]:
    url = f"sqlite:///{tmp_path}/passerelle.db"
    made = create_engine(url)
    METADATA.create_all(made)
    made.dispose()
    held = opened(url, tmp_path / "content")
    for identity in (PatientId("PAT-1", "2.999.1.1"), OTHER):
        held.feed(identity)
    yield held
    held.close()
