"""POL-13 over sockets: an answer does not tell an unknown patient from a closed record or a refusal.

What the times of the answers tell is measured by `passerelle bench run --only denied`: on a machine that does
other work beside it a test of time would fail builds, and pass them, by chance.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli.started import prepare, serving

BENCH = Path(__file__).resolve().parents[2] / "conformance" / "bench"
if str(BENCH) not in sys.path:
    sys.path.insert(0, str(BENCH))

import denied  # noqa: E402 - a program whose modules import each other by their bare names

SAMPLES = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Any, Any]]:
    """A served installation, the three cases, and somebody who asks."""
    folder = tmp_path_factory.mktemp("denied")
    config = prepare(folder / "system")
    with serving(config):
        asked = denied.prepare(config, folder)
        with httpx.Client(verify=denied.Caller.context(config), timeout=30) as http:
            yield config, asked, denied.Caller(config, http)


@pytest.mark.parametrize("transaction", denied.TRANSACTIONS)
def test_pol_13_unknown_closed_and_denied_get_the_same_answer(world: Any, transaction: str) -> None:
    _, asked, caller = world
    found = denied.sample(caller, transaction, asked, SAMPLES)
    answers = [each for case in denied.CASES for each in found[case]]
    assert len(answers) == SAMPLES * len(denied.CASES)
    (kind,) = {denied.kind(each) for each in answers}
    status, _, body = kind
    assert status == (404 if transaction == "ITI-68" else 200)
    assert "CONSENT" not in body
    assert "DSP" not in body


def test_pol_13_the_reason_stands_in_the_audit_alone(world: Any) -> None:
    config, asked, caller = world
    denied.sample(caller, "ITI-18", asked, 1)
    query = "SELECT decision FROM audit WHERE \"transaction\" = 'ITI-18' ORDER BY id DESC LIMIT 3"
    with contextlib.closing(sqlite3.connect(config.parent / "data/passerelle.db")) as connection:
        rows = [row[0] for row in connection.execute(query)][::-1]
    assert ['"CONSENT"' in row for row in rows] == [False, False, True]
    assert ['"DSP_UNAVAILABLE"' in row for row in rows] == [True, True, False]
    assert ['"rights":' in row for row in rows] == [False, True, True], "the unknown patient has no record"


def test_the_comparison_of_times_knows_a_difference_from_chance() -> None:
    draw = random.Random(1)  # noqa: S311 - no secret
    one, other, later = ([draw.gauss(shift, 1.0) for _ in range(200)] for shift in (10.0, 10.0, 10.5))
    assert denied.mann_whitney(one, other) > denied.SIGNIFICANT
    assert denied.mann_whitney(one, later) < denied.SIGNIFICANT
    # U = 4 of 25: the normal approximation with continuity correction gives z = 8 / 4.787, p = 0.0947
    assert denied.mann_whitney([1, 2, 3, 4, 9], [5, 6, 7, 8, 10]) == pytest.approx(0.0947, abs=0.0005)
    assert denied.mann_whitney([1.0] * 5, [1.0] * 5) == 1.0
