"""Events are found by time, term and kind, the newest first, over the weeks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.record.events import Agent, AuditRecord, Entity
from gateway.record.people import Code
from gateway.stores.events import OWN, EventStore, Found, Question, slot_of
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PATIENT = "P1^^^&2.999.3.1&ISO"
ALWAYS: dict[str, Any] = {"since": 0, "until": millis(AT + timedelta(days=400))}


def event(days: int, patient: str = PATIENT, agent: str = "alice") -> AuditRecord:
    return AuditRecord(
        event=Code("110112", "DCM"),
        types=(Code("ITI-18", "IHE Transactions"),),
        at=AT + timedelta(days=days),
        outcome=8 if days == 3 else 0,
        agents=(Agent(user_id=agent, requestor=True),),
        entities=(Entity(identifier=patient, type_code="1", role="1"),),
    )


def noted(record: Any, *events: AuditRecord) -> EventStore:
    store: EventStore = record.access.trail.events
    work = UnitOfWork()
    for number, each in enumerate(events, 1):
        store.note(work, each, key=number, trail=OWN, place=number)
    record.commit(work)
    return store


def keys(record: Any, store: EventStore, **asked: Any) -> list[int]:
    found: list[Found] = record.run(store.find(Question(**(ALWAYS | asked))))
    return [each.id for each in found]


def test_events_of_a_patient_come_newest_first_page_by_page(record: Any) -> None:
    others = [event(days, "P2^^^&2.999.3.1&ISO") for days in (1, 2)]
    store = noted(record, event(0), event(30), event(3), *others)
    terms = frozenset({f"patient|{PATIENT}"})
    assert keys(record, store, terms=terms) == [2, 3, 1]
    (first,) = record.run(store.find(Question(**ALWAYS, terms=terms, limit=1)))
    assert keys(record, store, terms=terms, before=(first.at, first.id)) == [3, 1]
    assert keys(record, store, terms=terms, since=millis(AT + timedelta(days=4))) == [2]
    assert keys(record, store, terms=frozenset({"patient|nobody"})) == []


def test_events_are_found_by_time_and_kind_alone(record: Any) -> None:
    store = noted(record, event(0), event(3), event(30))
    assert keys(record, store) == [3, 2, 1]
    assert keys(record, store, outcomes=frozenset({8})) == [2]
    assert keys(record, store, subtypes=frozenset({"ITI-43"})) == []
    assert keys(record, store, until=millis(AT), types=frozenset({"110112"})) == [1]
    assert keys(record, store, terms=frozenset({"agent|alice", f"patient|{PATIENT}"}), limit=2) == [3, 2]


def test_pages_lose_and_repeat_nothing_where_many_events_share_a_millisecond(record: Any) -> None:
    """Two terms asked for at once, some events having both, over several weeks with gaps between."""
    days = [0] * 150 + [400] * 90 + [14] * 70
    events = [event(day, agent=("alice", "bob")[number % 2]) for number, day in enumerate(days)]
    store = noted(record, *events)
    for terms in (None, frozenset({f"patient|{PATIENT}", "agent|bob"}), frozenset({"agent|bob"})):
        whole = keys(record, store, terms=terms, limit=10_000)
        expected = [n for n in range(1, 311) if terms != frozenset({"agent|bob"}) or n % 2 == 0]
        assert sorted(whole) == expected
        paged: list[int] = []
        place = None
        while page := record.run(store.find(Question(**ALWAYS, terms=terms, before=place, limit=7))):
            paged += [each.id for each in page]
            place = (page[-1].at, page[-1].id)
        assert paged == whole


def test_an_event_that_comes_late_stands_where_it_belongs(record: Any) -> None:
    store = noted(record, event(2), event(1))
    (first,) = record.run(store.find(Question(**ALWAYS, limit=1)))
    work = UnitOfWork()
    store.note(work, event(3), key=7, trail=OWN, place=7)
    store.note(work, event(1), key=8, trail=OWN, place=8)
    record.commit(work)
    assert keys(record, store, before=(first.at, first.id)) == [8, 2]


def test_looking_stops_at_its_bound_and_goes_on_from_there(record: Any) -> None:
    store = noted(record, *(event(0, agent=f"a{number}") for number in range(1_200)), event(3))
    question = Question(**ALWAYS, outcomes=frozenset({4}), limit=5)
    scanned = record.run(store.scan(question, 600))
    assert (scanned.found, scanned.place is not None) == ([], True)
    found, place = [], None
    question = Question(**ALWAYS, outcomes=frozenset({0}), limit=400)
    for _ in range(20):
        scanned = record.run(store.scan(replace(question, before=place), 300))
        found += [each.id for each in scanned.found]
        if (place := scanned.place) is None:
            break
    assert sorted(found) == list(range(1, 1_201))


def test_a_date_far_away_costs_nothing(record: Any) -> None:
    store = noted(record, event(0), event(300_000))
    assert keys(record, store, until=2**62) == [2, 1]


def test_a_week_of_a_trail_is_forgotten_whole(record: Any) -> None:
    store = noted(record, event(0), event(20))
    work = UnitOfWork()
    store.forget(work, OWN, slot_of(millis(AT)))
    record.commit(work)
    assert keys(record, store, terms=frozenset({f"patient|{PATIENT}"})) == [2]
    assert keys(record, store) == [2]
