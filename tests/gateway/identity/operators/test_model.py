"""Operators: names with their directory, and roles that must not meet."""

from __future__ import annotations

import pytest

from gateway.config.operators import ROLES
from gateway.errors import OperatorRefused
from gateway.identity.operators import Operator, Source
from gateway.identity.operators.model import apart


def test_equal_logins_of_two_directories_are_two_persons() -> None:
    """SEED-75."""
    told = {"login": "alice", "environment": "prod", "roles": frozenset({"auditor"})}
    ldap, machine = (Operator(source=source, **told) for source in Source)  # type: ignore[arg-type]
    assert (ldap.id, machine.id) == ("ldap:alice", "os:alice")
    assert ldap.may("auditor")
    assert not ldap.may("node-manager")


def test_an_auditor_may_only_watch() -> None:
    assert apart(["auditor", "support"]) == {"auditor", "support"}
    assert apart(["policy-editor", "node-manager"]) == {"policy-editor", "node-manager"}
    for role in set(ROLES) - {"auditor", "support"}:
        with pytest.raises(OperatorRefused):
            apart(["auditor", role])
