"""`passerelle emergency` as people type it, against one started server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.partner import Acting
from gateway.cli.started import prepare, serving
from gateway.client import xds

ROOT = Path(__file__).parents[3]
WHY = "found unconscious"
Result = subprocess.CompletedProcess[str]


def passerelle(*arguments: str | Path) -> Result:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", "emergency", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A served installation in which emergency access was used twice."""
    path = prepare(tmp_path_factory.mktemp("emergency") / "system", watched=False)
    hospital = Acting.of(path, "hospital", "physician")
    with serving(path):
        for name in ("EM-1", "EM-2"):
            told = (
                f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{name}|P|2.3.1\r"
                f"EVN|A01|20260101120000\rPID|1||{hospital.full_id(name)}||TEST^ANNA||19700101|F\rPV1|1|O\r"
            )
            assert b"MSA|AA" in asyncio.run(hospital.feed(told.encode()))
            asyncio.run(claim(hospital, name))
        yield path


async def claim(acting: Acting, patient: str) -> None:
    async with acting.identity.http() as http:
        assertion = acting.assertion(emergency=WHY)
        await xds.find(acting._client(http), acting.endpoints, acting.full_id(patient), assertion)


def listed(config: Path, *more: str) -> list[str]:
    found = passerelle("list", *more, "--config", config)
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def test_the_queue_is_worked_by_command(config: Path) -> None:
    lines = listed(config)
    assert lines[-1] == "2 emergency accesses"
    assert "EM-1" not in "".join(lines)
    assert all(len(each) <= 80 for each in lines)
    number = lines[0].split()[0]
    assert "dr.weber" in lines[0]
    shown = passerelle("show", number, "--config", config).stdout
    assert "|EM-1" in shown
    assert f"reason: {WHY}" in shown
    assert "request: ITI-18" in shown
    said = passerelle("decide", number, "abuse", "--reason", "no patient of hers", "--config", config)
    assert said.stdout.strip() == f"emergency access {number}: abuse", said.stderr
    again = passerelle("decide", number, "accepted", "--reason", "-", "--config", config)
    assert again.returncode == 2
    assert "judged already" in again.stderr
    assert listed(config)[-1] == "1 emergency accesses"
    assert "abuse" in listed(config, "--judged")[0]
    assert "abuse: no patient of hers" in passerelle("show", number, "--config", config).stdout
    counted = json.loads(passerelle("statistics", "--json", "--config", config).stdout)
    assert [(each["organisation"], each["role"], each["total"], each["abuse"]) for each in counted] == [
        ("2.999.2.1", "PHYSICIAN", 2, 1)
    ]
    table = passerelle("statistics", "--config", config).stdout
    assert table.splitlines()[-1] == "2 emergency accesses"
    assert not {"dr.weber", "EM-1", WHY} & set(table.split())
    assert all(len(each) <= 80 for each in table.splitlines())


def test_who_may_not_is_refused(config: Path) -> None:
    found = passerelle("list", "--partner", "pharmacy", "--config", config)
    assert found.returncode == 2
    assert "this system may not make this request" in found.stderr
