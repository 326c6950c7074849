"""`passerelle demo` as a person runs it: a process of its own, over real sockets."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[3]
SECONDS = 60
STEPS = (
    "The server is ready",
    "Test Hospital connects with mutual TLS",
    "Test Clinic is enrolled by certificate request",
    "Test Hospital registers the patient",
    "knows her under a number of its own",
    "asks which identifiers belong to her",
    "sends the discharge letter",
    "sends a confidential psychiatric letter",
    "sends the laboratory report",
    "sends the prescription",
    "finds the patient",
    "asks for the documents and sees the prescription",
    "retrieves the prescription",
    "finds it through FHIR as well",
    "reads it through FHIR",
    "(patient) sees everything in her own record",
    "Dr Anne Weber (Test Hospital) sees everything",
    "sees all but the confidential letter",
    "hides her prescription from Marc Muller",
    "no longer sees it, until she takes it back",
    "asks for the psychiatric letter by its id: refused",
    "a patient nobody registered: refused",
    "changes a signed message on its way: refused",
    "A stranger without certificate connects: refused",
    "Another system of the hospital tells that somebody opened a document in it",
    "reads who looked, in Luxembourgish",
    "takes her journal away as a signed file",
    "The auditor verifies the whole trail",
    "The auditor verifies a copy in which one row was changed",
    "The auditor has the dossier of a refused access written",
)
EVIDENCE = (
    "TLSv1.",
    "acknowledged with AA",
    "ITI-41 with MTOM",
    "the reply's signature is the server's",
    "octets, equal to those the hospital sent",
    "HTTP message signature is valid",
    "XDSDocumentUniqueIdError",
    "PROFILE, rule P6",
    "XDSUnknownPatientId",
    "wsse:FailedCheck",
    "rows, all intact",
    "found: changed row",
)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes a test starts; none outlives it."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()
    for left in running(tmp_path):
        left.kill()


def demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command, with a temporary directory of its own."""
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gateway.cli", "demo", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def running(folder: Path) -> list[psutil.Process]:
    """Processes that were started with something in the folder."""
    found = psutil.process_iter(["cmdline"])
    return [each for each in found if any(str(folder) in word for word in each.info["cmdline"] or ())]


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """The output up to the line with a text."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"the output ended without {text!r}: {seen}")


def test_every_step_shows_what_it_should_and_nothing_is_left(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    started.append(process := demo(tmp_path))
    output, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output + errors
    assert not errors
    lines = [line for line in output.splitlines() if line.startswith("✓")]
    assert len(lines) == len(STEPS) + 1
    assert all(" ms  " in line for line in lines)
    missing = [step for step, line in zip(STEPS, lines[1:], strict=True) if step not in line]
    assert not missing
    assert not [word for word in EVIDENCE if word not in output]
    assert "✗" not in output
    assert not running(tmp_path)
    assert not list(tmp_path.iterdir())


def test_told_to_stop_it_takes_server_and_folder_away(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    started.append(process := demo(tmp_path))
    read_until(process, "The server is ready")
    assert running(tmp_path)
    process.terminate()
    output, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, output + errors
    assert not running(tmp_path)
    assert not list(tmp_path.iterdir())


def test_kept_it_serves_until_interrupted_and_leaves_the_folder(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    started.append(process := demo(tmp_path, "--keep"))
    output = read_until(process, "starts it again")
    config = next(line for line in output.splitlines() if line.startswith("Configuration")).split()[1]
    pharmacist = ("--patient", "DEMO-1001", "--as", "pharmacy", "--role", "pharmacist")
    asked = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "query", "--config", config, *pharmacist],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.splitlines()[-1] == "1 documents"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert not running(tmp_path)
    assert Path(config).is_file()
