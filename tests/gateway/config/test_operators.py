"""Settings of the operators: what refuses the start, each by its name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Operators, check, load
from gateway.config.operators import wrong

GROUP = "cn=security,ou=groups,dc=example"


@pytest.fixture
def told(tmp_path: Path) -> Operators:
    (tmp_path / "trust.pem").write_text("authorities")
    (tmp_path / "secret").write_text("secret")
    return Operators(
        url="ldaps://ldap.example:636",
        trust=tmp_path / "trust.pem",
        bind_dn="cn=gateway,dc=example",
        bind_password_file=tmp_path / "secret",
        user_base="ou=people,dc=example",
        group_base="ou=groups,dc=example",
        bastions=("0" * 64,),
        syslog="tls://logs.example:6514",
        roles={"prod": {"security-officer": (GROUP,)}},
    )


def test_what_is_right(told: Operators) -> None:
    assert list(wrong(told, "prod")) == []
    assert list(wrong(Operators(), "prod")) == []


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"url": "ldap.example"}, "url"),
        ({"url": "ldapi:///x"}, "url"),
        ({"url": "ldaps://user@ldap.example"}, "url"),
        ({"trust": None}, "trust"),
        ({"trust": Path("/nowhere")}, "trust"),
        ({"bastions": ()}, "bastions"),
        ({"syslog": ""}, "syslog"),
        ({"syslog": "udp://logs.example:514"}, "syslog"),
        ({"bind_dn": ""}, "user_dn"),
        ({"user_dn": "uid=alice,dc=example"}, "user_dn"),
        ({"user_filter": "(uid=alice)"}, "user_filter"),
        ({"user_base": ""}, "user_filter"),
        ({"bind_password_file": None}, "bind_password_file"),
        ({"group_filter": "(cn=x)"}, "group_filter"),
        ({"group_base": ""}, "group_filter"),
        ({"roles": {}}, "roles.prod"),
        ({"roles": {"preprod": {"security-officer": (GROUP,)}}}, "roles.prod"),
        (
            {"roles": {"prod": {"auditor": (GROUP,)}, "preprod": {"auditor": (GROUP.upper(),)}}},
            "roles.preprod",
        ),
    ],
)
def test_each_fault_by_its_name(told: Operators, changes: dict[str, Any], key: str) -> None:
    """SEED-73 among them: a group of two environments is of none."""
    assert [found for found, _ in wrong(replace(told, **changes), "prod")] == [key]


def test_a_receiver_is_not_needed_in_integration(told: Operators) -> None:
    here = replace(told, syslog="", roles={"integration": {"auditor": (GROUP,)}})
    assert list(wrong(here, "integration")) == []


def test_ports_by_default(told: Operators) -> None:
    assert told.address == ("ldap.example", 636, True)
    assert replace(told, url="ldap://ldap.example").address == ("ldap.example", 389, False)
    assert replace(told, url="ldaps://ldap.example").address == ("ldap.example", 636, True)


def test_a_password_that_others_can_read_is_refused(told: Operators, tmp_path: Path) -> None:
    path = tmp_path / "passerelle.toml"
    path.write_text('environment = "prod"\n')
    for mode, found in ((0o644, True), (0o600, False)):
        (tmp_path / "secret").chmod(mode)
        reasons = [str(each) for each in check(replace(load(path), operators=told))]
        assert any("operators.bind_password_file" in each for each in reasons) is found


def test_the_listener_may_be_on_a_network_with_operators_only(told: Operators, tmp_path: Path) -> None:
    path = tmp_path / "passerelle.toml"
    path.write_text('environment = "prod"\n[server]\nadmin_host = "192.0.2.1"\n')
    settings = load(path)
    for operators, found in ((Operators(), True), (told, False)):
        reasons = [str(each) for each in check(replace(settings, operators=operators))]
        assert any("server.admin_host" in each for each in reasons) is found
