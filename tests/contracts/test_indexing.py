"""What was sealed is found, once; what the index lost is found again."""

from __future__ import annotations

import asyncio

import pytest

from gateway.cli.indexing import index_again, index_once
from gateway.cli.keeper import resume, seal_once
from gateway.errors import Outdated
from gateway.stores.work import UnitOfWork
from tests.housing import House
from tests.messages.hl7v2 import hl7


def fed(house: House, *patients: str) -> None:
    for each in patients:
        asyncio.run(house.call("hl7v2", hl7(house, "A01", each)))
    asyncio.run(seal(house))


async def seal(house: House) -> None:
    await seal_once(house.gateway, await resume(house.gateway))


def found(house: House) -> list[tuple[object, ...]]:
    return house._query("SELECT e.id, count(*) FROM event e JOIN event_term t ON e.id = t.id GROUP BY e.id")


def test_what_is_lost_is_found_again_and_what_is_there_stays(house: House) -> None:
    fed(house, "ONE", "TWO", "THREE")
    assert found(house) == []
    asyncio.run(index_once(house.gateway))
    whole = found(house)
    assert len(whole) == house.audit_rows() >= 3
    house.change("DELETE FROM event WHERE id = (SELECT min(id) FROM event)")
    house.change("DELETE FROM event_term WHERE term = (SELECT max(term) FROM event_term)")
    assert found(house) != whole
    asyncio.run(index_once(house.gateway))
    assert found(house) != whole
    asyncio.run(index_again(house.settings))
    asyncio.run(index_once(house.gateway))
    assert found(house) == whole


def test_an_indexer_that_is_overtaken_keeps_nothing(house: House) -> None:
    fed(house, "ONE")
    journal, commit = house.gateway.engine.journal, house.gateway.engine.committer.commit
    work = UnitOfWork()
    journal.keep_indexed(work, 5, 0)
    asyncio.run(commit(work))
    again = UnitOfWork()
    journal.keep_indexed(again, 9, 0)
    with pytest.raises(Outdated):
        asyncio.run(commit(again))
    assert asyncio.run(journal.indexed()) == 5
