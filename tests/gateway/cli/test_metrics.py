"""Metrics of all processes of a server at one place."""

import http.client
import os
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.metrics import FOLDER, shared_metrics
from gateway.cli.settings import load_settings
from gateway.cli.started import started
from gateway.config import Settings

ASKED = 20


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A server of two workers."""
    home = tmp_path_factory.mktemp("metrics") / "home"
    with started(home, workers=2):
        yield load_settings(home / "passerelle.toml")


def figures(settings: Settings) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", settings.server.admin_port, timeout=10)
    connection.request("GET", "/metrics")
    found = connection.getresponse().read().decode()
    connection.close()
    return found


def test_exchanges_of_all_workers_are_counted_together(settings: Settings) -> None:
    pki = settings.tls.certificate.parent
    context = ssl.create_default_context(cafile=pki / "trust.pem")
    context.load_cert_chain(pki / "clients/hospital.pem", pki / "clients/hospital.key")
    for _ in range(ASKED):
        connection = http.client.HTTPSConnection(
            "localhost", settings.server.port, context=context, timeout=10
        )
        connection.request("POST", "/xds/registry", b"<none/>", {"content-type": "application/soap+xml"})
        assert connection.getresponse().status == 400
        connection.close()
    found = figures(settings)
    counted = re.search(
        r'passerelle_exchange_seconds_count\{outcome="refused",transaction="unknown"\} (\d+)', found
    )
    assert counted is not None
    assert int(counted[1]) == ASKED
    assert "pid=" not in found


def test_what_one_process_measures_stands_there_once(settings: Settings) -> None:
    assert re.findall(r"^passerelle_audit_filled_percent ", figures(settings), re.MULTILINE) == [
        "passerelle_audit_filled_percent "
    ]


def test_the_folder_goes_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    with shared_metrics():
        folder = Path(os.environ[FOLDER])
        assert folder.is_dir()
    assert not folder.exists()
    assert FOLDER not in os.environ


def test_a_folder_that_somebody_set_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with shared_metrics():
        assert os.environ[FOLDER] == str(tmp_path)
    assert tmp_path.is_dir()
