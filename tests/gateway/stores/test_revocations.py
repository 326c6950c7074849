"""Revocations on both databases: written, seen in time, ended, lifted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.record.revoked import RevokedKind
from gateway.stores.keys import key_maker
from gateway.stores.revocations import Revocation, RevocationStore, RevocationView
from gateway.stores.work import UnitOfWork

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PERSON, NODE = RevokedKind.PERSON, RevokedKind.NODE


def revocation(name: str, kind: RevokedKind = PERSON, until: datetime | None = None) -> Revocation:
    return Revocation(kind=kind, name=name, at=NOW, until=until, actor="operator", reason="because")


@pytest.fixture
def store(record: Any) -> RevocationStore:
    return RevocationStore(record.database, key_maker())


@pytest.fixture
def run(record: Any) -> Any:
    return record.run


@pytest.fixture
def add(store: RevocationStore, record: Any, run: Any) -> Any:
    def write(*revocations: Revocation) -> None:
        work = UnitOfWork()
        for each in revocations:
            store.add(work, each)
        run(record.database.apply([work]))

    return write


def test_what_is_active(store: RevocationStore, add: Any, run: Any) -> None:
    end = NOW + timedelta(hours=1)
    add(revocation("urn:oid:2.999.7", RevokedKind.ORGANISATION), revocation("dr-1", until=end))
    found = run(store.active(NOW))
    assert found.names == {(RevokedKind.ORGANISATION, "2.999.7"): None, (PERSON, "dr-1"): end}
    assert not run(store.active(NOW - timedelta(seconds=1))).names, "not before it was written"
    assert not run(store.active(end)).holds(PERSON, "dr-1", end)


def test_the_longest_counts(store: RevocationStore, add: Any, run: Any) -> None:
    ends = [NOW + timedelta(hours=hours) for hours in (2, 1)]
    add(*(revocation("dr-1", until=end) for end in ends))
    assert run(store.active(NOW)).names == {(PERSON, "dr-1"): ends[0]}
    add(revocation("dr-1"))
    assert run(store.active(NOW)).names == {(PERSON, "dr-1"): None}


def test_lifted(store: RevocationStore, add: Any, run: Any, record: Any) -> None:
    add(revocation("dr-1"), revocation("dr-1"), revocation("dr-1", NODE))
    work = UnitOfWork()
    store.lift(work, PERSON, "dr-1", "another", NOW + timedelta(minutes=1))
    run(record.database.apply([work]))
    assert run(store.active(NOW)).names == {(NODE, "dr-1"): None}
    told = run(store.listed())
    assert [each.lifted_by for each in told] == ["another", "another", None], "nothing is deleted"
    assert (told[0].at, told[0].actor, told[0].reason) == (NOW, "operator", "because")
    assert told[0].lifted_at == NOW + timedelta(minutes=1)


def test_the_view_reads_once_a_second(store: RevocationStore, add: Any, run: Any) -> None:
    time = [0.0]
    view = RevocationView(store, clock=lambda: time[0])
    first = run(view.current(NOW))
    add(revocation("dr-1"))
    time[0] = 0.99
    assert run(view.current(NOW)) is first
    time[0] = 1.0
    assert run(view.current(NOW)).holds(PERSON, "dr-1", NOW)


def test_all_who_ask_at_once_get_the_fresh_reading(store: RevocationStore, add: Any, run: Any) -> None:
    time = [0.0]
    view = RevocationView(store, clock=lambda: time[0])
    run(view.current(NOW))
    add(revocation("dr-1"))
    time[0] = 5.0

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(view.current(NOW) for _ in range(20)))

    found = run(all_of_them())
    assert all(each is found[0] for each in found)
    assert found[0].holds(PERSON, "dr-1", NOW)


def test_what_an_incident_revoked_is_known_by_it_and_lifted_by_it_alone(
    store: RevocationStore, add: Any, run: Any, record: Any
) -> None:
    add(replace(revocation("urn:oid:2.999.2.1"), incident=4), revocation("2.999.2.1"))
    assert run(store.holding(PERSON, "2.999.2.1")) == [4]
    work = UnitOfWork()
    store.lift(work, PERSON, "urn:oid:2.999.2.1", "bob", NOW, incident=4)
    record.commit(work)
    assert run(store.holding(PERSON, "2.999.2.1")) == []
    assert [each.incident for each in run(store.listed()) if each.lifted_at is None] == [None]
    assert run(store.active(NOW)).holds(PERSON, "2.999.2.1", NOW)
