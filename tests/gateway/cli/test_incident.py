"""`passerelle incident` and `passerelle alerts` as people type them, and what the trail has of it."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.incidents import opened
from gateway.cli.main import app
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare
from gateway.errors import GatewayError
from gateway.stores.alerts import Alert
from gateway.stores.marker import ready
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message

PATIENT = "P-1^^^&2.999.1.1&ISO"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that nobody serves, with three alerts."""
    path = prepare(tmp_path_factory.mktemp("incident") / "home")
    settings = load_settings(path)
    ready(settings.database.url, "integration")

    async def put() -> None:
        async with opened(settings) as (gateway, desk):
            work = UnitOfWork()
            for number, severity in ((1, "high"), (2, "low"), (3, "low")):
                desk.alerts.add(work, alert(number, severity))
            await gateway.engine.committer.commit(work)

    asyncio.run(put())
    return path


def alert(number: int, severity: str) -> Alert:
    return Alert(
        number=number,
        rule="mass-query",
        kind="person",
        subject=f"dr.{number}",
        severity=severity,
        explanation="60 different patients",
        events=("a-1", "b-2"),
        first_at=1_770_000_000_000,
        last_at=1_770_000_060_000,
    )


def said(config: Path, *words: object, code: int = 0) -> str:
    """What a command prints; a refusal is told in a line."""
    given = [str(each) for each in (*words, "--config", config)]
    done = CliRunner(env={"COLUMNS": "160"}).invoke(app, given)
    error = done.exception
    if isinstance(error, GatewayError):
        assert code == 2, error.detail
        return error.detail
    assert done.exit_code == code, done.output
    return done.output


def incident(config: Path, word: str, *words: object, by: str = "alice", code: int = 0) -> str:
    return said(config, "incident", word, *words, "--as", by, code=code)


def rows(config: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    path = load_settings(config).database.url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(query, values).fetchall()


def trail(config: Path) -> list[tuple[str, int]]:
    """Description and outcome of what the trail was told of incidents, oldest first."""
    found = rows(config, "SELECT message FROM audit WHERE message LIKE '%incident%' ORDER BY id")
    records = [read_message(each[0].encode()) for each in found]
    return [(each.description or "", each.outcome) for each in records]


def test_alerts_are_listed_shown_and_dismissed_with_a_reason(config: Path) -> None:
    assert "mass-query" in said(config, "alerts", "list", code=1)
    told = said(config, "alerts", "show", 3)
    assert "60 different patients" in told
    assert "event b-2" in told
    said(config, "alerts", "dismiss", 3, "--reason", "a study, approved")
    assert "settled already" in said(config, "alerts", "dismiss", 3, "--reason", "again", code=2)
    assert "dismissed" in said(config, "alerts", "show", 3)
    assert "there is no alert 99" in said(config, "alerts", "show", 99, code=2)
    (message,) = rows(
        config, "SELECT message FROM audit WHERE message LIKE '%alert 3, mass-query, dismissed%'"
    )
    assert "a study, approved" in message[0]


@pytest.fixture(scope="module")
def high(config: Path) -> int:
    """An incident of high severity that shut a node and a person out."""
    told = incident(config, "open", "--title", "records copied", "--severity", "low", "--alert", 1)
    assert told == "incident 1, high, is open\n", "no less severe than its alert"
    incident(config, "contain", 1, "--node", "laboratory", "--reason", "stolen key")
    incident(config, "contain", 1, "--person", "dr.1", "--reason", "asked for all")
    return 1


def test_lifting_takes_two(config: Path, high: int) -> None:
    assert "lift it by passerelle incident" in said(
        config, "revoke", "lift", "node", "laboratory", "--reason", "alone", code=2
    )
    lift = ("lift", high, "--node", "laboratory", "--reason", "new key")
    assert "until another person" in incident(config, *lift)
    assert "may not confirm it" in incident(config, *lift, code=2)
    assert "laboratory" in said(config, "revoke", "list")
    assert "let in again" in incident(config, *lift, by="bob")
    assert "laboratory" not in said(config, "revoke", "list")
    assert "is not revoked by incident" in incident(config, *lift, by="bob", code=2)
    told = trail(config)
    assert any("node laboratory revoked: stolen key (incident 1)" in text for text, _ in told)
    assert any("revocation of node laboratory lifted: new key (incident 1)" in text for text, _ in told)
    assert (
        "incident 1, lift-proposed refused: who proposed this may not confirm it; another person must",
        8,
    ) in told


def test_closing_takes_two_and_every_state_before(config: Path, high: int) -> None:
    assert "next it may be examined" in incident(config, "close", high, "--reason", "done", code=2)
    incident(config, "note", high, "--text", "the export was found on a laptop")
    incident(config, "state", high, "examined", "--reason", "logs read")
    incident(config, "state", high, "contained", "--reason", "laptop wiped")
    assert "another person must close it" in incident(config, "close", high, "--reason", "done")
    assert "may not confirm it" in incident(config, "close", high, "--reason", "done", code=2)
    assert "is closed" in incident(config, "state", high, "closed", "--reason", "agreed", by="bob")


def test_a_closed_incident_is_not_edited_and_the_attempt_shows(config: Path, high: int) -> None:
    before = said(config, "incident", "show", high)
    for words in (
        ("note", high, "--text", "it was nothing"),
        ("state", high, "examined", "--reason", "again"),
        ("contain", high, "--node", "hospital", "--reason", "late"),
        ("lift", high, "--person", "dr.1", "--reason", "late"),
        ("close", high, "--reason", "once more"),
    ):
        assert "incident 1 is closed; open another one after it" in incident(config, *words, by="eve", code=2)
    assert said(config, "incident", "show", high) == before
    refused = [text for text, outcome in trail(config) if outcome == 8 and "is closed" in text]
    assert [text.split(" refused")[0] for text in refused] == [
        "incident 1, note",
        "incident 1, state",
        "incident 1, contain",
        "incident 1, lift",
        "incident 1, closed",
    ]


def test_one_that_continues_it_lifts_what_it_left_and_still_takes_two(config: Path, high: int) -> None:
    incident(config, "open", "--title", "cleared", "--severity", "low", "--after", high)
    lift = ("lift", 2, "--person", "dr.1", "--reason", "cleared by the court")
    assert "until another person" in incident(config, *lift)
    assert "let in again" in incident(config, *lift, by="bob")
    assert "continued (incident 2)" in said(config, "incident", "show", high)
    assert "only a closed one is continued" in incident(config, "open", "--title", "x", "--after", 2, code=2)


def test_low_severity_is_closed_by_one(config: Path) -> None:
    told = incident(config, "open", "--title", "a question", "--severity", "low", "--alert", 2)
    number = told.split()[1].rstrip(",")
    incident(config, "contain", number, "--issuer", "https://idp.example", "--reason", "test")
    assert "let in again" in incident(
        config, "lift", number, "--issuer", "https://idp.example", "--reason", "t"
    )
    incident(config, "state", number, "examined", "--reason", "nothing")
    assert "is closed" in incident(config, "close", number, "--reason", "nothing")
    assert f"{number} low    closed" in said(config, "incident", "list", "--all")
    assert "a question" not in said(config, "incident", "list")


def test_what_cannot_be_meant_is_refused(config: Path) -> None:
    assert "name one of --person" in incident(config, "contain", 2, "--reason", "x", code=2)
    assert "no severity" in incident(config, "open", "--title", "x", "--severity", "dire", code=2)
    assert "there is no incident 99" in incident(config, "note", 99, "--text", "x", code=2)
    assert "settled already" in incident(config, "open", "--title", "x", "--alert", 1, code=2)
    assert "say why" in incident(config, "note", 2, "--text", " ", code=2)


def test_a_step_that_was_changed_below_shows(config: Path) -> None:
    told = incident(config, "open", "--title", "to be changed")
    number = told.split()[1].rstrip(",")
    incident(config, "note", number, "--text", "one")
    incident(config, "note", number, "--text", "two")
    rows(config, "UPDATE incident_step SET actor = 'mallory' WHERE incident = ? AND number = 2", number)
    assert "BAD  step 2" in said(config, "incident", "show", number, code=1)
    rows(config, "DELETE FROM incident_step WHERE incident = ? AND number = 3", number)
    assert "BAD  step 3" in said(config, "incident", "show", number, code=1)


def test_a_list_of_those_concerned_is_written_once_and_told(config: Path, tmp_path: Path) -> None:
    output = tmp_path / "patients.csv"
    words = ("breach", 1, "--person", "dr.1", "--since", "2026-01-01", "--output", output)
    assert "0 patients written" in incident(config, *words)
    with output.open(newline="") as file:
        assert next(csv.reader(file))[:2] == ["patient", "record"]
    assert output.stat().st_mode & 0o077 == 0
    assert "there already" in incident(config, *words, code=2), "nothing is written over"
    assert ("list of 0 patients reached by person dr.1, for incident 1", 0) in trail(config)
    assert "breach-list (kind person, name dr.1" in said(config, "incident", "show", 1), "even after its end"
