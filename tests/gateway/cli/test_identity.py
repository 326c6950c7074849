"""`passerelle identity` as people type it, against one started server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.started import prepare, serving

ROOT = Path(__file__).parents[3]
CITY, VALLEY = "2.999.3", "2.999.4"
DOMAINS = {
    "identity.domains.CITY.oid": f'"{CITY}"',
    "identity.domains.VALLEY.oid": f'"{VALLEY}"',
}
PATIENT_DATA = ("Schmit", "SCHMIT", "Gare", "19801224", "1980-12-24", "621123456")
Result = subprocess.CompletedProcess[str]


def passerelle(*arguments: str | Path, columns: str = "80") -> Result:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": columns},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def admit(number: str, domain: str, names: str) -> bytes:
    """A feed that tells of somebody who may be somebody else."""
    return (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{domain}-{number}|P|2.3.1\r"
        f"EVN|A01|20260101120000\rPID|1||{number}^^^&{domain}&ISO||Schmit^{names}||19801224|F|||"
        "12, rue de la Gare^^Esch^^L-4040||+352621123456\rPV1|1|O\r"
    ).encode()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A served installation with one question in its queue."""
    folder = tmp_path_factory.mktemp("identity")
    path = prepare(folder / "system", DOMAINS, watched=False)
    with serving(path):
        for number, domain, names in (("1", CITY, "Anna^Marie"), ("2", VALLEY, "Anne")):
            message = folder / f"{domain}.hl7"
            message.write_bytes(admit(number, domain, names))
            fed = passerelle("feed", message, "--config", path)
            assert fed.returncode == 0, fed.stdout + fed.stderr
        yield path


def run(config: Path, *arguments: str) -> str:
    """What a command that succeeds writes; no line is wider than the terminal."""
    done = passerelle("identity", *arguments, "--config", config)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    return done.stdout


def refused(config: Path, *arguments: str) -> str:
    done = passerelle("identity", *arguments, "--config", config)
    assert done.returncode == 2, done.stdout
    (line,) = done.stderr.splitlines()
    return line


def test_two_people_decide_and_a_third_undoes(config: Path) -> None:
    queue = run(config, "reviews")
    assert "possible-match" in queue
    assert "1 reviews" in queue
    assert not [each for each in PATIENT_DATA if each in queue]
    number = re.findall(r"^ ([0-9a-f]{12,16}) ", queue, re.MULTILINE)[0]

    shown = run(config, "review", number)
    for each in (
        "CITY",
        "VALLEY",
        "Schmit Anna",
        "Schmit Anne",
        "1980-12-24",
        "rule twin",
        "family equal (+",
    ):
        assert each in shown

    proposed = run(config, "decide", number, "same", "--reason", "the mother says so")
    assert "same is proposed; another person must confirm it" in proposed
    assert "somebody else must" in refused(config, "decide", number, "same", "--reason", "x")
    assert "proposed same" in run(config, "reviews", "--state", "proposed")
    decided = run(config, "decide", number, "same", "--reason", "passport seen", "--as", "id.wagner")
    operation = re.findall(r"decided: same; operation ([0-9a-f]+)", decided)[0]
    assert "0 reviews" in run(config, "reviews")
    assert "1 reviews" in run(config, "reviews", "--state", "decided")
    assert "decided already" in refused(config, "decide", number, "same", "--reason", "x", "--as", "id.faber")

    history = run(config, "history", f"2^^^&{VALLEY}&ISO")
    for each in (operation, "review", "id.wagner", "VALLEY 2", "said-same"):
        assert each in history

    undone = run(config, "undo", operation, "--reason", "confused", "--as", "id.faber")
    assert re.fullmatch(
        rf"operation {operation} is undone, by operation [0-9a-f]+\n1 identities moved\n", undone
    )
    assert "undone already" in refused(config, "undo", operation, "--reason", "x")
    assert "confused" in run(config, "history", f"urn:oid:{VALLEY}|2")
    assert "0 operations" in run(config, "history", "NOBODY")

    log = (config.parent / "server.log").read_text(encoding="utf-8")
    assert not [each for each in PATIENT_DATA if each in log]


def test_who_has_not_the_right_partner_is_refused(config: Path) -> None:
    assert "may not make this request" in refused(config, "reviews", "--partner", "pharmacy")


def test_the_index_is_renewed_in_place(config: Path) -> None:
    assert run(config, "reindex") == "2 identities looked at, 0 renewed\n"
    assert run(config, "reindex", "--all") == "2 identities looked at, 2 renewed\n"
