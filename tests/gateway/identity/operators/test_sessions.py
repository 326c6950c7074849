"""Sessions of operators: how they end, on every worker, and that they stay in their environment."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from gateway.errors import OperatorRefused
from gateway.stores import tables

START = datetime(2026, 3, 4, 5, 6, 10, tzinfo=UTC)

# --- sessions ------------------------------------------------------------------------------------------


def test_a_session_ends_when_it_is_not_used(desk: Any) -> None:
    """SEED-16."""
    session = desk.login("alice", desk.enrol("alice"))
    for _ in range(3):
        desk.later(minutes=14)
        desk.who(session.token)
    desk.later(minutes=16)
    assert desk.gone(session.token) == "the session was idle too long"


def test_a_session_ends_however_much_it_is_used(desk: Any) -> None:
    session = desk.login("alice", desk.enrol("alice"))
    while desk.now < START + timedelta(hours=4) - timedelta(minutes=10):
        desk.later(minutes=10)
        if desk.now < session.expires:
            desk.who(session.token)
    desk.later(minutes=10)
    assert desk.gone(session.token) == "no such session, or it has ended"


def test_logout_ends_a_session_on_every_worker_at_once(desks: Any) -> None:
    """SEED-19: the other worker has connections of its own, opened before."""
    session = desks.login("alice", desks.enrol("alice"))

    async def elsewhere() -> str:
        async with desks.opened() as (one, _, _), desks.opened() as (other, _, _):
            await other.who(session.token, "-")
            await one.logout(session.token, "-")
            with pytest.raises(OperatorRefused) as found:
                await other.who(session.token, "-")
            return found.value.reason

    assert asyncio.run(elsewhere()) == "no such session, or it has ended"
    assert [line.split(" ")[5] for line in desks.trail()][-2:] == ["logout", "refused"]


def test_a_revoked_operator_is_out_and_stays_out(desks: Any) -> None:
    """SEED-19, by the table of revocations."""
    codes = desks.enrol("alice")
    session = desks.login("alice", codes)
    row = {"key": 1, "kind": "operator", "name": "alice", "at": 1, "actor": "x", "reason": "left"}
    desks.change(insert(tables.revocation), row)
    assert desks.gone(session.token) == "no such session, or it has ended"
    desks.later(seconds=30)
    assert desks.refused("alice", codes) == "not a login, or revoked"
    desks.change(text("UPDATE revocation SET lifted_at = 2"), {})
    desks.login("alice", codes)


def test_an_officer_ends_sessions(desk: Any) -> None:
    officer = desk.login("alice", desk.enrol("alice")).operator
    session = desk.login("heidi", desk.enrol("heidi"))
    desk.ask(lambda each: each.end("heidi", officer))
    desk.gone(session.token)


def test_tokens_that_are_none(desk: Any) -> None:
    session = desk.login("alice", desk.enrol("alice"))
    for token in (
        "",
        "x",
        session.token[:-1],
        f"{session.token}x",
        session.token.replace("integration", "prod"),
    ):
        assert desk.gone(token) == "no such session, or it has ended"


# --- environments --------------------------------------------------------------------------------------


def test_seed_73_an_account_of_one_environment_cannot_log_in_to_another(desk: Any) -> None:
    codes = desk.enrol("alice")
    desk.environment = "prod"
    assert desk.refused("alice", codes) == "no group with a role in this environment"
    prod = desk.enrol("carol")
    desk.login("carol", prod)
    desk.environment = "integration"
    assert desk.refused("carol", prod) == "no group with a role in this environment"


def test_seed_74_a_session_of_one_environment_is_none_in_another(desk: Any) -> None:
    """Even if a database were copied with its sessions."""
    session = desk.login("alice", desk.enrol("alice"))
    desk.environment = "prod"
    assert desk.gone(session.token) == "no such session, or it has ended"


def test_a_second_factor_of_one_environment_is_none_in_another(desk: Any) -> None:
    """SEED-73: secrets differ by environment; the same person enrols in each."""
    desk.environment = "preprod"
    codes = desk.enrol("carol")
    desk.login("carol", codes)
    desk.environment = "prod"
    assert desk.refused("carol", codes) == "no second factor is enrolled"
