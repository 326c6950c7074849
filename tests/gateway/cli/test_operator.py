"""`passerelle operator` as a person types it, and who acts in commands that administer."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
import pytest
from click.testing import Result
from typer.testing import CliRunner

from gateway.cli.init import create
from gateway.cli.main import app
from gateway.cli.operator import (
    SESSION_VARIABLE,
    acting_operator,
    administering,
    machine_user,
    read_session,
    session_file,
    write_session,
)
from gateway.cli.settings import load_settings
from gateway.config import Settings
from gateway.errors import OperatorRefused, SettingsInvalid
from gateway.identity.operators import Source
from gateway.stores.migrate import upgrade

SESSION_TEXT = "integration.secret"


def passerelle(config: Path, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(config)], input=given)


# --- without a directory -----------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An integration installation without operators."""
    create(tmp_path / "home", "integration")
    found = load_settings(tmp_path / "home/passerelle.toml")
    upgrade(found.database.url)
    return found


def trail_of(settings: Settings) -> list[str]:
    return passerelle(settings.folder / "passerelle.toml", "operator", "trail").stdout.splitlines()


def test_in_integration_the_user_of_the_machine_counts_and_is_told(settings: Settings) -> None:
    operator = acting_operator(settings, None, "policy-approver", act="policy activate 7")
    assert (operator.login, operator.source) == (machine_user(), Source.MACHINE)
    assert operator.id == f"os:{machine_user()}"
    first = trail_of(settings)[0]
    assert f'login="{machine_user()}" directory="os"' in first
    assert 'act="policy activate 7" role="policy-approver"' in first


@pytest.mark.parametrize("environment", ["preprod", "prod"])
def test_elsewhere_nobody_administers_without_a_directory(settings: Settings, environment: Any) -> None:
    with pytest.raises(OperatorRefused, match=rf"needs \[operators\] to be configured in {environment}"):
        acting_operator(replace(settings, environment=environment), None, "node-manager")


def test_what_fails_is_told_too(settings: Settings) -> None:
    blocked = passerelle(settings.folder / "passerelle.toml", "node", "block", "nobody")
    assert isinstance(blocked.exception, SettingsInvalid)
    lines = trail_of(settings)
    assert [re.search(r' outcome="(\w+)"', line)[1] for line in lines[:2]] == ["success", "failure"]  # type: ignore[index]
    assert 'act="node block nobody"' in lines[1]


def test_without_a_database_nothing_is_administered(tmp_path: Path) -> None:
    create(tmp_path / "home", "integration")
    config = tmp_path / "home/passerelle.toml"
    blocked = passerelle(config, "node", "block", "hospital")
    assert isinstance(blocked.exception, SettingsInvalid)
    assert "blocked = true" not in (tmp_path / "home/nodes/hospital.toml").read_text()


def test_logging_in_needs_a_directory(settings: Settings) -> None:
    for words in (("login", "alice"), ("enrol", "alice"), ("logout",)):
        found = passerelle(settings.folder / "passerelle.toml", "operator", *words, given="x\ny\n")
        assert isinstance(found.exception, SettingsInvalid)


# --- session files -----------------------------------------------------------------------------------


def test_a_session_file_is_its_owners(settings: Settings, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv(SESSION_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = session_file(settings)
    assert path.is_relative_to(tmp_path)
    assert path != session_file(replace(settings, environment="prod"))
    write_session(path, "integration", SESSION_TEXT, datetime.now(UTC))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_session(path, "integration") == SESSION_TEXT
    with pytest.raises(OperatorRefused, match="of integration, but this is prod"):
        read_session(path, "prod")
    path.chmod(0o640)
    with pytest.raises(SettingsInvalid, match="open to group or others"):
        read_session(path, "integration")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"token": "x"}', "nothing"])
def test_what_is_no_session_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "session"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(SettingsInvalid, match="no session file"):
        read_session(path, "integration")
    with pytest.raises(OperatorRefused, match="log in first"):
        read_session(tmp_path / "none", "integration")


# --- with a directory --------------------------------------------------------------------------------


@pytest.fixture
def mine(operating: Any, tmp_path: Path, monkeypatch: Any) -> Any:
    """The installation with operators, and a session file of this test."""
    monkeypatch.setenv(SESSION_VARIABLE, str(tmp_path / "session"))
    operating.execute("DELETE FROM operator_failure")
    return operating


def log_in(mine: Any, login: str) -> Result:
    if login not in mine.secrets:
        asyncio.run(mine.enrol(login))
    told = mine.credentials(login)
    return passerelle(mine.config, "operator", "login", login, given=f"{told['password']}\n{told['code']}\n")


def test_enrolling_shows_the_address_once(mine: Any) -> None:
    mine.execute("DELETE FROM operator_factor WHERE login = 'bob'")
    found = passerelle(mine.config, "operator", "enrol", "bob", given="correct horse bob\n")
    assert found.exit_code == 0, found.output
    (address,) = re.findall(r"otpauth://\S+", found.stdout)
    mine.secrets["bob"] = pyotp.parse_uri(address)
    again = passerelle(mine.config, "operator", "enrol", "bob", given="correct horse bob\n")
    assert isinstance(again.exception, OperatorRefused)
    assert "otpauth" not in again.output
    assert log_in(mine, "bob").exit_code == 0


def test_a_session_is_needed_and_the_role_with_it(mine: Any) -> None:
    with pytest.raises(OperatorRefused, match="log in first"):
        acting_operator(mine.settings, None, "node-manager")
    found = log_in(mine, "heidi")
    assert "heidi in integration until" in found.stdout
    assert found.stdout.rstrip().endswith("node-manager")
    assert "correct horse" not in found.output
    operator = acting_operator(mine.settings, None, {"node-manager", "security-officer"}, act="look")
    assert operator.id == "ldap:heidi"
    with pytest.raises(OperatorRefused, match="needs the role policy-approver"):
        acting_operator(mine.settings, None, "policy-approver", act="policy activate 7")
    assert 'reason="role missing"' in mine.trail()[-1]


def test_a_node_is_blocked_by_its_manager_only(mine: Any) -> None:
    log_in(mine, "bob")
    refused = passerelle(mine.config, "node", "block", "tester")
    assert isinstance(refused.exception, OperatorRefused)
    assert "blocked = true" not in (mine.home / "nodes/tester.toml").read_text()
    log_in(mine, "heidi")
    assert passerelle(mine.config, "node", "block", "tester").exit_code == 0
    assert passerelle(mine.config, "node", "block", "tester", "--undo").exit_code == 0
    assert 'login="heidi" directory="ldap"' in mine.trail()[-1]
    assert 'act="node let in tester"' in mine.trail()[-1]


def test_logout_ends_the_session_and_its_file(mine: Any, tmp_path: Path) -> None:
    log_in(mine, "heidi")
    kept = json.loads((tmp_path / "session").read_bytes())
    assert passerelle(mine.config, "operator", "logout").stdout == "logged out\n"
    assert not (tmp_path / "session").exists()
    assert mine.ask("GET", "/operators/me", token=kept["token"])[0] == 401


def test_who_may_list_reset_and_end(mine: Any) -> None:
    log_in(mine, "heidi")
    for words in (("list",), ("reset", "bob"), ("end", "bob"), ("trail",)):
        assert isinstance(passerelle(mine.config, "operator", *words).exception, OperatorRefused)
    log_in(mine, "alice")
    listed = passerelle(mine.config, "operator", "list").stdout
    assert re.search(r"^heidi +enrolled 20\d\d-\d\d-\d\d  node-manager from machine:", listed, re.MULTILINE)
    assert passerelle(mine.config, "operator", "end", "heidi").exit_code == 0
    assert re.search(
        r"^heidi .*not logged in$", passerelle(mine.config, "operator", "list").stdout, re.MULTILINE
    )
    assert passerelle(mine.config, "operator", "reset", "heidi").exit_code == 0
    assert "heidi" not in passerelle(mine.config, "operator", "list").stdout
    del mine.secrets["heidi"]


def test_an_operator_is_shut_out_and_let_in_again(mine: Any) -> None:
    """SEED-19: open sessions end, the directory's yes is not enough; the patients' trail is silent."""
    token, audited = mine.login("alice"), len(mine.audit())
    log_in(mine, "bob")
    theirs = mine.login("bob")
    log_in(mine, "alice")
    assert passerelle(mine.config, "operator", "revoke", "Bob", "--reason", "left").exit_code == 0
    assert mine.ask("GET", "/operators/me", token=theirs)[0] == 401
    assert mine.ask("GET", "/operators/me", token=token)[0] == 200
    assert isinstance(
        passerelle(mine.config, "revoke", "lift", "operator", "bob", "--reason", "x").exception,
        SettingsInvalid,
    )
    assert mine.ask("POST", "/operators/login", mine.credentials("bob"))[0] == 401
    assert passerelle(mine.config, "operator", "lift", "bob").exit_code == 0
    assert isinstance(passerelle(mine.config, "operator", "lift", "bob").exception, OperatorRefused)
    assert mine.login("bob")
    assert len(mine.audit()) == audited


def test_whoever_is_shut_out_is_so_by_a_security_officer(mine: Any) -> None:
    log_in(mine, "heidi")
    told = ("revoke", "node", "tester", "--reason", "lost")
    assert isinstance(passerelle(mine.config, *told).exception, OperatorRefused)
    assert isinstance(
        passerelle(mine.config, "directory", "deactivate", "dr.weber", "--reason", "x").exception,
        OperatorRefused,
    )
    log_in(mine, "alice")
    assert passerelle(mine.config, *told).exit_code == 0
    assert passerelle(mine.config, "revoke", "lift", "node", "tester", "--reason", "found").exit_code == 0
    assert "by ldap:alice: lost" in passerelle(mine.config, "revoke", "list", "--all").stdout
    assert passerelle(mine.config, "revoke", "patient", "SECRET-1", "--reason", "x").exit_code == 0
    assert "SECRET-1" not in repr(mine.trail())


def test_an_auditor_reads_trails_and_changes_nothing(mine: Any) -> None:
    """SEED-37: nor does an administrator read the audit."""
    log_in(mine, "erin")
    assert passerelle(mine.config, "operator", "trail").exit_code == 0
    assert isinstance(passerelle(mine.config, "node", "block", "tester").exception, OperatorRefused)
    assert passerelle(mine.config, "audit", "show", "0").exit_code == 0
    log_in(mine, "alice")
    assert isinstance(passerelle(mine.config, "audit", "show", "0").exception, OperatorRefused)


def test_a_file_of_another_person_or_a_made_up_token_is_no_session(mine: Any, tmp_path: Path) -> None:
    write_session(tmp_path / "session", "integration", SESSION_TEXT, datetime.now(UTC))
    with pytest.raises(OperatorRefused, match="no session of an operator"):
        acting_operator(mine.settings, None, "node-manager")


def test_the_failure_of_an_act_is_told(mine: Any) -> None:
    log_in(mine, "heidi")
    with pytest.raises(SettingsInvalid), administering(mine.settings, "node-manager", "node enrol x"):
        raise SettingsInvalid("no room")
    assert 'act="node enrol x" reason="no room"' in mine.trail()[-1]
