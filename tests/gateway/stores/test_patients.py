from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select

from gateway.errors import Defect, Meaning, Refused
from gateway.record.access import Grant, Scope
from gateway.record.patients import Demographics, PatientRecord
from gateway.record.people import PatientId
from gateway.stores import tables
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, tzinfo=UTC)
FEEDS = Scope(unrestricted=True)
ONE, TWO, THREE = (PatientId(f"PAT-{number}", "2.999.1.1") for number in (1, 2, 3))
TOLD = Demographics(family="Doe", given="Jo", birth_date="19700101", sex="F")


def find(record: Any, identity: PatientId) -> PatientRecord:
    found = record.run(record.patients.find(identity))
    assert isinstance(found, PatientRecord)
    return found


def merging(record: Any, survivor: PatientRecord, subsumed: PatientRecord) -> UnitOfWork:
    work = UnitOfWork()
    record.patients.merge(work, FEEDS, survivor, subsumed)
    return work


def merge(record: Any, survivor: PatientId, subsumed: PatientId) -> None:
    record.commit(merging(record, find(record, survivor), find(record, subsumed)))


def test_a_patient_is_known_after_a_feed_only(record: Any) -> None:
    assert record.run(record.patients.find(ONE)) is None
    key = record.feed(ONE)
    assert find(record, ONE) == PatientRecord(key, key, ONE, ONE, (key,), None)
    assert record.run(record.patients.find(PatientId(ONE.extension, "2.999.1.2"))) is None
    assert record.run(record.patients.find(PatientId("pat-1", ONE.root))) is None


def test_one_identifier_belongs_to_one_patient(record: Any) -> None:
    works = []
    for _ in range(3):
        works.append(UnitOfWork())
        record.patients.add(works[-1], FEEDS, ONE, TOLD, AT)
    outcomes = record.all(*(record.database.apply([work]) for work in works))
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert len(refused) == 2
    assert all(isinstance(item, Refused) and item.problems[0].meaning is Meaning.BUSY for item in refused)
    assert len(record.run(record.database.fetch(select(tables.patient)))) == 1
    assert len(record.run(record.database.fetch(select(tables.record_key)))) == 1


def test_demographics_are_sealed_and_given_to_the_scope(record: Any) -> None:
    record.feed(ONE, TOLD)
    (row,) = record.run(record.database.fetch(select(tables.patient)))
    assert b"Doe" not in row.demographics
    found = find(record, ONE)
    assert record.run(record.patients.demographics(FEEDS, found)) == TOLD
    assert record.run(record.patients.demographics(Scope(grants={found.key: Grant(rank=1)}), found)) == TOLD
    assert record.run(record.patients.demographics(Scope(), found)) == Demographics()


def test_what_is_not_sent_stays_and_what_is_null_goes(record: Any) -> None:
    record.feed(ONE, TOLD)
    work = UnitOfWork()
    told = Demographics(family="Roe", birth_date="")
    record.run(record.patients.change(work, FEEDS, find(record, ONE), told))
    record.commit(work)
    changed = record.run(record.patients.demographics(FEEDS, find(record, ONE)))
    assert changed == replace(TOLD, family="Roe", birth_date=None)


def test_sealed_demographics_do_not_open_for_another_patient(record: Any) -> None:
    record.feed(ONE, TOLD)
    record.feed(TWO, TOLD)
    one, two = find(record, ONE), find(record, TWO)
    rows = {row.key: row for row in record.run(record.database.fetch(select(tables.patient)))}
    work = UnitOfWork()
    table = tables.patient
    work.write(table.update().where(table.c.key == two.key).values(demographics=rows[one.key].demographics))
    record.commit(work)
    with pytest.raises(Defect):
        record.run(record.patients.demographics(FEEDS, two))


def test_an_erased_record_key_makes_the_demographics_unreadable(record: Any) -> None:
    record.feed(ONE, TOLD)
    work = UnitOfWork()
    work.write(tables.record_key.delete())
    record.commit(work)
    with pytest.raises(Defect):
        record.run(record.patients.demographics(FEEDS, find(record, ONE)))


def test_a_merge_makes_one_record_of_two(record: Any) -> None:
    keys = {identity: record.feed(identity) for identity in (ONE, TWO, THREE)}
    merge(record, TWO, ONE)
    subsumed = find(record, ONE)
    assert (subsumed.key, subsumed.head, subsumed.shown) == (keys[ONE], keys[TWO], TWO)
    assert subsumed.subsumed
    assert find(record, TWO).keys == (keys[TWO], keys[ONE])
    merge(record, THREE, TWO)
    assert {find(record, identity).shown for identity in (ONE, TWO, THREE)} == {THREE}
    assert find(record, ONE).keys[0] == keys[THREE]
    assert set(find(record, ONE).keys) == set(keys.values())
    (owner,) = record.run(record.patients.owners([keys[ONE], keys[TWO]]))
    assert (owner.key, owner.identity, owner.shown) == (keys[THREE], THREE, THREE)
    assert owner.keys[0] == keys[THREE]
    assert set(owner.keys) == set(keys.values())


def test_the_rights_are_those_of_the_surviving_identity(record: Any) -> None:
    record.feed(ONE)
    key = record.feed(TWO)
    work = UnitOfWork()
    work.write(insert(tables.patient_rights), {"patient_key": key, "rights": "{}", "changed_at": 1})
    record.commit(work)
    assert (find(record, ONE).rights, find(record, TWO).rights) == (None, "{}")
    merge(record, TWO, ONE)
    assert find(record, ONE).rights == "{}"


def test_of_two_merges_that_cross_one_is_written(record: Any) -> None:
    """A into B and B into A at once must not leave a record without a head."""
    record.feed(ONE)
    record.feed(TWO)
    one, two = find(record, ONE), find(record, TWO)
    works = (merging(record, one, two), merging(record, two, one))
    outcomes = record.all(*(record.database.apply([work]) for work in works))
    assert outcomes.count(None) == 1
    heads = {row.head for row in record.run(record.database.fetch(select(tables.patient)))}
    assert len(heads) == 1


def test_of_two_merges_of_one_patient_at_once_one_is_written(record: Any) -> None:
    for identity in (ONE, TWO, THREE):
        record.feed(identity)
    one, two, three = (find(record, identity) for identity in (ONE, TWO, THREE))
    works = (merging(record, two, one), merging(record, three, one))
    outcomes = record.all(*(record.database.apply([work]) for work in works))
    assert outcomes.count(None) == 1
    assert find(record, ONE).head == (two if outcomes[0] is None else three).head


def test_only_a_feed_changes_patients(record: Any) -> None:
    record.feed(ONE)
    record.feed(TWO)
    scope, work = record.scope(ONE, TWO), UnitOfWork()
    one, two = find(record, ONE), find(record, TWO)
    with pytest.raises(PermissionError):
        record.patients.add(work, scope, THREE, TOLD, AT)
    with pytest.raises(PermissionError):
        record.run(record.patients.change(work, scope, one, TOLD))
    with pytest.raises(PermissionError):
        record.patients.merge(work, scope, one, two)
    assert work.steps == []
