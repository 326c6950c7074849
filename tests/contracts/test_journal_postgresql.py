"""On PostgreSQL, too, the journal of a patient is what the audit has of the record (JRN-1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from gateway.cli.started import prepare, serving
from tests.deciding import Place
from tests.journaling import Script, whole_journal

FIRST, SECOND, THIRD = "FIRST", "SECOND", "THIRD"


@pytest.fixture(scope="module")
def script(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Script]:
    url = request.getfixturevalue("postgres").fresh()
    home = tmp_path_factory.mktemp("journal") / "home"
    config = prepare(home, {"database.url": f'"{url}"'}, watched=False)
    with serving(config):
        told = Script(Place(config))
        asyncio.run(told.everything(FIRST, SECOND, THIRD))
        yield told


@pytest.mark.parametrize("patient", [FIRST, SECOND])
def test_the_journal_is_the_audit(script: Script, patient: str) -> None:
    assert whole_journal(script, patient, *{FIRST: [THIRD]}.get(patient, [])) > 5
