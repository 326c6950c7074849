"""Logging in at the desk, over a running slapd and both databases: both factors, and too many failures."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import Busy, OperatorRefused
from gateway.identity.operators import REFUSED

START = datetime(2026, 3, 4, 5, 6, 10, tzinfo=UTC)

# --- in ----------------------------------------------------------------------------------------------


def test_a_login_and_what_is_kept_of_it(desks: Any) -> None:
    codes = desks.enrol("alice")
    session = desks.login("Alice", codes)
    assert session.operator.id == "ldap:alice"
    assert session.operator.roles == {"security-officer"}
    assert session.expires == START + timedelta(hours=4)
    assert desks.who(session.token) == session.operator
    kept = repr(desks.rows("SELECT * FROM operator_session")) + repr(
        desks.rows("SELECT * FROM operator_factor")
    )
    assert session.token not in kept
    assert codes.secret not in kept
    assert repr(codes.byte_secret()) not in kept
    assert desks.rows("SELECT count(*) FROM operator_failure") == [(0,)]
    told = desks.trail()
    assert [line.split(" ")[5] for line in told] == ["enrol", "login"]
    assert 'login="alice" directory="ldap"' in told[1]
    assert session.token not in repr(told)
    assert desks.rows("SELECT count(*) FROM audit") == [(0,)], (
        "the patients' trail knows nothing of operators"
    )


def test_a_code_counts_once(desks: Any) -> None:
    codes = desks.enrol("alice")
    desks.login("alice", codes)
    assert desks.refused("alice", codes) == "code was used before"
    desks.later(seconds=30)
    desks.login("alice", codes)


def test_a_code_counts_once_on_two_workers_at_a_time(desks: Any) -> None:
    codes = desks.enrol("alice")
    given = desks.given("alice", codes.at(START))

    async def both() -> list[Any]:
        async with desks.opened() as (one, _, _), desks.opened() as (other, _, _):
            return await asyncio.gather(one.login(given), other.login(given), return_exceptions=True)

    found = asyncio.run(both())
    assert sorted(type(each).__name__ for each in found) == ["OperatorRefused", "Session"]
    assert desks.rows("SELECT count(*) FROM operator_session") == [(1,)]


def test_an_older_code_is_no_good_after_a_newer_one(desk: Any) -> None:
    codes = desk.enrol("alice")
    older = codes.at(desk.now)
    desk.later(seconds=30)
    desk.login("alice", codes)
    with pytest.raises(OperatorRefused) as found:
        desk.ask(lambda each: each.login(desk.given("alice", older)))
    assert found.value.reason == "code was used before"


def test_no_failure_tells_what_was_wrong(desk: Any) -> None:
    """STD-40, SEED-65: equal words and comparable time for login, password, code, and a missing factor."""
    codes = desk.enrol("alice")
    cases = {
        "no such operator": ("nobody", codes, {}),
        "not a login, or revoked": ("a*", codes, {}),
        "password refused": ("alice", codes, {"secret": "wrong"}),
        "no usable password": ("alice", codes, {"secret": ""}),
        "code refused": ("alice", None, {}),
        "no second factor is enrolled": ("bob", codes, {}),
        "no group with a role in this environment": ("carol", codes, {}),
    }
    times = []
    for reason, (login, given, told) in cases.items():
        began = time.monotonic()
        assert desk.refused(login, given, **told) == reason
        times.append(time.monotonic() - began)
    assert min(times) >= desk.told.refusal_seconds
    assert max(times) - min(times) < 0.2, times
    failures = [line for line in desk.trail() if ' outcome="failure"' in line]
    assert len(failures) == len(cases)
    assert "wrong" not in repr(failures)


def test_a_second_factor_is_enrolled_once(desk: Any) -> None:
    desk.enrol("alice")
    with pytest.raises(OperatorRefused, match="has a second factor already"):
        desk.enrol("alice")
    with pytest.raises(OperatorRefused) as found:
        desk.ask(lambda each: each.enrol(desk.given("bob", secret="wrong")))
    assert found.value.detail == REFUSED


def test_a_lost_second_factor_is_reset_and_its_sessions_end(desk: Any) -> None:
    officer = desk.login("alice", desk.enrol("alice")).operator
    session = desk.login("heidi", desk.enrol("heidi"))
    desk.ask(lambda each: each.reset("Heidi", officer))
    desk.gone(session.token)
    assert desk.refused("heidi", None) == "no second factor is enrolled"
    desk.later(seconds=60)
    desk.login("heidi", desk.enrol("heidi"))
    with pytest.raises(OperatorRefused):
        desk.ask(lambda each: each.reset("nobody", officer))


def test_sha256_codes(desk: Any) -> None:
    desk.told = replace(desk.told, totp_digest="sha256")
    codes = desk.enrol("alice")
    assert codes.digest().name == "sha256"
    desk.login("alice", codes)


# --- too many failures ---------------------------------------------------------------------------------


@pytest.fixture
def quick(desk: Any) -> Any:
    desk.told = replace(desk.told, refusal_seconds=0.01)
    return desk


def test_the_eleventh_failure_of_an_account_in_an_hour_is_not_tried(quick: Any) -> None:
    """STD-40: from wherever they come; a right password is not tried either; time opens the door again."""
    codes = quick.enrol("alice")
    for number in range(10):
        assert quick.refused("alice", codes, secret="wrong", source=f"192.0.2.{number}") == "password refused"
    assert quick.refused("ALICE", codes, source="192.0.2.99") == "too many failures in an hour"
    quick.later(minutes=59)
    assert quick.refused("alice", codes, source="192.0.2.99") == "too many failures in an hour"
    quick.later(minutes=2)
    quick.login("alice", codes, source="192.0.2.99")


def test_the_eleventh_failure_of_a_source_in_an_hour_is_not_tried(quick: Any) -> None:
    codes = quick.enrol("alice")
    for number in range(10):
        quick.refused(f"unknown{number}", codes, secret="wrong")
    assert quick.refused("alice", codes) == "too many failures in an hour"
    quick.login("alice", codes, source="192.0.2.2")


def test_wrong_codes_count_as_failures(quick: Any) -> None:
    codes = quick.enrol("alice")
    for number in range(10):
        assert quick.refused("alice", None, source=f"192.0.2.{number}") == "code refused"
    assert quick.refused("alice", codes) == "too many failures in an hour"


def test_an_open_session_is_not_ended_by_failures_of_others(quick: Any) -> None:
    session = quick.login("alice", quick.enrol("alice"))
    for _ in range(11):
        quick.refused("alice", None, secret="wrong", source="192.0.2.66")
    assert quick.who(session.token) == session.operator


def test_failures_at_a_time_are_counted_before_they_are_tried(quick: Any) -> None:
    quick.told = replace(quick.told, failures_per_hour=3)
    given = quick.given("alice", "000000", "wrong")

    async def many() -> list[Any]:
        async with quick.opened() as (desk, _, _):
            return await asyncio.gather(*(desk.login(given) for _ in range(8)), return_exceptions=True)

    reasons = [each.reason for each in asyncio.run(many())]
    assert reasons.count("password refused") <= 3
    assert reasons.count("too many failures in an hour") >= 5


def test_a_directory_that_is_away_is_nobodys_failure(quick: Any, directory: Any) -> None:
    codes = quick.enrol("alice")
    with directory.down(), pytest.raises(Busy):
        quick.login("alice", codes)
    assert quick.rows("SELECT count(*) FROM operator_failure") == [(0,)]
    assert quick.rows("SELECT count(*) FROM operator_session") == [(0,)]
    assert 'outcome="failure"' in quick.trail()[-1]
    quick.login("alice", codes)
