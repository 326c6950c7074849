"""A gateway with an empty record for each test, asked over FHIR."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fhirbench import Bench, Template, standing, template


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return template(tmp_path_factory.mktemp("gateway") / "conf")


@pytest.fixture
def bench(furnished: Template, tmp_path: Path) -> Iterator[Bench]:
    yield from standing(furnished, tmp_path)
