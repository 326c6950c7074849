"""Subscriptions: sealed, of one node each, told while they are active."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.errors import Outdated
from gateway.record.subscriptions import Criteria, Status, Subscription
from gateway.stores import tables
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def make(record: Any, node: str = "a", **changes: Any) -> Subscription:
    given = Subscription(
        key=record.new_key(),
        node=node,
        status=Status.ACTIVE,
        address="https://a.example/told",
        content_type="application/fhir+json",
        text='{"resourceType":"Subscription"}',
        criteria=Criteria(root="2.999.3", value="secret-number"),
    )
    held = replace(given, **changes)
    work = UnitOfWork()
    record.subscriptions.add(work, held, AT)
    record.commit(work)
    return held


def change(record: Any, held: Subscription, at: datetime = AT) -> None:
    work = UnitOfWork()
    record.subscriptions.change(work, held, at)
    record.commit(work)


def test_a_subscription_comes_back_as_it_was_and_is_kept_sealed(record: Any) -> None:
    held = make(record)
    assert record.run(record.subscriptions.find(held.key)) == held
    (row,) = record.run(record.database.fetch(select(tables.subscription)))
    assert b"secret-number" not in row.resource
    assert b"told" not in row.resource


def test_only_active_ones_are_told_and_a_change_counts_at_once(record: Any) -> None:
    first, second = make(record), make(record, "b")
    active = record.subscriptions.active
    assert list(record.run(active())) == [first, second]
    off = replace(first, status=Status.OFF)
    change(record, off)
    assert list(record.run(active())) == [second]
    narrowed = replace(second, criteria=Criteria(person=1))
    change(record, narrowed, AT + timedelta(seconds=1))
    assert list(record.run(active())) == [narrowed]


def test_one_that_is_gone_cannot_be_changed(record: Any) -> None:
    held = make(record)
    work = UnitOfWork()
    record.subscriptions.remove(work, held.key)
    record.commit(work)
    assert record.run(record.subscriptions.find(held.key)) is None
    with pytest.raises(Outdated):
        change(record, held)


def test_a_failure_is_told_once_and_ends_the_telling(record: Any) -> None:
    held = make(record)
    for text in ("first", "second"):
        work = UnitOfWork()
        record.run(record.subscriptions.fail(work, held.key, text, AT))
        record.commit(work)
    found = record.run(record.subscriptions.find(held.key))
    assert (found.status, found.error) == (Status.ERROR, "first")
    assert list(record.run(record.subscriptions.active())) == []


def test_subscriptions_are_counted_by_node(record: Any) -> None:
    make(record)
    make(record)
    make(record, "b")
    assert [record.run(record.subscriptions.count(each)) for each in ("a", "b", "c")] == [2, 1, 0]
