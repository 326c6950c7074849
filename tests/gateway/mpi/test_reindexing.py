from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import delete, func, select, update

from gateway.crypto.envelope import seal_text
from gateway.mpi.reindexing import Reindexed, reindex
from gateway.record.demographics import NOTHING
from gateway.record.people import PatientId
from gateway.stores import tables
from gateway.stores.work import UnitOfWork

Ids = Callable[[str], PatientId]
_P, _T = tables.patient.c, tables.patient_token.c


def renew(index: Any, **options: Any) -> Reindexed:
    found: Reindexed = index.record.run(reindex(index.mpi, index.record.committer, **options))
    return found


def written(index: Any, statement: Any) -> None:
    work = UnitOfWork()
    work.write(statement, {})
    index.record.commit(work)


def rows(index: Any) -> list[tuple[int, ...]]:
    found = index.record.run(index.record.database.fetch(select(tables.patient_token)))
    return sorted(tuple(row) for row in found)


def traits(index: Any) -> list[Any]:
    held = index.record.run(index.mpi.store.following(0, 100))
    return [each.traits for each in held]


def test_what_is_of_today_stays(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    index.feed(told.bruno, ids("city:2"))
    before = rows(index), traits(index)
    assert renew(index) == Reindexed(seen=2)
    assert renew(index, everything=True) == Reindexed(seen=2, renewed=2)
    assert (rows(index), traits(index)) == before


def test_traits_that_are_missing_are_computed_and_found_by(index: Any, told: Any, ids: Ids) -> None:
    for number, domain in enumerate(("city", "valley", "xad"), start=1):
        index.feed(told.bruno if domain == "xad" else told.anna, ids(f"{domain}:{number}"))
    before = rows(index), traits(index)
    written(index, update(tables.patient).where(_P.root != "2.999.3").values(traits=None))
    written(index, delete(tables.patient_token))
    assert renew(index, batch=2) == Reindexed(seen=3, renewed=2)
    city = index.held(ids("city:1")).identity.key
    assert rows(index) == [each for each in before[0] if each[1] != city]
    assert traits(index) == before[1]
    assert renew(index, everything=True, batch=1) == Reindexed(seen=3, renewed=3)
    assert (rows(index), traits(index)) == before


def test_rows_of_an_older_form_go(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    before = rows(index)
    held = index.held(ids("city:1"))
    key = held.identity.key
    packed = orjson.dumps({**orjson.loads(held.traits), "form": 0})
    sealed = seal_text(held.record_key, b"traits|%d" % key, packed)
    written(index, update(tables.patient).values(traits=sealed))
    first = before[0][0]
    written(index, update(tables.patient_token).where(_T.token == first).values(token=first - 1))
    written(index, update(tables.patient_token).where(_T.token == before[1][0]).values(year=1, families=0))
    assert renew(index) == Reindexed(seen=1, renewed=1)
    assert rows(index) == before


def test_who_has_told_nothing_is_left_as_it_is(index: Any, ids: Ids) -> None:
    index.feed(NOTHING, ids("city:1"))
    written(index, update(tables.patient).values(traits=None))
    assert renew(index) == Reindexed(seen=1)


def test_a_feed_that_comes_between_wins(index: Any, told: Any, ids: Ids) -> None:
    index.feed(told.anna, ids("city:1"))
    held = index.held(ids("city:1"))
    index.feed(told.bruno, ids("city:1"))
    count = select(func.count()).select_from(tables.patient_token)
    before = index.record.run(index.record.database.fetch(count))[0][0]

    class Stale:
        """A store whose reader was slower than the feed."""

        def __getattr__(self, name: str) -> Any:
            return getattr(index.mpi.store, name)

        async def following(self, after: int, most: int) -> list[Any]:
            return [held] if after == 0 and most else []

    slow = replace(index.mpi, store=Stale())
    found = index.record.run(reindex(slow, index.record.committer, everything=True))
    assert found == Reindexed(seen=1, outdated=1)
    assert index.record.run(index.record.database.fetch(count))[0][0] == before
    assert index.held(ids("city:1")).told == told.bruno
