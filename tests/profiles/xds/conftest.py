"""The registry on a SQLite database of one test, and the affinity domain."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from gateway.record.domain import Domain
from gateway.stores.tables import METADATA


@pytest.fixture
def domain() -> Domain:
    return Domain(
        environment="integration",
        affinity_root="2.999.1.1",
        affinity_namespace="PASSERELLE",
        home_community="2.999.1.2",
        repository="2.999.1.3",
        base_url="https://localhost:8443",
    )


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
