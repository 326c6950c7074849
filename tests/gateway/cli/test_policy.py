"""`passerelle policy` as people type it, beside a server with two workers (POL-12)."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.cli.partner import Acting
from gateway.cli.started import prepare, serving
from gateway.errors import GatewayError

ROOT = Path(__file__).parents[3]
PATIENT = "POLICY-1"
PROMISED = 1.0
"""Seconds after which every worker decides by what was activated; each looks when it is asked."""


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    returncode: int
    text: str


def passerelle(*arguments: str | Path) -> Result:
    """A command, in this process: what `main` adds is the line about a refusal."""
    done = CliRunner(env={"COLUMNS": "160"}).invoke(app, [str(each) for each in arguments])
    error = done.exception
    if isinstance(error, GatewayError):
        return Result(2, f"{done.output}{error.location}: {error.detail}")
    return Result(done.exit_code, done.output)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A served installation with one letter in one record."""
    path = prepare(tmp_path_factory.mktemp("policy") / "system", watched=False)
    with serving(path, workers=2):
        message = path.parent / "feed.hl7"
        message.write_bytes(
            f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|policy-1|P|2.3.1\r"
            f"EVN|A01|20260101120000\rPID|1||{PATIENT}^^^&2.999.1.1&ISO||SCHMIT^ANNA||19700101|F\r"
            "PV1|1|O\r".encode()
        )
        assert passerelle("feed", message, "--config", path).returncode == 0
        letter = path.parent / "letter.txt"
        letter.write_text("a letter")
        done = passerelle("send", letter, "--patient", PATIENT, "--config", path)
        assert done.returncode == 0, done.text
        yield path


def seen(config: Path, role: str = "nurse") -> int:
    """How many documents a role sees now."""
    return len(asyncio.run(Acting.of(config, "hospital", role).query(PATIENT)))


def changed(config: Path, name: str, old: str, new: str) -> Path:
    """A folder with the shipped policy and one change."""
    folder = config.parent / name
    shutil.copytree(ROOT / "config/policy", folder)
    text = (folder / "matrix.toml").read_text()
    assert old in text
    (folder / "matrix.toml").write_text(text.replace(old, new, 1))
    return folder


def said(config: Path, *arguments: str | Path, code: int = 0) -> str:
    done = passerelle("policy", *arguments, "--config", config)
    assert done.returncode == code, done.text
    return done.text


def rows(config: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(config.parent / "data/passerelle.db")) as connection:
        return connection.execute(query).fetchall()


def number_of(text: str) -> str:
    found = re.search(r"version (\d+)", text)
    assert found is not None
    return found[1]


SUMMARIES = '"document:query" = ["@summaries", "@medication", "@laboratory"]'


def test_pol_12_a_policy_is_changed_by_two_followed_at_once_and_taken_back(config: Path) -> None:
    assert seen(config) == 1
    folder = changed(config, "narrow", SUMMARIES, '"document:query" = ["@medication", "@laboratory"]')
    told = said(config, "diff", "current", folder, code=1)
    assert "nurse may no longer find documents of class 18842-5, 34133-9, 60591-5" in told
    assert "midwife may no longer" in told, "she inherits it"
    told = said(config, "simulate", folder)
    assert re.search(r"nurse +find documents +-1 of 1 patients", told)
    assert "1 documents counted" in told
    proposed = number_of(said(config, "propose", folder, "--reason", "less for nurses", "--as", "eve"))
    assert seen(config) == 1
    refused = said(config, "activate", proposed, "--as", "eve", code=2)
    assert "may not activate it" in refused
    said(config, "activate", proposed, "--as", "adam")
    time.sleep(PROMISED)
    assert [seen(config) for _ in range(6)] == [0] * 6, "on every worker"
    back = number_of(said(config, "rollback", "1", "--reason", "nurses need them", "--as", "adam"))
    said(config, "activate", back, "--as", "eve")
    time.sleep(PROMISED)
    assert [seen(config) for _ in range(6)] == [1] * 6
    listed = said(config, "history")
    assert listed.count("activation") == 2
    assert "eve proposed" in listed
    assert "again 1" in listed
    told = said(config, "replay")
    assert "0 differs, 0 cannot be replayed" in told
    audited = rows(config, "SELECT message, outcome FROM audit WHERE message LIKE '%\"110129\"%' ORDER BY id")
    assert [outcome for _, outcome in audited] == [0, 8, 0, 0, 0]
    assert 'UserID="eve"' in str(audited[0][0])
    assert 'UserID="adam"' in str(audited[2][0])


def test_pol_12_what_is_no_policy_is_not_proposed(config: Path) -> None:
    for name, old, new, reason in (
        ("shred", '"document:update"', '"document:shred"', "unknown action 'document:shred'"),
        ("nobody", 'inherits = "nurse"', 'inherits = "nobody"', "role 'nobody' does not exist"),
        ("circle", 'code = "NURSE"', 'code = "NURSE"\ninherits = "midwife"', "inherits from itself"),
    ):
        folder = changed(config, name, old, new)
        for command in (("check", folder), ("propose", folder, "--reason", "-", "--as", "eve")):
            told = said(config, *command, code=2)
            assert re.search(r"matrix\.toml:\d+: ", told)
            assert reason in told
    assert re.search(r"usable for integration, \d+ roles\n$", said(config, "check"))


def test_pol_12_a_version_with_a_wrong_signature_is_not_loaded_and_the_old_one_stays(config: Path) -> None:
    before = rows(config, "SELECT count(*) FROM audit WHERE message LIKE '%policy refused%'")[0][0]
    with contextlib.closing(sqlite3.connect(config.parent / "data/passerelle.db")) as connection, connection:
        connection.execute(
            "INSERT INTO policy_version SELECT max(number) + 1, 'activation', version, at, files, manifest,"
            " signature FROM policy_version"
        )
    time.sleep(PROMISED)
    assert [seen(config) for _ in range(6)] == [1] * 6
    told = rows(config, "SELECT message, outcome FROM audit WHERE message LIKE '%policy refused%'")
    assert 1 <= len(told) - int(str(before)) <= 3, "each process that saw it tells it once"
    assert told[-1][1] == 8
    assert '"110129"' in str(told[-1][0])
    assert b"policy refused" in (config.parent / "server.log").read_bytes()
    assert "BAD  version" in said(config, "history", code=1)
    assert passerelle("audit", "verify", "--config", config).returncode == 0


def test_the_matrix_is_shown_for_people(config: Path) -> None:
    told = said(config, "show", "--role", "pharmacist")
    assert "read documents" in told
    assert "57833-6" in told
    assert "physician" not in told
    assert "role nobody does not exist" in said(config, "show", "--role", "nobody", code=2)


def test_a_decision_is_explained_as_it_would_be_and_as_it_was(config: Path) -> None:
    assert seen(config) == 1
    (letter,) = rows(config, "SELECT unique_id FROM entry")[0]
    asked = ("--who", "nurse.klein", "--role", "nurse", "--patient", PATIENT, "--organisation", "2.999.2.1")
    told = said(config, "explain", *asked, "--action", "document:query", "--document", str(letter))
    assert "find documents: permitted, PERMIT by P9" in told
    assert re.search(r"P6 .*nurse may find documents: .*18842-5.*", told)
    assert re.search(r"matrix\.toml:\d+", told)
    assert re.search(r"settings\.toml:\d+", told)
    assert re.search(rf"{letter} +visible +P9: the own organisation wrote it", told)
    stranger = said(config, "explain", "--who", "nobody", *asked[2:], "--document", str(letter))
    assert re.search(r"P1 .*the directory says: .*unknown", stranger), stranger
    assert re.search(rf"{letter} +invisible +P1 refused", stranger)
    told = said(config, "explain", *asked, "--action", "document:remove")
    assert "remove documents: refused, PROFILE by P6" in told
    assert "not reached" in told
    past = said(config, "explain", *asked, "--at", "2001-01-01", code=2)
    assert "no policy was in force at that time" in past
    (trace,) = rows(config, "SELECT trace_id FROM audit WHERE \"transaction\" = 'ITI-18' ORDER BY id DESC")[0]
    told = said(config, "explain", "--trace", str(trace))
    assert "find documents: permitted, PERMIT by P9" in told
    audited = rows(config, "SELECT message FROM audit WHERE message LIKE '%explained to an operator%'")
    assert len(audited) == 4
    assert f"{PATIENT}^^^" in str(audited[0][0])
