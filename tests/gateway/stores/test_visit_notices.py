"""Visits on their way to become relations, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.errors import Outdated
from gateway.record.measures import VisitRules
from gateway.record.people import Node, PatientId
from gateway.stores.visit_notices import VisitEvent, VisitNotices
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ANNA = PatientId("A-1", "2.999.1.1")
NODE = Node(
    name="hospital",
    fingerprints=frozenset(),
    environment="integration",
    organisation="2.999.9",
    organisation_name="Hospital",
    transactions=frozenset(),
)


def notices(record: Any, *, counted: bool = True) -> VisitNotices:
    rules: Callable[[], VisitRules] = lambda: VisitRules(counted=counted)  # noqa: E731
    return VisitNotices(record.database, record.new_key, rules)


def tell(record: Any, store: VisitNotices, event: VisitEvent) -> None:
    work = UnitOfWork()
    store.tell(work, ANNA, "V-1", NODE, event, "ITI-31", "0" * 32, AT)
    record.commit(work)


def test_notices_wait_in_their_order_until_they_are_done(record: Any) -> None:
    store = notices(record)
    for event in (VisitEvent.OPEN, VisitEvent.ENDED):
        tell(record, store, event)
    first, second = record.run(store.first(9))
    assert (first.event, second.event) == (VisitEvent.OPEN, VisitEvent.ENDED)
    assert (first.patient, first.number, first.node, first.organisation, first.at) == (
        ANNA, "V-1", "hospital", "2.999.9", AT,
    )  # fmt: skip
    work = UnitOfWork()
    store.done(work, [first])
    record.commit(work)
    assert record.run(store.first(9)) == [second]
    work = UnitOfWork()
    store.done(work, [first])
    with pytest.raises(Outdated):
        record.commit(work)


def test_where_visits_do_not_count_nothing_is_noted(record: Any) -> None:
    store = notices(record, counted=False)
    tell(record, store, VisitEvent.OPEN)
    assert record.run(store.first(9)) == []
