"""STO-02 and what the audit promises: servers are killed under load, and nothing is lost or there by halves.

A few kill points of each kind; `passerelle bench crash` goes through thousands.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

CRASH = Path(__file__).resolve().parents[2] / "conformance" / "crash"
if str(CRASH) not in sys.path:
    sys.path.insert(0, str(CRASH))

from cluster import programs  # noqa: E402 - a program whose modules import each other by their bare names
from instants import KINDS, Changes, choose  # noqa: E402
from invariants import Invariants  # noqa: E402

POINTS = 40


def test_nothing_is_lost_when_servers_are_killed(tmp_path: Path) -> None:
    databases = ["sqlite", *(["postgresql"] if programs() else [])]
    report = tmp_path / "report.json"
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path  # noqa: S108 - made safely inside
    options = ["--points", str(POINTS), "--seed", "7", "--folder", str(folder), "--json", str(report)]
    command = [sys.executable, str(CRASH), *options, "--database", ",".join(databases)]
    home = {**os.environ, "PYTHONPATH": str(CRASH.parents[1])}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240, env=home)
    told = json.loads(report.read_bytes())
    assert told["faults"] == [], ended.stdout + ended.stderr
    assert ended.returncode == 0, ended.stderr
    assert told["finished"]
    assert told["kill_points"] >= POINTS
    for each in told["installations"]:
        assert each["counts"]["submit answered"] > 0
        assert each["counts"]["submit broken"] > 0, "no kill came while something was under way"
        assert each["forwarded"] >= each["sealed"] - 2
        assert each["counts"]["documents read at the end"] > 0


def test_every_kind_of_instant_is_chosen() -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    assert {choose(chance) for _ in range(400)} == set(KINDS)
    assert sum(KINDS.values()) == pytest.approx(1.0)


def test_a_change_is_seen_when_it_happens(tmp_path: Path) -> None:
    changes = Changes(tmp_path, lambda name: name == "log")
    (tmp_path / "other").write_text("x")
    assert not changes.wait(1, 0.05)
    (tmp_path / "log").write_text("x")
    assert changes.wait(2, 1.0)
    changes.close()


def test_what_is_lost_is_found(migrated: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    answer = {"what": "submit", "request": "00", "reply": "11", "set": "2.25.1", "documents": ["2.25.2"]}
    notes.write_text(json.dumps(answer) + "\n")
    looking = Invariants(f"sqlite:///{migrated}", tmp_path, notes)
    looking.look()
    assert looking.faults == [
        "a submit was answered and has no audit row (00)",
        "submission 2.25.1 was acknowledged and is not there",
    ]
