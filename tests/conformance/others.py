"""Programs with others' libraries in them: built once, run against a server, a line of JSON per check."""

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.partner import Acting

MAVEN = ("mvn", "java", "javac")
UNREACHABLE = re.compile(r".{,120}(Could not (transfer|find)|offline mode|could not be resolved).{,200}")
# A domain of identifiers that an integration installation has beside its own, by OID and in FHIR.
OTHER_DOMAIN = "TEST-EMR&2.999.2.1.7"
OTHER_SYSTEM = "https://hospital.example/patients"


def built_by_maven(project: Path, target: Path) -> Path:
    """The program, built outside of the source tree; skips where Maven, a JDK or libraries cannot be had."""
    needed(*MAVEN)
    if _built(project, target, "--offline") and (reason := _built(project, target)):
        pytest.skip(f"the libraries cannot be had from Maven Central: {reason}")
    return next(target.glob("*-client.jar"))


def _built(project: Path, target: Path, *options: str) -> str | None:
    """None when it was built, or why what it needs is not there; a source that does not compile fails."""
    command = ["mvn", "-q", "-B", *options, f"-Dclient.directory={target}", "package"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    missing = UNREACHABLE.search(done.stdout)
    assert done.returncode == 0 or missing, done.stdout + done.stderr
    return missing.group() if done.returncode and missing else None


def needed(*tools: str) -> None:
    """Skips the test where a tool is missing."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not on this machine: {', '.join(missing)}")


def for_fhir(home: Path) -> list[str]:
    """The arguments of a FHIR client: node `tester`, a physician's bearer assertion, two domains to feed."""
    acting = Acting.of(home / "passerelle.toml", "tester", "physician")
    token = home / "token"
    token.write_bytes(base64.urlsafe_b64encode(acting.assertion(bearer=True)).rstrip(b"="))
    return [
        *("--base", acting.endpoints.fhir),
        *by_certificate(home),
        *("--token", str(token)),
        *("--system", f"urn:oid:{acting.settings.domain.affinity_oid}"),
        *("--other", OTHER_SYSTEM),
    ]


def by_certificate(home: Path) -> list[str]:
    """The arguments of mutual TLS, as node `tester`."""
    return [
        *("--certificate", str(home / "pki/clients/tester.pem")),
        *("--key", str(home / "pki/clients/tester.key")),
        *("--trust", str(home / "pki/trust.pem")),
    ]


def run(command: Sequence[str]) -> list[dict[str, Any]]:
    """The checks that a program reports; its exit code says whether one failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    checks = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == int(any(not check["ok"] for check in checks)), done.stdout + done.stderr
    return checks


def failures(checks: Sequence[dict[str, Any]]) -> list[str]:
    """What failed, and why."""
    return [f"{check['check']}: {check['detail']}" for check in checks if not check["ok"]]
