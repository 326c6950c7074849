"""Incidents on both databases: steps are added, sealed, and two who work at one time do not both win."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from gateway.crypto.envelope import KeyTree
from gateway.errors import Outdated
from gateway.stores import tables
from gateway.stores.incidents import IncidentRow, IncidentStore, StepRow
from gateway.stores.work import UnitOfWork

ROW = IncidentRow(
    number=1, title="t", severity="high", state="open", opened_at=5, opened_by="alice", after=None, steps=1
)
STEP = StepRow(
    incident=1,
    number=1,
    at=5,
    actor="alice",
    kind="opened",
    content={"text": "Zoé was there"},
    digest=bytes(32),
    audit_id=9,
)


@pytest.fixture
def store(record: Any) -> IncidentStore:
    found = IncidentStore(record.database, KeyTree(bytes(32)))
    work = UnitOfWork()
    found.open(work, ROW)
    found.append(work, STEP)
    record.commit(work)
    return found


def test_an_incident_comes_back_with_its_steps(record: Any, store: IncidentStore) -> None:
    assert record.run(store.one(1)) == ROW
    assert record.run(store.one(2)) is None
    assert record.run(store.steps(1)) == [STEP]
    assert record.run(store.next_number()) == 2
    assert record.run(store.listed()) == [ROW]


def test_what_a_step_says_is_sealed(record: Any, store: IncidentStore) -> None:  # noqa: ARG001
    (row,) = record.run(record.database.fetch(select(tables.incident_step.c.content)))
    assert "Zoé".encode() not in bytes(row.content)


def test_of_two_steps_at_one_time_one_is_written(record: Any, store: IncidentStore) -> None:
    for winner in (True, False):
        work = UnitOfWork()
        store.append(work, replace(STEP, number=2))
        store.move(work, 1, 1, 2, "examined")
        if winner:
            record.commit(work)
        else:
            with pytest.raises(Outdated, match="at the same time"):
                record.commit(work)
    assert len(record.run(store.steps(1))) == 2
    assert record.run(store.one(1)).state == "examined"
    work = UnitOfWork()
    store.move(work, 1, 1, 2, "closed")
    with pytest.raises(Outdated):
        record.commit(work)
