"""Logging in and out at the desk, over a running slapd and both databases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pyotp
import pytest
from sqlalchemy import insert, text

from gateway.config import Operators
from gateway.crypto.envelope import KeyTree
from gateway.errors import Busy, OperatorRefused
from gateway.identity.operators import LOGGED_OUT, REFUSED, Login, Operator, OperatorDesk, Session, Trail
from gateway.identity.operators.directory import OperatorDirectory
from gateway.stores import tables
from gateway.stores.database import Database, open_database
from gateway.stores.keys import key_maker
from gateway.stores.operators import OperatorStore
from gateway.stores.work import UnitOfWork

T = TypeVar("T")
START = datetime(2026, 3, 4, 5, 6, 10, tzinfo=UTC)
KEYS = KeyTree(b"k" * 32)


@dataclass
class Desk:
    """A desk with a clock of its own. Each call has connections of its own, as two workers have."""

    url: str
    told: Operators
    environment: Any = "integration"
    now: datetime = START

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[OperatorDesk, OperatorStore, Database]]:
        database = open_database(self.url)
        store = OperatorStore(database, KEYS, key_maker(), self.environment)
        roles = OperatorDirectory(self.told, self.environment).roles_of
        trail = Trail("here", self.environment)
        try:
            yield (
                OperatorDesk(self.told, self.environment, store, trail, lambda: self.now, roles),
                store,
                database,
            )
        finally:
            await database.close()

    def ask(self, job: Callable[[OperatorDesk], Awaitable[T]]) -> T:
        async def asked() -> T:
            async with self.opened() as (desk, _, _):
                return await job(desk)

        return asyncio.run(asked())

    def given(
        self, login: str, code: str = "", secret: str | None = None, source: str = "192.0.2.1"
    ) -> Login:
        return Login(login, f"correct horse {login.lower()}" if secret is None else secret, code, source)

    def enrol(self, login: str) -> pyotp.TOTP:
        found = pyotp.parse_uri(self.ask(lambda desk: desk.enrol(self.given(login))))
        assert isinstance(found, pyotp.TOTP)
        return found

    def login(self, login: str, codes: pyotp.TOTP | None, **told: Any) -> Session:
        code = "000000" if codes is None else codes.at(self.now)
        return self.ask(lambda desk: desk.login(self.given(login, code, **told)))

    def refused(self, login: str, codes: pyotp.TOTP | None, **told: Any) -> str:
        with pytest.raises(OperatorRefused) as found:
            self.login(login, codes, **told)
        assert found.value.detail == REFUSED
        return found.value.reason

    def who(self, token: str) -> Operator:
        return self.ask(lambda desk: desk.who(token, "192.0.2.1")).operator

    def gone(self, token: str) -> str:
        with pytest.raises(OperatorRefused) as found:
            self.who(token)
        assert found.value.detail == LOGGED_OUT
        return found.value.reason

    def trail(self) -> list[str]:
        async def lines() -> list[str]:
            async with self.opened() as (_, store, _):
                return await store.lines()

        return asyncio.run(lines())

    def change(self, statement: Any, *rows: Any) -> None:
        async def changed() -> None:
            async with self.opened() as (_, _, database):
                work = UnitOfWork()
                work.write(statement, *rows)
                await database.apply([work])

        asyncio.run(changed())

    def rows(self, statement: str) -> list[Any]:
        async def found() -> Any:
            async with self.opened() as (_, _, database):
                return await database.fetch(text(statement))

        return [tuple(row) for row in asyncio.run(found())]


@pytest.fixture
def desk(sqlite_url: str, operators: Operators) -> Desk:
    return Desk(sqlite_url, operators)


@pytest.fixture
def desks(url: str, operators: Operators) -> Desk:
    """Over each database."""
    return Desk(url, operators)


# --- in ----------------------------------------------------------------------------------------------


def test_a_login_and_what_is_kept_of_it(desks: Desk) -> None:
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


def test_a_code_counts_once(desks: Desk) -> None:
    codes = desks.enrol("alice")
    desks.login("alice", codes)
    assert desks.refused("alice", codes) == "code was used before"
    desks.later(seconds=30)
    desks.login("alice", codes)


def test_a_code_counts_once_on_two_workers_at_a_time(desks: Desk) -> None:
    codes = desks.enrol("alice")
    given = desks.given("alice", codes.at(START))

    async def both() -> list[Any]:
        async with desks.opened() as (one, _, _), desks.opened() as (other, _, _):
            return await asyncio.gather(one.login(given), other.login(given), return_exceptions=True)

    found = asyncio.run(both())
    assert sorted(type(each).__name__ for each in found) == ["OperatorRefused", "Session"]
    assert desks.rows("SELECT count(*) FROM operator_session") == [(1,)]


def test_an_older_code_is_no_good_after_a_newer_one(desk: Desk) -> None:
    codes = desk.enrol("alice")
    older = codes.at(desk.now)
    desk.later(seconds=30)
    desk.login("alice", codes)
    with pytest.raises(OperatorRefused) as found:
        desk.ask(lambda each: each.login(desk.given("alice", older)))
    assert found.value.reason == "code was used before"


def test_no_failure_tells_what_was_wrong(desk: Desk) -> None:
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


def test_a_second_factor_is_enrolled_once(desk: Desk) -> None:
    desk.enrol("alice")
    with pytest.raises(OperatorRefused, match="has a second factor already"):
        desk.enrol("alice")
    with pytest.raises(OperatorRefused) as found:
        desk.ask(lambda each: each.enrol(desk.given("bob", secret="wrong")))
    assert found.value.detail == REFUSED


def test_a_lost_second_factor_is_reset_and_its_sessions_end(desk: Desk) -> None:
    officer = desk.login("alice", desk.enrol("alice")).operator
    session = desk.login("heidi", desk.enrol("heidi"))
    desk.ask(lambda each: each.reset("Heidi", officer))
    desk.gone(session.token)
    assert desk.refused("heidi", None) == "no second factor is enrolled"
    desk.later(seconds=60)
    desk.login("heidi", desk.enrol("heidi"))
    with pytest.raises(OperatorRefused):
        desk.ask(lambda each: each.reset("nobody", officer))


def test_sha256_codes(desk: Desk) -> None:
    desk.told = replace(desk.told, totp_digest="sha256")
    codes = desk.enrol("alice")
    assert codes.digest().name == "sha256"
    desk.login("alice", codes)


# --- too many failures ---------------------------------------------------------------------------------


@pytest.fixture
def quick(desk: Desk) -> Desk:
    desk.told = replace(desk.told, refusal_seconds=0.01)
    return desk


def test_the_eleventh_failure_of_an_account_in_an_hour_is_not_tried(quick: Desk) -> None:
    """STD-40: from wherever they come; a right password is not tried either; time opens the door again."""
    codes = quick.enrol("alice")
    for number in range(10):
        assert quick.refused("alice", codes, secret="wrong", source=f"192.0.2.{number}") == "password refused"
    assert quick.refused("ALICE", codes, source="192.0.2.99") == "too many failures in an hour"
    quick.later(minutes=59)
    assert quick.refused("alice", codes, source="192.0.2.99") == "too many failures in an hour"
    quick.later(minutes=2)
    quick.login("alice", codes, source="192.0.2.99")


def test_the_eleventh_failure_of_a_source_in_an_hour_is_not_tried(quick: Desk) -> None:
    codes = quick.enrol("alice")
    for number in range(10):
        quick.refused(f"unknown{number}", codes, secret="wrong")
    assert quick.refused("alice", codes) == "too many failures in an hour"
    quick.login("alice", codes, source="192.0.2.2")


def test_wrong_codes_count_as_failures(quick: Desk) -> None:
    codes = quick.enrol("alice")
    for number in range(10):
        assert quick.refused("alice", None, source=f"192.0.2.{number}") == "code refused"
    assert quick.refused("alice", codes) == "too many failures in an hour"


def test_an_open_session_is_not_ended_by_failures_of_others(quick: Desk) -> None:
    session = quick.login("alice", quick.enrol("alice"))
    for _ in range(11):
        quick.refused("alice", None, secret="wrong", source="192.0.2.66")
    assert quick.who(session.token) == session.operator


def test_failures_at_a_time_are_counted_before_they_are_tried(quick: Desk) -> None:
    quick.told = replace(quick.told, failures_per_hour=3)
    given = quick.given("alice", "000000", "wrong")

    async def many() -> list[Any]:
        async with quick.opened() as (desk, _, _):
            return await asyncio.gather(*(desk.login(given) for _ in range(8)), return_exceptions=True)

    reasons = [each.reason for each in asyncio.run(many())]
    assert reasons.count("password refused") <= 3
    assert reasons.count("too many failures in an hour") >= 5


def test_a_directory_that_is_away_is_nobodys_failure(quick: Desk, directory: Any) -> None:
    codes = quick.enrol("alice")
    with directory.down(), pytest.raises(Busy):
        quick.login("alice", codes)
    assert quick.rows("SELECT count(*) FROM operator_failure") == [(0,)]
    assert quick.rows("SELECT count(*) FROM operator_session") == [(0,)]
    assert 'outcome="failure"' in quick.trail()[-1]
    quick.login("alice", codes)


# --- sessions ------------------------------------------------------------------------------------------


def test_a_session_ends_when_it_is_not_used(desk: Desk) -> None:
    """SEED-16."""
    session = desk.login("alice", desk.enrol("alice"))
    for _ in range(3):
        desk.later(minutes=14)
        desk.who(session.token)
    desk.later(minutes=16)
    assert desk.gone(session.token) == "the session was idle too long"


def test_a_session_ends_however_much_it_is_used(desk: Desk) -> None:
    session = desk.login("alice", desk.enrol("alice"))
    while desk.now < START + timedelta(hours=4) - timedelta(minutes=10):
        desk.later(minutes=10)
        if desk.now < session.expires:
            desk.who(session.token)
    desk.later(minutes=10)
    assert desk.gone(session.token) == "no such session, or it has ended"


def test_logout_ends_a_session_on_every_worker_at_once(desks: Desk) -> None:
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


def test_a_revoked_operator_is_out_and_stays_out(desks: Desk) -> None:
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


def test_an_officer_ends_sessions(desk: Desk) -> None:
    officer = desk.login("alice", desk.enrol("alice")).operator
    session = desk.login("heidi", desk.enrol("heidi"))
    desk.ask(lambda each: each.end("heidi", officer))
    desk.gone(session.token)


def test_tokens_that_are_none(desk: Desk) -> None:
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


def test_seed_73_an_account_of_one_environment_cannot_log_in_to_another(desk: Desk) -> None:
    codes = desk.enrol("alice")
    desk.environment = "prod"
    assert desk.refused("alice", codes) == "no group with a role in this environment"
    prod = desk.enrol("carol")
    desk.login("carol", prod)
    desk.environment = "integration"
    assert desk.refused("carol", prod) == "no group with a role in this environment"


def test_seed_74_a_session_of_one_environment_is_none_in_another(desk: Desk) -> None:
    """Even if a database were copied with its sessions."""
    session = desk.login("alice", desk.enrol("alice"))
    desk.environment = "prod"
    assert desk.gone(session.token) == "no such session, or it has ended"


def test_a_second_factor_of_one_environment_is_none_in_another(desk: Desk) -> None:
    """SEED-73: secrets differ by environment; the same person enrols in each."""
    desk.environment = "preprod"
    codes = desk.enrol("carol")
    desk.login("carol", codes)
    desk.environment = "prod"
    assert desk.refused("carol", codes) == "no second factor is enrolled"
