"""Partitions of the index of events in PostgreSQL: a quarter of a year each, made ahead of time.

What comes from farther away stands in a partition for all the rest, and is found as well. SQLite keeps the
weeks of a table together by itself.
"""

from __future__ import annotations

from sqlalchemy import text

from gateway.stores.database import Database, PostgresDatabase
from gateway.stores.work import UnitOfWork

WEEKS = 13
TABLES = ("event", "event_term")
_AHEAD = 2


async def make_ahead(database: Database, slot: int) -> int:
    """Makes the partitions of this week's quarter and of the next, where they are missing; gives how many.

    A quarter of which rows stand among the rest already is left there. Each is a transaction of its own: one
    that held the first table while it waits for the second would be held up by a reader who does it the other
    way round, and one of the two be refused.
    """
    if not isinstance(database, PostgresDatabase):
        return 0
    made = 0
    for number in range(slot // WEEKS, slot // WEEKS + _AHEAD):
        for table in TABLES:
            if not await _stands(database, table, number):
                work = UnitOfWork()
                work.write(text(statement(table, number)))
                await database.apply([work])
                made += 1
    return made


def statement(table: str, number: int) -> str:
    """What makes the partition of a quarter, counted from 1970."""
    first = number * WEEKS
    return (
        f"CREATE TABLE IF NOT EXISTS {table}_{number} PARTITION OF {table} "
        f"FOR VALUES FROM ({first}) TO ({first + WEEKS})"
    )


async def _stands(database: Database, table: str, number: int) -> bool:
    first = number * WEEKS
    rest = f"SELECT 1 FROM {table}_rest WHERE slot >= {first} AND slot < {first + WEEKS}"  # noqa: S608 - our names
    query = f"SELECT to_regclass('{table}_{number}') IS NOT NULL OR EXISTS ({rest}) AS stands"
    rows = await database.fetch(text(query))
    return bool(rows[0].stands)
