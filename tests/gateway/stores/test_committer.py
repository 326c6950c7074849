import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, select

from gateway.errors import Busy
from gateway.stores import tables
from gateway.stores.committer import GroupCommitter
from gateway.stores.work import UnitOfWork

INSERT = insert(tables.meta)


def noted(name: str) -> UnitOfWork:
    work = UnitOfWork()
    work.write(INSERT, {"name": name, "value": ""}, otherwise=Busy(f"{name} is there"))
    return work


def names(record: Any) -> set[str]:
    return {row.name for row in record.run(record.database.fetch(select(tables.meta)))}


class Counted:
    """The real database, and how many units went into each transaction."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.sizes: list[int] = []

    async def apply(self, units: Any) -> None:
        self.sizes.append(len(units))
        await self.database.apply(units)


def test_what_comes_together_shares_a_transaction(record: Any) -> None:
    counted = Counted(record.database)

    async def together() -> None:
        committer = GroupCommitter(counted)  # type: ignore[arg-type]
        await asyncio.gather(*(committer.commit(noted(f"n{number}")) for number in range(100)))
        await committer.close()

    record.run(together())
    assert len(names(record)) == 100
    assert counted.sizes == [64, 36]


def test_the_error_reaches_the_one_who_caused_it(record: Any) -> None:
    record.commit(noted("taken"))
    outcomes = record.all(*(record.committer.commit(noted(name)) for name in ("a", "taken", "b", "taken")))
    assert [type(outcome) for outcome in outcomes] == [type(None), Busy, type(None), Busy]
    assert names(record) == {"taken", "a", "b"}


def test_a_caller_that_goes_away_stops_nobody(record: Any) -> None:
    async def leaving() -> None:
        one = asyncio.create_task(record.committer.commit(noted("one")))
        two = asyncio.create_task(record.committer.commit(noted("two")))
        await asyncio.sleep(0)
        one.cancel()
        await two
        with pytest.raises(asyncio.CancelledError):
            await one

    record.run(leaving())
    assert names(record) == {"one", "two"}


def test_a_queue_that_is_full_says_so(record: Any) -> None:
    async def crowded() -> list[Any]:
        committer = GroupCommitter(record.database)
        return await asyncio.gather(
            *(committer.commit(noted(f"n{number}")) for number in range(2_010)), return_exceptions=True
        )

    outcomes = record.run(crowded())
    assert [type(outcome) for outcome in outcomes].count(Busy) == 10
    assert len(names(record)) == 2_000


def test_closing_waits_for_what_was_noted(record: Any) -> None:
    async def closing() -> None:
        task = asyncio.create_task(record.committer.commit(noted("last")))
        await asyncio.sleep(0)
        await record.committer.close()
        await asyncio.wait_for(task, 1)

    record.run(closing())
    assert names(record) == {"last"}
    record.run(record.committer.close())
