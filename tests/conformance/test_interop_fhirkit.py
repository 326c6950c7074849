"""fhir-kit-client (JavaScript) as client of patient identity, against a started server.

The first installation on a machine fetches seven small packages from the registry of npm, pinned by hashes.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from others import failures, for_fhir, needed, run

from gateway.cli.started import started

PROJECT = Path(__file__).parents[2] / "conformance/interop/fhirkit"
FILES = ("package.json", "package-lock.json", "client.mjs")
OLDEST_NODE = 20
UNREACHABLE = re.compile(
    r"npm (?:error|ERR!) code (E(?:404|403|AI_AGAIN|\w*TIMEDOUT|CONN\w+|NOTFOUND|NOTCACHED))"
)
CHECKS = 24


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needed("node", "npm")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().lstrip("v").partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"Node {version.strip()} is older than {OLDEST_NODE}")
    folder = tmp_path_factory.mktemp("fhirkit")
    for name in FILES:
        shutil.copy(PROJECT / name, folder)
    command = ["npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    unreachable = UNREACHABLE.search(done.stderr)
    assert done.returncode == 0 or unreachable, done.stdout + done.stderr
    if done.returncode:
        pytest.skip(f"the packages cannot be had: {unreachable and unreachable.group(1)}")
    return folder / "client.mjs"


def test_fhir_kit_client_understands_every_answer(program: Path, tmp_path: Path) -> None:
    home = tmp_path / "system"
    with started(home):
        checks = run(["node", str(program), *for_fhir(home)])
    failed = failures(checks)
    assert not failed, "\n".join(failed)
    assert len(checks) == CHECKS


def test_the_packages_are_pinned_and_no_registry_is_named() -> None:
    text = (PROJECT / "package-lock.json").read_text(encoding="utf-8")
    assert text.count('"integrity": "sha512-') == text.count('"node_modules/')
    assert "resolved" not in text
    assert "://" not in text
