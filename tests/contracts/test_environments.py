"""SEED-73, SEED-74: PROD, PREPROD and INTEGRATION share no operator, token, partner system or database."""

from __future__ import annotations

import asyncio
import base64
import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from gateway.cli.init import Partner, create, enrol
from gateway.cli.partner import Acting
from gateway.cli.settings import checked_settings
from gateway.cli.started import free_ports
from gateway.client.token import issue_assertion
from gateway.config import Settings
from gateway.crypto import pki
from gateway.crypto.keys import Signer
from gateway.errors import SettingsInvalid
from gateway.identity.nodes import RECHECK_SECONDS
from gateway.record.people import Code
from gateway.stores.marker import ready

SECONDS = 60


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole PROD installation; gives its configuration file."""
    home = tmp_path_factory.mktemp("prod") / "home"
    create(home, "prod")
    at = datetime.now(UTC)
    authority = pki.create_authority("Prod Authority", "prod", at)
    pki.write_pem(home / "pki/trust.pem", authority.certificate)
    pki.write_pem(home / "pki/crl.pem", pki.empty_crl(authority, at))
    for name in ("server", "signing"):
        request = x509.load_pem_x509_csr((home / f"pki/{name}.csr").read_bytes())
        key: Any = request.public_key()
        server = name == "server"
        issued = (
            pki.issue_server(authority, key, at)
            if server
            else pki.issue_signer(authority, "Signing", key, at)
        )
        pki.write_pem(home / f"pki/{name}.pem", issued)
    ports = free_ports(3)
    config = home / "passerelle.toml"
    text = config.read_text()
    for name, port in zip(("port", "admin_port", "mllp_port"), ports, strict=True):
        text = re.sub(rf"^# {name} = .*$", f"{name} = {port}", text, count=1, flags=re.MULTILINE)
    config.write_text(text)
    return config


def passerelle(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *words],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def with_database(settings: Settings, of: str) -> None:
    path = Path(settings.database.url.removeprefix("sqlite:///"))
    path.unlink(missing_ok=True)
    ready(settings.database.url, of)


def test_seed_74_prod_does_not_start_on_a_database_of_preprod(prod: Path) -> None:
    settings = checked_settings(prod)
    with_database(settings, "preprod")
    started = passerelle("serve", "--config", str(prod))
    assert started.returncode == 2
    assert started.stderr.splitlines()[-1] == "passerelle: the database is of preprod, but this is prod"
    assert started.stdout == "", "nothing was announced"


def test_seed_74_no_command_administers_a_database_of_another_environment(operating: Any) -> None:
    path = operating.settings.database.url
    operating.execute("UPDATE meta SET value = 'prod' WHERE name = 'environment'")
    try:
        found = passerelle("node", "block", "tester", "--config", str(operating.config))
        assert found.returncode == 2
        assert "the database is of prod, but this is integration" in found.stderr
    finally:
        operating.execute("UPDATE meta SET value = 'integration' WHERE name = 'environment'")
    ready(path, "integration")


def test_prod_without_a_directory_is_administered_by_nobody(prod: Path) -> None:
    with_database(checked_settings(prod), "prod")
    found = passerelle("node", "block", "hospital", "--config", str(prod))
    assert found.returncode == 2
    assert "administering needs [operators] to be configured in prod" in found.stderr


def test_seed_73_an_operator_of_prod_cannot_log_in_to_integration(operating: Any) -> None:
    """Carol's password is right, and her groups are of PROD and PREPROD."""
    operating.execute("DELETE FROM operator_failure")
    before = len(operating.trail())
    status, told = operating.ask("POST", "/operators/login", operating.credentials("carol"))
    assert (status, told) == (401, {"error": "login, password or code not accepted"})
    (line,) = operating.trail(before, least=1)
    assert 'login="carol"' in line
    assert 'reason="no group with a role in this environment"' in line


@pytest.fixture(scope="module")
def preprod() -> Signer:
    """An issuer of assertions of PREPROD."""
    at = datetime.now(UTC)
    key = pki.create_key()
    authority = pki.create_authority("Preprod Authority", "preprod", at)
    return Signer.of(key, pki.issue_signer(authority, "Preprod Issuer", key.public_key(), at))


@pytest.mark.parametrize("issuer", ["urn:passerelle:issuer:preprod", "urn:passerelle:issuer:integration"])
def test_seed_74_a_token_of_preprods_issuer_is_refused(operating: Any, preprod: Signer, issuer: str) -> None:
    """Under its own name, and under that of ours."""
    acting = Acting.at(operating.settings, "hospital", "physician")
    assert acting.identity.signer is not None
    rule = acting._role()
    token = issue_assertion(
        signer=preprod,
        issuer=issuer,
        subject="dr.weber",
        name="Dr Anne Weber",
        role=rule,
        organisation="2.999.2.1",
        organisation_name="Test Hospital",
        purpose=Code("TREAT", "2.16.840.1.113883.5.8", "treatment"),
        audience=operating.settings.assertions.audience[0],
        patient=None,
        confirmation=acting.identity.signer.certificate,
        now=datetime.now(UTC),
    )
    before = len(operating.audit())
    assert asked(operating, "hospital", token) == 401
    (row,) = operating.audit(before, least=1)
    assert 'csd-code="110114"' in row, "told as a login that failed"


def asked(operating: Any, name: str, token: bytes) -> int:
    async def status() -> int:
        bearer = base64.urlsafe_b64encode(token).rstrip(b"=").decode()
        async with httpx.AsyncClient(verify=operating.context(name), trust_env=False) as client:
            url = f"https://localhost:{operating.settings.server.port}/fhir/DocumentReference"
            query = {"patient.identifier": "urn:oid:2.999.1.1|1", "status": "current"}
            return (
                await client.get(url, params=query, headers={"authorization": f"Bearer {bearer}"})
            ).status_code

    return asyncio.run(status())


def test_seed_74_a_token_for_the_audience_of_another_environment_is_refused(operating: Any) -> None:
    ours = operating.settings.assertions
    told = replace(operating.settings, assertions=replace(ours, audience=("https://prod.example",)))
    for settings, status in ((told, 401), (operating.settings, 200)):
        token = Acting.at(settings, "hospital", "physician").assertion()
        assert asked(operating, "hospital", token) == status


def test_seed_74_a_partner_system_of_prod_is_refused(operating: Any) -> None:
    """It cannot be enrolled; and a node file made by hand does not let it in."""
    pem = operating.home / "pki/clients/bastion-of-prod.pem"
    partner = Partner(
        name="foreign", organisation="2.999.2.8", organisation_name="Foreign", transactions=("ITI-67",)
    )
    with pytest.raises(SettingsInvalid, match="the certificate is of prod, this is integration"):
        enrol(operating.settings, partner, certificate=pem)
    nodes = operating.settings.nodes.directory
    (nodes / "foreign.pem").write_bytes(pem.read_bytes())
    text = (nodes / "tester.toml").read_text().replace("tester", "foreign")
    (nodes / "foreign.toml").write_text(text)
    try:
        time.sleep(RECHECK_SECONDS)  # then whoever is asked reads the folder first
        before = len(operating.audit())
        assert asked(operating, "bastion-of-prod", b"<x/>") == 403
        (row,) = operating.audit(before, least=1)
        assert 'csd-code="110126"' in row, "told as a system that failed to authenticate"
        assert asked(operating, "hospital", b"<x/>") == 401, "the others are served"
    finally:
        (nodes / "foreign.toml").unlink()
        (nodes / "foreign.pem").unlink()
