"""Clients that others wrote, against a started server: zeep reads our contracts and calls by them."""

import json
import os
import subprocess
import sys
from pathlib import Path

from gateway.cli.endpoints import endpoints_of
from gateway.cli.settings import load_settings
from gateway.cli.started import started

ROOT = Path(__file__).parents[2]


def test_zeep_sends_iti_18_and_iti_41_by_our_contracts(tmp_path: Path) -> None:
    home = tmp_path / "system"
    with started(home):
        settings = load_settings(home / "passerelle.toml")
        endpoints = home / "endpoints.json"
        endpoints.write_text(json.dumps(endpoints_of(settings)))
        command = [
            sys.executable,
            str(ROOT / "conformance/interop/zeep_client.py"),
            *("--endpoints", str(endpoints)),
            *("--certificate", str(home / "pki/clients/tester.pem")),
            *("--key", str(home / "pki/clients/tester.key")),
            *("--trust", str(home / "pki/trust.pem")),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().splitlines()[-1].endswith("0 failed")
