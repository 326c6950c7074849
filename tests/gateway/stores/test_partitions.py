"""Quarters of the index are made ahead, each once; what stands among the rest is left there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from gateway.record.events import Agent, AuditRecord
from gateway.record.people import Code
from gateway.stores.database import PostgresDatabase
from gateway.stores.events import OWN, Question, slot_of
from gateway.stores.partitions import WEEKS, make_ahead
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, tzinfo=UTC)
SLOT = slot_of(millis(AT))


def note(record: Any, key: int, at: datetime) -> None:
    work = UnitOfWork()
    told = AuditRecord(event=Code("110112", "DCM"), at=at, outcome=0, agents=(Agent(user_id="alice"),))
    record.access.trail.events.note(work, told, key=key, trail=OWN, place=key)
    record.commit(work)


def test_quarters_are_made_ahead_and_hold_what_comes(record: Any) -> None:
    made = record.run(make_ahead(record.database, SLOT))
    if not isinstance(record.database, PostgresDatabase):
        assert made == 0
        return
    assert made == 4
    assert record.run(make_ahead(record.database, SLOT)) == 0
    assert record.run(make_ahead(record.database, SLOT + WEEKS)) == 2
    note(record, 1, AT)
    note(record, 2, AT.replace(year=1999))
    within = record.run(record.database.fetch(text(f"SELECT id FROM event_{SLOT // WEEKS}")))  # noqa: S608 - our name
    assert [row.id for row in within] == [1]
    for terms in (None, frozenset({"agent|alice"})):
        found = record.run(record.access.trail.events.find(Question(since=0, until=2**62, terms=terms)))
        assert [each.id for each in found] == [1, 2]
    old = slot_of(millis(AT.replace(year=1999)))
    assert record.run(make_ahead(record.database, old)) == 2


@pytest.mark.parametrize("weeks", [0, 1, WEEKS])
def test_a_quarter_with_rows_among_the_rest_is_left_there(record: Any, weeks: int) -> None:
    note(record, 1, AT)
    record.run(make_ahead(record.database, SLOT - SLOT % WEEKS - weeks))
    found = record.run(record.access.trail.events.find(Question(since=0, until=2**62)))
    assert [each.id for each in found] == [1]


def test_making_a_quarter_and_a_reader_do_not_lock_each_other_out(record: Any) -> None:
    """A reader holds the names and goes on to the events, while the quarter of the names waits for it."""
    if not isinstance(record.database, PostgresDatabase):
        return

    async def both() -> tuple[int, int]:
        told = record.database._engine.dialect.create_connect_args(record.database._engine.url)[1]
        reader, looking = [await asyncpg.connect(**told) for _ in range(2)]
        async with reader.transaction():
            await reader.execute("LOCK TABLE event_term IN ACCESS SHARE MODE")
            making = asyncio.create_task(make_ahead(record.database, SLOT))
            waiting = 0
            while not waiting and not making.done():
                waiting = await looking.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
            count = await reader.fetchval("SELECT count(*) FROM event")
        made = await making
        await asyncio.gather(reader.close(), looking.close())
        return count, made

    assert record.run(both()) == (0, 4)
