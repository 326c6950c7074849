"""Visits in the database: sealed, step by step, each written once."""

from typing import Any

import pytest
from sqlalchemy import select

from gateway.errors import Outdated
from gateway.record.demographics import Demographics
from gateway.record.patients import PatientFeed
from gateway.record.people import PatientId
from gateway.record.visits import Visit, VisitFacts
from gateway.stores import tables
from gateway.stores.work import UnitOfWork

FIRST, OTHER = PatientId("PAT-1", "2.999.1.1"), PatientId("PAT-2", "2.999.1.1")
WARD = VisitFacts(location="SECRET^1")


def noted(record: Any, patient: PatientId, number: str, at: Any) -> UnitOfWork:
    """The next step of a visit, not written yet."""
    work = UnitOfWork()
    found = record.run(record.visits.find(work, patient, number))
    visit = (found.current or Visit(number=number)).moved(WARD, "active", "A01", f"M{len(found.steps)}")
    record.visits.note(work, found, visit, "A01", at)
    return work


def test_steps_are_found_again_and_nothing_is_readable(record: Any) -> None:
    key = record.feed(FIRST)
    at = record.asking().at
    for _ in range(2):
        record.commit(noted(record, FIRST, "V1", at))
    found = record.run(record.visits.find(UnitOfWork(), FIRST, "V1"))
    assert (found.patient_key, sorted(found.steps), found.current.movement) == (key, [1, 2], "M1")
    assert found.current.facts == WARD
    rows = record.run(record.database.fetch(select(tables.visit)))
    assert all(b"SECRET" not in row.facts for row in rows)


def test_of_two_at_once_one_is_written(record: Any) -> None:
    record.feed(FIRST)
    at = record.asking().at
    first, second = noted(record, FIRST, "V1", at), noted(record, FIRST, "V1", at)
    record.commit(first)
    with pytest.raises(Outdated):
        record.commit(second)


def test_a_patient_who_begins_with_the_same_unit(record: Any) -> None:
    work = UnitOfWork()
    feed = PatientFeed(identifiers=(FIRST,), demographics=Demographics(), message_id="1")
    asking = record.asking(work)
    record.run(record.index.feed(asking, feed))
    found = record.run(record.visits.find(work, FIRST, "V1"))
    record.visits.note(work, found, Visit(number="V1").moved(WARD, "active", "A01", ""), "A01", asking.at)
    record.commit(work)
    assert record.run(record.visits.find(UnitOfWork(), FIRST, "V1")).current.facts == WARD


def test_the_latest_of_some_patients(record: Any) -> None:
    keys = [record.feed(each) for each in (FIRST, OTHER)]
    at = record.asking().at
    for patient, number in ((FIRST, "V1"), (OTHER, "V2"), (FIRST, "V1")):
        record.commit(noted(record, patient, number, at))
    found = record.run(record.visits.latest(keys))
    assert sorted((key, visit.number, visit.step) for key, visit in found) == sorted(
        [(keys[0], "V1", 2), (keys[1], "V2", 1)]
    )
    assert record.run(record.visits.latest([])) == []


def test_nobody_who_is_unknown_or_merged_has_visits(record: Any) -> None:
    record.feed(FIRST)
    record.feed(OTHER)
    record.merge(FIRST, OTHER)
    for patient in (OTHER, PatientId("X", "2.999.1.1")):
        assert record.run(record.visits.find(UnitOfWork(), patient, "V1")) is None
