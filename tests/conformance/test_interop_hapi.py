"""HAPI FHIR as client of patient identity, parsing strictly and validating, against a started server.

The first build on a machine fetches HAPI from Maven Central (about 130 MB, some 20 s); later ones are offline
and take 6 s. The run takes some 15 s, most of it for the validator.
"""

from pathlib import Path

import pytest
from others import built_by_maven, failures, for_fhir, run

from gateway.cli.started import started

PROJECT = Path(__file__).parents[2] / "conformance/interop/hapi"
CHECKS = 49


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_by_maven(PROJECT, tmp_path_factory.mktemp("hapi"))


def test_hapi_finds_every_answer_valid(program: Path, tmp_path: Path) -> None:
    home = tmp_path / "system"
    with started(home):
        checks = run(["java", "-jar", str(program), *for_fhir(home)])
    failed = failures(checks)
    assert not failed, "\n".join(failed)
    assert len(checks) == CHECKS
