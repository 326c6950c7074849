"""Alerts and what rules remember, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from gateway.crypto.envelope import KeyTree
from gateway.errors import Defect, Outdated
from gateway.stores.alerts import DISMISSED, INCIDENT, Alert, AlertStore, time_of
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FIRST = Alert(
    number=1,
    rule="refusals",
    kind="person",
    subject="dr.weber",
    severity="medium",
    explanation="10 refusals",
    events=("a-1", "b-2"),
    first_at=millis(AT),
    last_at=millis(AT),
)


@pytest.fixture
def store(record: Any) -> AlertStore:
    return AlertStore(record.database, KeyTree(bytes(32)))


def test_memories_come_back_and_say_how_far_they_reach(record: Any, store: AlertStore) -> None:
    assert record.run(store.reached()) == 0
    for count, position in ((1, 7), (2, 9)):
        work = UnitOfWork()
        store.keep(work, {"person|a": {"refusals": {"n": count}}}, {"person|a": 5}, position)
        record.commit(work)
    assert record.run(store.reached()) == 9
    assert record.run(store.memories(["person|a", "person|b"])) == {"person|a": {"refusals": {"n": 2}}}


def test_memories_are_sealed_each_in_its_place(record: Any, store: AlertStore) -> None:
    work = UnitOfWork()
    store.keep(work, {"person|a": {"x": 1}}, {"person|a": 5}, 1)
    work.write(text("UPDATE watch_state SET subject = 'person|b'"))
    record.commit(work)
    with pytest.raises(Defect, match="does not open"):
        record.run(store.memories(["person|b"]))


def test_who_did_nothing_for_long_is_forgotten(record: Any, store: AlertStore) -> None:
    work = UnitOfWork()
    times = {"person|a": millis(AT - timedelta(days=401)), "person|b": millis(AT)}
    store.keep(work, {"person|a": {}, "person|b": {}}, times, 1)
    record.commit(work)
    work = UnitOfWork()
    store.forget(work, AT - timedelta(days=400))
    record.commit(work)
    assert record.run(store.memories(times)) == {"person|b": {}}


def add(record: Any, store: AlertStore, *alerts: Alert) -> None:
    work = UnitOfWork()
    for each in alerts:
        store.add(work, each)
    record.commit(work)


def test_the_same_finding_is_found_until_it_is_too_old_or_dismissed(record: Any, store: AlertStore) -> None:
    add(record, store, FIRST, replace(FIRST, number=2, rule="mass-query"))
    same = ("refusals", "person", "dr.weber")
    assert record.run(store.like(*same, millis(AT) - 1)) == FIRST
    assert record.run(store.like(*same, millis(AT))) is None
    assert record.run(store.like("refusals", "node", "dr.weber", 0)) is None
    work = UnitOfWork()
    store.again(work, replace(FIRST, last_at=FIRST.last_at + 5, explanation="more", events=("c-3",)))
    record.commit(work)
    again = record.run(store.one(1))
    assert (again.count, again.last_at - FIRST.last_at, again.events) == (2, 5, ("c-3",))
    work = UnitOfWork()
    store.settle(work, again, DISMISSED, "alice", "nothing")
    record.commit(work)
    assert record.run(store.like(*same, 0)) is None
    assert [each.number for each in record.run(store.listed(10))] == [2, 1]
    assert record.run(store.next_number()) == 3


def test_what_is_settled_twice_is_settled_once(record: Any, store: AlertStore) -> None:
    add(record, store, FIRST)
    work = UnitOfWork()
    store.settle(work, FIRST, INCIDENT, "alice", "", 4)
    record.commit(work)
    assert record.run(store.one(1)).incident == 4
    work = UnitOfWork()
    store.settle(work, FIRST, DISMISSED, "bob", "nothing")
    with pytest.raises(Outdated):
        record.commit(work)


def test_an_alert_may_be_added_and_settled_in_one_transaction(record: Any, store: AlertStore) -> None:
    work = UnitOfWork()
    store.add(work, FIRST)
    store.again(work, FIRST)
    store.settle(work, FIRST, INCIDENT, "watch", "", 1)
    record.commit(work)
    found = record.run(store.one(1))
    assert (found.count, found.state) == (2, INCIDENT)
    assert time_of(found.first_at) == AT
