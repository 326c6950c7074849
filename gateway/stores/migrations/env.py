"""Alembic's environment: one connection, one transaction for all revisions."""

import asyncio

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.stores.tables import METADATA


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def _migrate_async(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


def _run(url: str) -> None:
    if url.startswith("sqlite"):
        engine = create_engine(url)
        with engine.connect() as connection:
            # Counts for a new file only: a registered object with its fragment fits in one page, which
            # among a million entries saves a fifth of what a query costs.
            connection.exec_driver_sql("PRAGMA page_size=16384")
            # Two workers that start together must not both find a file to turn into this mode.
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        with engine.begin() as connection:
            _migrate(connection)
        engine.dispose()
    else:
        asyncio.run(_migrate_async(url))


_run(context.config.attributes["url"])
