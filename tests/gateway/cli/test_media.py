"""`passerelle media` as a person types it, against one started server."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.started import prepare, serving
from gateway.config import shipped

ROOT = Path(__file__).parents[3]
PATIENT = "DEMO-1001"
Result = subprocess.CompletedProcess[str]


def passerelle(*arguments: str | Path) -> Result:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A served configuration with one patient and one letter."""
    path = prepare(tmp_path_factory.mktemp("media") / "system", watched=False)
    with serving(path):
        assert passerelle("feed", shipped("demo/1-admit-a01.hl7"), "--config", path).returncode == 0
        letter = shipped("demo/discharge-letter.xml")
        assert passerelle("send", letter, "--patient", PATIENT, "--config", path).returncode == 0
        yield path


@pytest.fixture
def medium(config: Path, tmp_path: Path) -> Path:
    out = tmp_path / "medium.zip"
    made = passerelle(
        "media", "export", "--patient", PATIENT, "--institution", "Clinic X", "--out", out, "--config", config
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert f"written to {out}" in made.stdout
    return out


def test_export_writes_a_medium(medium: Path) -> None:
    with zipfile.ZipFile(medium) as archive:
        assert (
            archive.read("IHE_XDM/SUBSET01/DOC00001.XML") == shipped("demo/discharge-letter.xml").read_bytes()
        )
        assert b"Clinic X" in archive.read("INDEX.HTM")


def test_import_tells_what_became_of_every_set(config: Path, medium: Path) -> None:
    done = passerelle("media", "import", medium, "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert "already registered, nothing was changed" in done.stdout


def test_a_refusal_is_one_line(config: Path, medium: Path, tmp_path: Path) -> None:
    for arguments in (
        ("media", "import", medium, "--as", "pharmacy", "--role", "pharmacist"),
        ("media", "export", "--patient", "NOBODY", "--out", tmp_path / "none.zip"),
    ):
        done = passerelle(*arguments, "--config", config)
        assert done.returncode == 2, done.stdout
        (line,) = done.stderr.splitlines()
        assert line.startswith("passerelle: error: ")
    assert not (tmp_path / "none.zip").exists()


def test_check_needs_no_server(medium: Path, tmp_path: Path) -> None:
    seen = passerelle("media", "check", medium)
    assert (seen.returncode, seen.stderr) == (0, "")
    assert "DOC00001.XML" in seen.stdout
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(medium) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + (b" " if "/DOC" in name else b""))
    seen = passerelle("media", "check", broken)
    assert seen.returncode == 1
    assert "error: IHE_XDM/SUBSET01: " in seen.stdout
    (tmp_path / "none.zip").write_bytes(b"nothing")
    seen = passerelle("media", "check", tmp_path / "none.zip")
    assert (seen.returncode, seen.stderr) == (2, "passerelle: ZIP: not a ZIP archive\n")
