"""Logins against a running slapd: who has which role, and everything that must not open."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Operators
from gateway.crypto import pki
from gateway.errors import Busy, OperatorRefused, SettingsInvalid
from gateway.identity.operators.directory import OperatorDirectory
from gateway.identity.operators.model import REFUSED

SLOWEST = 8.0


def asked(
    operators: Operators, login: str, secret: str | None = None, environment: Any = "integration"
) -> set:
    given = f"correct horse {login}" if secret is None else secret
    return set(OperatorDirectory(operators, environment).roles_of(login, given))


def refused(operators: Operators, *told: Any) -> str:
    with pytest.raises(OperatorRefused) as found:
        asked(operators, *told)
    assert found.value.detail == REFUSED
    return found.value.reason


def test_roles_come_from_groups(operators: Operators) -> None:
    assert asked(operators, "alice") == {"security-officer"}
    assert asked(operators, "heidi") == {"node-manager"}


def test_a_start_tls_directory(operators: Operators, directory: Any) -> None:
    plain = replace(operators, url=f"ldap://localhost:{directory.plain_port}")
    assert asked(plain, "alice") == {"security-officer"}
    assert refused(plain, "alice", "wrong") == "password refused"


def test_a_template_needs_no_account_to_search_with(operators: Operators) -> None:
    own = replace(
        operators, user_dn=f"uid={{login}},{operators.user_base}", bind_dn="", bind_password_file=None
    )
    assert asked(own, "bob") == {"policy-editor"}
    assert refused(own, "bob", "wrong") == "password refused"
    assert refused(own, "bob,ou=people", "wrong") == "password refused"


def test_wrong_password_and_unknown_login_are_told_alike(operators: Operators) -> None:
    assert refused(operators, "alice", "wrong") == "password refused"
    assert refused(operators, "nobody") == "no such operator"


@pytest.mark.parametrize("secret", ["", "\0", "x\0", "y" * 1_025])
def test_no_password_is_no_login(operators: Operators, secret: str) -> None:
    """An empty one would be taken by the directory as nobody's (RFC 4513 section 5.1.2)."""
    assert refused(operators, "alice", secret) == "no usable password"


def test_a_locked_account_is_refused_with_the_right_password(operators: Operators) -> None:
    assert refused(operators, "dave") == "password refused"


def test_an_account_without_a_group_is_refused(operators: Operators) -> None:
    assert refused(operators, "grace") == "no group with a role in this environment"


def test_who_audits_does_nothing_else(operators: Operators) -> None:
    assert asked(operators, "erin") == {"auditor"}
    assert refused(operators, "frank") == "an auditor has no other role; has node-manager"


@pytest.mark.parametrize(
    "login",
    ["*", "a*", "alice)(uid=*", "*)(objectClass=*", "alice\\2a", "al\\69ce", "(", "alice\0", "uid=alice"],
)
def test_injection_finds_nobody(operators: Operators, login: str) -> None:
    assert refused(operators, login, "correct horse alice") == "no such operator"


@pytest.mark.parametrize("login", ["alice,ou=people", 'alice"', "alice+cn=x", "x,cn=gateway", "alice\0"])
def test_injection_into_a_name_finds_nobody(operators: Operators, login: str) -> None:
    own = replace(operators, user_dn=f"uid={{login}},{operators.user_base}")
    assert refused(own, login, "correct horse alice") == "password refused"


@pytest.mark.parametrize(
    ("environment", "login"), [("prod", "alice"), ("integration", "carol"), ("prod", "bob")]
)
def test_a_group_counts_in_one_environment_only(operators: Operators, environment: str, login: str) -> None:
    """SEED-73: the account of one environment is nobody in another."""
    assert refused(operators, login, None, environment) == "no group with a role in this environment"


def test_carol_is_of_prod(operators: Operators) -> None:
    assert asked(operators, "carol", None, "prod") == {"security-officer"}


# --- the connection --------------------------------------------------------------------------------


def test_a_directory_under_another_name_is_not_asked(operators: Operators, directory: Any) -> None:
    for url in (f"ldaps://127.0.0.1:{directory.port}", f"ldap://127.0.0.1:{directory.plain_port}"):
        with pytest.raises(Busy):
            asked(replace(operators, url=url), "alice")


def test_a_directory_of_another_authority_is_not_asked(
    operators: Operators, directory: Any, tmp_path: Path
) -> None:
    other = pki.create_authority("Another Authority", "integration", datetime.now(UTC))
    pki.write_pem(tmp_path / "other.pem", other.certificate)
    for url in (operators.url, f"ldap://localhost:{directory.plain_port}"):
        with pytest.raises(Busy):
            asked(replace(operators, url=url, trust=tmp_path / "other.pem"), "alice")


def test_without_named_authorities_nobody_is_asked(operators: Operators) -> None:
    with pytest.raises(SettingsInvalid):
        asked(replace(operators, trust=None), "alice")


def test_the_account_to_search_with_is_refused(operators: Operators, tmp_path: Path) -> None:
    """A wrong password of ours is no fault of the operator's."""
    secret = tmp_path / "secret"
    secret.write_text("wrong")
    with pytest.raises(Busy):
        asked(replace(operators, bind_password_file=secret), "alice")


def test_a_directory_that_is_away_lets_nobody_in(operators: Operators, directory: Any) -> None:
    with directory.down():
        began = time.monotonic()
        with pytest.raises(Busy):
            asked(operators, "alice")
        assert time.monotonic() - began < SLOWEST
    assert asked(operators, "alice") == {"security-officer"}


def test_a_directory_that_says_nothing_is_given_up(operators: Operators, silent: int) -> None:
    began = time.monotonic()
    with pytest.raises(Busy):
        asked(replace(operators, url=f"ldaps://localhost:{silent}", answer_seconds=1), "alice")
    with pytest.raises(Busy):
        asked(replace(operators, url=f"ldap://localhost:{silent}", answer_seconds=1), "alice")
    assert time.monotonic() - began < SLOWEST
