"""Events are found by time, term and kind, the newest first, over the weeks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.record.events import Agent, AuditRecord, Entity
from gateway.record.people import Code
from gateway.stores.events import OWN, EventStore, Found, Question
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
