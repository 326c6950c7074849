"""Codes of presence and wrong ones on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from gateway.errors import Outdated
from gateway.stores.presence import KEPT, PresenceStore
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store(record: Any) -> PresenceStore:
    found: PresenceStore = record.access.presence.store
    return found


def add(record: Any, store: PresenceStore, key: int, number: int, code: str) -> None:
    work = UnitOfWork()
    store.add(work, key, number, code, AT, AT + DAY)
    record.commit(work)


def spend(record: Any, store: PresenceStore, found: int) -> None:
    work = UnitOfWork()
    store.spend(work, found)
    record.commit(work)


def test_a_code_is_found_for_its_patient_while_it_is_open(record: Any, store: PresenceStore) -> None:
    add(record, store, 1, 1, "AAAA")
    assert record.run(store.open([1, 2], "AAAA", AT)) is not None
    assert record.run(store.open([1], "AAAA", AT + DAY)) is None
    assert record.run(store.open([2], "AAAA", AT)) is None
    assert record.run(store.open([], "AAAA", AT)) is None
    assert record.run(store.open([1], "AAAB", AT)) is None


def test_a_code_is_spent_once(record: Any, store: PresenceStore) -> None:
    add(record, store, 1, 1, "AAAA")
    found = record.run(store.open([1], "AAAA", AT))
    spend(record, store, found)
    assert record.run(store.open([1], "AAAA", AT)) is None
    with pytest.raises(Outdated):
        spend(record, store, found)


def test_codes_are_numbered_so_that_two_at_once_are_noticed(record: Any, store: PresenceStore) -> None:
    assert record.run(store.numbers(1, AT)) == (0, 1)
    add(record, store, 1, 1, "AAAA")
    add(record, store, 2, 1, "AAAA")
    assert record.run(store.numbers(1, AT)) == (1, 2)
    assert record.run(store.numbers(1, AT + DAY)) == (0, 2)
    with pytest.raises(Outdated):
        add(record, store, 1, 1, "BBBB")


def test_wrong_codes_are_counted_by_person_and_patient(record: Any, store: PresenceStore) -> None:
    for subject, patient in (("dr-1", "P-1"), ("dr-1", "P-2"), ("dr-2", "P-1")):
        work = UnitOfWork()
        store.miss(work, subject, patient, AT)
        assert not work.steps, "nothing that is lost with a refusal"
        record.commit(UnitOfWork(steps=list(work.lasting)))
    assert record.run(store.misses("dr-1", "P-1", AT - DAY)) == (2, 2)
    assert record.run(store.misses("dr-2", "P-2", AT - DAY)) == (1, 1)
    assert record.run(store.misses("P-1", "dr-1", AT - DAY)) == (0, 0)
    assert record.run(store.misses("dr-1", "P-1", AT)) == (0, 0)


def test_what_counts_no_more_is_forgotten(record: Any, store: PresenceStore) -> None:
    add(record, store, 1, 1, "AAAA")
    work = UnitOfWork()
    store.miss(work, "dr-1", "P-1", AT)
    record.commit(UnitOfWork(steps=list(work.lasting)))

    def left(at: datetime) -> list[int]:
        work = UnitOfWork()
        store.forget(work, at)
        record.commit(work)
        tables = ("presence_code", "presence_miss")
        query = "SELECT count(*) FROM {}"
        return [record.run(record.database.fetch(text(query.format(each))))[0][0] for each in tables]

    assert left(AT + KEPT) == [1, 2]
    assert left(AT + KEPT + timedelta(seconds=1)) == [1, 0]
    assert left(AT + DAY + KEPT + timedelta(seconds=1)) == [0, 0]


def test_neither_codes_nor_names_can_be_read(record: Any, store: PresenceStore) -> None:
    add(record, store, 1, 1, "AAAA")
    work = UnitOfWork()
    store.miss(work, "dr-1", "P-1", AT)
    record.commit(UnitOfWork(steps=list(work.lasting)))
    queries = ("SELECT digest FROM presence_code", "SELECT name FROM presence_miss")
    kept = [row[0] for each in queries for row in record.run(record.database.fetch(text(each)))]
    assert all(len(each) == 64 for each in kept)
    assert len(set(kept)) == 3
