"""The environment a database belongs to, written in it once: no other environment may work with it."""

from __future__ import annotations

import asyncio

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from gateway.errors import SettingsInvalid
from gateway.stores import tables
from gateway.stores.database import Database, open_database
from gateway.stores.work import UnitOfWork

NAME = "environment"
_MARK = text("INSERT INTO meta (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING")
_MARKED = select(tables.meta.c.value).where(tables.meta.c.name == NAME)


def mark(url: str, environment: str) -> None:
    """Marks a migrated database as of this environment; SettingsInvalid when it is another's."""
    asyncio.run(_mark(url, environment))


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
    except DBAPIError as error:
        raise SettingsInvalid("the database is not ready; run passerelle init or serve first") from error
    if rows and rows[0].value != environment:
        raise SettingsInvalid(f"the database is of {rows[0].value}, but this is {environment}")
