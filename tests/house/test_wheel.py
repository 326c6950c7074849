"""What an installation gets: two top-level packages, with schemas, configuration and programs inside."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_has_two_packages(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"gateway", "profiles"}


@pytest.mark.parametrize(
    "name",
    [
        "gateway/_schemas/ihe/xdsb.xsd",
        "gateway/_schemas/fhir/r4-elements.txt",
        "gateway/_config/affinity/documents.toml",
        "gateway/_config/matching/model.toml",
        "gateway/_config/policy/matrix.toml",
        "gateway/_config/passerelle.toml",
        "gateway/_config/demo/discharge-letter.xml",
        "gateway/_conformance/runner/__main__.py",
        "gateway/_conformance/cases.jsonl",
        "gateway/stores/migrations/versions/0001_the_record_its_audit_and_its_keys.py",
        "gateway/stores/migrations/env.py",
    ],
)
def test_what_the_command_needs_is_inside(names: set[str], name: str) -> None:
    assert name in names
