"""The environment a database belongs to, written in it once: no other environment may work with it."""

from __future__ import annotations

import asyncio

from asyncpg import PostgresError
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from gateway.errors import Busy, SettingsInvalid
from gateway.stores import tables
from gateway.stores.database import Database, open_database
from gateway.stores.migrate import upgrade
from gateway.stores.work import UnitOfWork

NAME = "environment"
_MARK = text("INSERT INTO meta (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING")
_MARKED = select(tables.meta.c.value).where(tables.meta.c.name == NAME)


def ready(url: str, environment: str) -> None:
    """Brings a database to the newest revision and marks it, unless it is of another environment.

    SettingsInvalid leaves another's database as it was. Not to be called inside an event loop.
    """
    asyncio.run(_checked(url, environment))
    upgrade(url)
    asyncio.run(_mark(url, environment))


async def _checked(url: str, environment: str) -> None:
    """Nothing is said of a database that is not there yet."""
    database = open_database(url)
    try:
        rows = await database.fetch(_MARKED)
    except (Busy, DBAPIError, PostgresError, OSError):
        return
    finally:
        await database.close()
    _compare([row.value for row in rows], environment)


async def _mark(url: str, environment: str) -> None:
    database = open_database(url)
    try:
        work = UnitOfWork()
        work.write(_MARK, {"name": NAME, "value": environment})
        await database.apply([work])
        await check_environment(database, environment)
    finally:
        await database.close()


async def check_environment(database: Database, environment: str) -> None:
    """SettingsInvalid unless the database is marked as of this environment, or not marked yet."""
    try:
        rows = await database.fetch(_MARKED)
    except (Busy, DBAPIError) as error:
        raise SettingsInvalid("the database is not ready; run passerelle init or serve first") from error
    _compare([row.value for row in rows], environment)


def _compare(marked: list[str], environment: str) -> None:
    if marked and marked[0] != environment:
        raise SettingsInvalid(f"the database is of {marked[0]}, but this is {environment}")
