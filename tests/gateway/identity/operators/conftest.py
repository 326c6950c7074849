"""Databases, a desk over a running slapd with a clock of its own, and a port that never answers."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pyotp
import pytest
from sqlalchemy import text

from gateway.config import Operators
from gateway.crypto.envelope import KeyTree
from gateway.errors import OperatorRefused
from gateway.identity.operators import LOGGED_OUT, REFUSED, Login, Operator, OperatorDesk, Session, Trail
from gateway.identity.operators.directory import OperatorDirectory
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
def sqlite_url(migrated: Path, tmp_path: Path) -> str:
    """A fresh SQLite database."""
    return f"sqlite:///{shutil.copy(migrated, tmp_path / 'record.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A fresh database of each kind."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres").fresh())
    return str(request.getfixturevalue("sqlite_url"))


@pytest.fixture
def silent() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.fixture
def desk(sqlite_url: str, operators: Operators) -> Desk:
    return Desk(sqlite_url, operators)


@pytest.fixture
def desks(url: str, operators: Operators) -> Desk:
    """Over each database."""
    return Desk(url, operators)
