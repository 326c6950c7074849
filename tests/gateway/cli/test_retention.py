"""`passerelle retention` as a security officer types it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.compose import compose
from gateway.cli.erasing import Eraser
from gateway.cli.main import app
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.errors import GatewayError
from gateway.trail.dicom import read_message
from tests.deciding import PHYSICIAN, Place

PATIENT, BEFORE = "RETAINED", "BEFORE"
MERGE = (
    "MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A40|retention-1|P|2.3.1\r"
    "EVN|A40|20260101120000\rPID|1||{stays}||RETAINED^ANNA||19700101|F\rMRG|{ends}\rPV1|1|O\r"
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with a person of two identifiers, whose server was stopped."""
    path = prepare(tmp_path_factory.mktemp("retention") / "home", {"retention.own_days": "30"}, watched=False)
    with serving(path):
        place = Place(path)
        asyncio.run(place.feed(PATIENT, BEFORE))
        acting, _ = place.acting(PHYSICIAN)
        merge = MERGE.format(stays=acting.full_id(PATIENT), ends=acting.full_id(BEFORE))
        assert b"MSA|AA" in asyncio.run(acting.feed(merge.encode()))
    return path


def retention(config: Path, *arguments: str, code: int = 0) -> str:
    """What is printed, or what was wrong."""
    done = CliRunner().invoke(app, ["retention", *arguments, "--config", str(config)])
    assert bool(done.exit_code) is bool(code), done.output
    if not code:
        return done.stdout
    return done.exception.detail if isinstance(done.exception, GatewayError) else done.output


def rows(config: Path, query: str) -> list[tuple[str]]:
    with closing(sqlite3.connect(config.parent / "data/passerelle.db")) as connection:
        return connection.execute(query).fetchall()


def test_a_patient_is_held_and_released_and_both_leave_a_trail(config: Path) -> None:
    told = retention(config, "hold", "patient", BEFORE, "--reason", "a complaint")
    number = told.rsplit(maxsplit=1)[-1]
    shown = retention(config, "show")
    assert f"hold {number}: patient {BEFORE}^^^&2.999.1.1&ISO, held" in shown
    assert "a complaint" in shown
    assert PATIENT in str(asyncio.run(held(config))), "also under the identifier of now"
    end = ("release", number, "--reason", "settled", "--as")
    assert "proposed; another person must release it" in retention(config, *end, "alice")
    assert "may not confirm it" in retention(config, *end, "ALICE ", code=2)
    shown = retention(config, "show")
    assert f"hold {number}: patient {BEFORE}" in shown
    assert f"by alice: settled; another person confirms it: passerelle retention release {number}" in shown
    assert f"hold {number} is released" in retention(config, *end, "bob")
    assert number not in retention(config, "show")
    assert f"hold {number}" in retention(config, "show", "--all")
    messages = rows(config, "SELECT message FROM audit WHERE message LIKE '%hold-changed%' ORDER BY id")
    told = [read_message(message.encode()) for (message,) in messages]
    assert [each.outcome for each in told] == [0, 0, 8, 0], "held, proposed, refused, released"
    assert [each.agents[0].user_id for each in told[1:]] == ["alice", "ALICE", "bob"]
    assert all(BEFORE in message for (message,) in messages)
    lines = [line for (line,) in rows(config, "SELECT line FROM operator_event ORDER BY key")]
    assert any("retention hold patient" in line for line in lines)
    assert not any(BEFORE in line for line in lines), "patients are not named in the operators' trail"


async def held(config: Path) -> frozenset[str]:
    gateway = compose(load_settings(config))
    try:
        eraser = Eraser(gateway)
        return (await eraser._widened(await eraser._store.holds())).patients
    finally:
        await gateway.close()


def test_what_is_over_is_shown_and_erased_on_demand(config: Path) -> None:
    shown = retention(config, "show")
    assert "own        0 rows are from before" in shown
    assert "received   is kept for ever" in shown
    assert "another person must run it" in retention(config, "run", "--as", "alice", "--reason", "moving")
    assert "by alice: moving; another person confirms it: passerelle retention run" in retention(
        config, "show"
    )
    assert "may not confirm it" in retention(config, "run", "--as", "alice", code=2)
    number = retention(config, "hold", "trace", "some", "--reason", "asked").rsplit(maxsplit=1)[-1]
    assert "another person must run it" in retention(config, "run", "--as", "bob"), "void: something was held"
    assert "done in 0 steps" in retention(config, "run", "--as", "alice")
    assert "confirms it" not in retention(config, "show")
    messages = rows(config, "SELECT message FROM audit WHERE message LIKE '%erasing-asked%' ORDER BY id")
    assert [read_message(message.encode()).outcome for (message,) in messages] == [0, 8, 0, 0]
    assert number in retention(config, "show")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("hold", "somebody", "x", "--reason", "y"), "cannot be held"),
        (("hold", "trace", "x", "--reason", " "), "needs a name and a reason"),
        (("hold", "trace", "x", "--reason", "y", "--since", "2026-01-01"), "first and the last"),
        (
            ("hold", "trace", "x", "--reason", "y", "--since", "2026-01-01", "--until", "2026-01-02"),
            "only an incident",
        ),
        (("hold", "incident", "an attack", "--reason", "y"), "no incident"),
        (("release", "1", "--reason", "y"), "no hold 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(config: Path, arguments: tuple[str, ...], reason: str) -> None:
    assert reason in retention(config, *arguments, code=2)
