"""Training a model, trying it on a feed, and measuring, as a person types the commands."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from conformance.population.generate import MATRICULE_ROOT, population
from gateway.cli.feeds import Reading, compared, written
from gateway.cli.started import prepare
from gateway.config import shipped
from gateway.errors import SettingsInvalid
from gateway.matching import load_model
from gateway.matching.model import model_of
from gateway.record.demographics import dump

ROOT = Path(__file__).parents[3]
READING = Reading(load_model(shipped("matching/model.toml")), frozenset({MATRICULE_ROOT}))


def passerelle(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def feed(path: Path, persons: int, *, labels: bool = True) -> Path:
    lines = []
    for each in population(persons, 9):
        line: dict[str, object] = {"person": each.person} if labels else {}
        line |= {"identity": [each.identity.extension, each.identity.root]}
        line |= {"demographics": orjson.loads(dump(each.told))}
        lines.append(orjson.dumps(line))
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = prepare(tmp_path_factory.mktemp("matching") / "system")
    domain = f'\n[identity.domains.MATRICULE]\noid = "{MATRICULE_ROOT}"\nkind = "national"\n'
    path.write_text(path.read_text(encoding="utf-8") + domain, encoding="utf-8")
    return path


def test_trains_a_model_and_tries_it(config: Path, tmp_path: Path) -> None:
    records, out = feed(tmp_path / "feed.jsonl", 400), tmp_path / "model.toml"
    options = ("--config", config)
    trained = passerelle(
        "matching", "train", "--labelled", records, "--out", out, "--pairs", "5000", *options
    )
    assert trained.returncode == 0, trained.stderr
    assert "known by labels" in trained.stdout
    assert load_model(out).version in trained.stdout
    again = passerelle("matching", "train", "--labelled", records, "--out", out, *options)
    assert again.returncode == 2
    assert "there already" in again.stderr
    tried = passerelle("matching", "try", "--model", out, "--feed", records, *options)
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout.splitlines()[2].startswith("changed: ")


def test_measures_from_the_command_line() -> None:
    done = passerelle("matching", "quality", "--persons", "300", "--registrations", "100", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert "| 300 persons, seed 3 |" in done.stdout


def test_reads_labels_where_there_are_some(tmp_path: Path) -> None:
    records, labels = READING.read(feed(tmp_path / "a.jsonl", 20))
    assert labels[0] == "1"
    assert any(each.matricule for each in records)
    assert READING.read(feed(tmp_path / "b.jsonl", 20, labels=False)) == (records, [None] * len(records))


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"identity": ["1"], "demographics": {}}', b'{"identity": ["1", "2"]}']
)
def test_names_the_line_that_is_no_record(tmp_path: Path, line: bytes) -> None:
    path = feed(tmp_path / "feed.jsonl", 1)
    path.write_bytes(path.read_bytes().splitlines()[0] + b"\n" + line + b"\n")
    with pytest.raises(SettingsInvalid) as caught:
        READING.read(path)
    assert caught.value.location == f"{path}:2"


def test_says_what_would_change_and_nothing_of_a_patient(tmp_path: Path) -> None:
    records, _ = READING.read(feed(tmp_path / "feed.jsonl", 600))
    limits = replace(READING.model.thresholds, automatic=30.0, strong=30.0, rare=40.0)
    strict = model_of(replace(READING.model.source, thresholds=limits))
    head, unchanged, changed, *rest = compared(records, READING.model, strict, 3)
    assert head.endswith(f"{READING.model.version} against {strict.version}")
    assert "link" in unchanged
    assert int(changed.removeprefix("changed: ")) > 0
    assert "  link -> review: " in rest[0]
    shown = [orjson.loads(line) for line in rest if line.startswith("{")]
    assert len(shown) == 3
    told = repr(shown)
    assert not [each for each in records if each.matricule and each.matricule in told]
    assert not [each for each in records if each.family and f"'{each.family[0]}'" in told]


def test_finds_no_change_in_the_same_model(tmp_path: Path) -> None:
    records, _ = READING.read(feed(tmp_path / "feed.jsonl", 100))
    assert list(compared(records, READING.model, READING.model, 3))[2:] == ["changed: 0"]


def test_overwrites_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    written(path, READING.model)
    assert load_model(path) == READING.model
    with pytest.raises(SettingsInvalid):
        written(path, READING.model)
