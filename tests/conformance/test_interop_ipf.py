"""Open eHealth IPF as client, with its own validators on, against a started server.

The first build on a machine fetches IPF from Maven Central (about 100 MB, some 30 s); later ones are offline
and take 6 s. The run takes some 25 s.
"""

import asyncio
import uuid
from pathlib import Path

import pytest
from others import OTHER_DOMAIN, built_by_maven, by_certificate, failures, run

from gateway.cli.partner import Acting
from gateway.cli.started import started

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "conformance/interop/ipf"
DOCUMENTS = (18, 41, 42, 43, 51, 57, 61, 62, 86, 92)
PATIENTS = (8, 9, 21, 22, 30, 31, 44, 45, 47, 55, 56)
STEPS = [*(f"ITI-{number}" for number in (*DOCUMENTS, *PATIENTS)), "XDR"]
CHECKS = 110
FEED = (
    "MSH|^~\\&|INTEROP|IPF|REGISTRY|DOMAIN|20260102030405||ADT^A01|{control}|P|2.3.1\r"
    "EVN|A01|20260102030405\rPID|1||{patient}||TESTPERSON^INTEROP||19700101|U\rPV1|1|O\r"
)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_by_maven(PROJECT, tmp_path_factory.mktemp("ipf"))


def announced(acting: Acting) -> str:
    patient = acting.full_id(f"I{uuid.uuid4().int % 10**12}")
    message = FEED.format(control=uuid.uuid4().hex[:20], patient=patient)
    acknowledgement = asyncio.run(acting.feed(message.encode()))
    assert b"\rMSA|AA|" in acknowledgement
    return patient


def test_ipf_finds_every_answer_valid(program: Path, tmp_path: Path) -> None:
    home = tmp_path / "system"
    with started(home):
        acting = Acting.of(home / "passerelle.toml", "tester", "physician")
        domain = acting.settings.domain
        command = [
            *("java", "-jar", str(program)),
            *("--base", acting.settings.server.public_url),
            *("--mllp", acting.endpoints.mllp),
            *by_certificate(home),
            *("--patient", announced(acting)),
            *("--domain", f"{domain.affinity_namespace}&{domain.affinity_oid}"),
            *("--other", OTHER_DOMAIN),
            *("--repository", domain.repository_unique_id),
            *("--home", domain.home_community_id),
            *("--source", domain.source_oid),
            *("--transactions", ",".join(STEPS)),
        ]
        checks = run(command)
    failed = failures(checks)
    assert not failed, "\n".join(failed)
    assert len(checks) == CHECKS
