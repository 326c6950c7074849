"""What all tests have at hand: metadata, and the stores of a record on a database of one test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.stores.database import open_database
from tests.making import Maker
from tests.recording import Record

pytest_plugins = ("tests.postgresql", "tests.slapd", "tests.operating", "tests.tsa")
pytest.register_assert_rewrite(
    "tests.contracts", "tests.forging", "tests.gateway", "tests.messages", "tests.outcomes", "tests.profiles"
)


@pytest.fixture
def make() -> Maker:
    return Maker()


@pytest.fixture(scope="session")
def maker() -> Callable[[], Maker]:
    """For fixtures that outlive a test."""
    return Maker


@pytest.fixture(scope="session")
def opened() -> Callable[[str, Path], Record]:
    """opened(url, folder for blobs): the stores on a database that has the newest schema."""

    def opening(url: str, content: Path) -> Record:
        return Record(open_database(url), content, asyncio.new_event_loop())

    return opening
