"""What is kept for the next part of an answer, for whom, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.errors import Defect
from gateway.stores import tables
from gateway.stores.continuations import ContinuationStore
from gateway.stores.work import UnitOfWork
from tests.recording import AT

PERSONS = (1 << 62, 3, 2)


@pytest.fixture
def store(record: Any) -> ContinuationStore:
    return ContinuationStore(record.database, record.keys, 600.0)


def keep(record: Any, store: ContinuationStore, tag: str = "tag", at: Any = AT, node: str = "ward") -> str:
    work = UnitOfWork()
    pointer = store.keep(work, node, tag, PERSONS, at)
    record.commit(work)
    return pointer


def rows(record: Any) -> list[Any]:
    return list(record.run(record.database.fetch(select(tables.continuation))))


def test_the_order_of_persons_and_the_tag_come_back(record: Any, store: ContinuationStore) -> None:
    pointer = keep(record, store, "Zoé's query ^~\\&")
    found = record.run(store.find("ward", pointer, AT))
    assert (found.tag, found.persons) == ("Zoé's query ^~\\&", PERSONS)
    assert record.run(store.find_tag("ward", found.tag, AT)) == found


def test_nobody_can_be_kept_too(record: Any, store: ContinuationStore) -> None:
    work = UnitOfWork()
    pointer = store.keep(work, "ward", "", (), AT)
    record.commit(work)
    assert record.run(store.find("ward", pointer, AT)).persons == ()


def test_nothing_is_there_before_the_commit(record: Any, store: ContinuationStore) -> None:
    pointer = store.keep(UnitOfWork(), "ward", "tag", PERSONS, AT)
    assert record.run(store.find("ward", pointer, AT)) is None


def test_pointers_are_not_to_be_guessed(record: Any, store: ContinuationStore) -> None:
    first, second = keep(record, store), keep(record, store)
    assert first != second
    assert len(first) == 32
    assert int(first, 16) >= 0


def test_what_is_kept_is_the_node_s_own(record: Any, store: ContinuationStore) -> None:
    pointer = keep(record, store)
    assert record.run(store.find("other", pointer, AT)) is None
    assert record.run(store.find_tag("other", "tag", AT)) is None
    assert record.run(store.find("ward", "0" * 32, AT)) is None
    assert record.run(store.find_tag("ward", "another", AT)) is None


def test_the_last_query_of_a_tag_counts(record: Any, store: ContinuationStore) -> None:
    keep(record, store)
    work = UnitOfWork()
    store.keep(work, "ward", "tag", (7,), AT + timedelta(seconds=1))
    record.commit(work)
    assert record.run(store.find_tag("ward", "tag", AT)).persons == (7,)


def test_it_is_over_after_its_time(record: Any, store: ContinuationStore) -> None:
    pointer = keep(record, store)
    assert record.run(store.find("ward", pointer, AT + timedelta(seconds=599))) is not None
    assert record.run(store.find("ward", pointer, AT + timedelta(seconds=600))) is None
    assert record.run(store.find_tag("ward", "tag", AT + timedelta(seconds=600))) is None


def test_what_is_over_is_removed_when_something_is_kept(record: Any, store: ContinuationStore) -> None:
    keep(record, store)
    keep(record, store, at=AT + timedelta(seconds=599))
    assert len(rows(record)) == 2
    last = keep(record, store, at=AT + timedelta(seconds=1_199))
    assert [row.pointer for row in rows(record)] == [last]


def test_a_query_that_was_cancelled_is_gone(record: Any, store: ContinuationStore) -> None:
    first, second = keep(record, store), keep(record, store)
    other, foreign = keep(record, store, "another"), keep(record, store, node="other")
    work = UnitOfWork()
    store.drop(work, "ward", "tag")
    record.commit(work)
    assert {row.pointer for row in rows(record)} == {other, foreign}
    assert {first, second}.isdisjoint(row.pointer for row in rows(record))


def test_neither_tag_nor_persons_can_be_read_in_the_table(record: Any, store: ContinuationStore) -> None:
    keep(record, store, "Schmit 1980")
    (row,) = rows(record)
    assert "Schmit" not in row.tag
    assert b"Schmit" not in row.persons
    assert PERSONS[0].to_bytes(8, "big") not in row.persons


def test_a_row_cannot_be_given_to_another_node(record: Any, store: ContinuationStore) -> None:
    pointer = keep(record, store)
    work = UnitOfWork()
    work.write(tables.continuation.update().values(node="other"))
    record.commit(work)
    with pytest.raises(Defect):
        record.run(store.find("other", pointer, AT))
