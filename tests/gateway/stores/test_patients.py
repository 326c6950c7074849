from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select

from gateway.errors import Defect
from gateway.record.access import Grant, Scope
from gateway.record.demographics import Demographics, PersonName
from gateway.record.patients import PatientRecord
from gateway.record.people import PatientId
from gateway.stores import tables
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, tzinfo=UTC)
FEEDS = Scope(unrestricted=True)
ONE, TWO, THREE = (PatientId(f"PAT-{number}", "2.999.1.1") for number in (1, 2, 3))
TOLD = Demographics(names=(PersonName(family="Doe", given=("Jo",)),), birth_date="19700102", sex="F")


def find(record: Any, identity: PatientId) -> PatientRecord:
    found = record.run(record.patients.find(identity))
    assert isinstance(found, PatientRecord)
    return found


def test_a_patient_is_known_after_a_feed_only(record: Any) -> None:
    assert record.run(record.patients.find(ONE)) is None
    key = record.feed(ONE)
    assert find(record, ONE) == PatientRecord(key, key, ONE, ONE, (key,), ())
    assert record.run(record.patients.find(PatientId(ONE.extension, "2.999.1.2"))) is None
    assert record.run(record.patients.find(PatientId("pat-1", ONE.root))) is None


def test_demographics_are_sealed_and_given_to_the_scope(record: Any) -> None:
    record.feed(ONE, TOLD)
    (row,) = record.run(record.database.fetch(select(tables.patient)))
    assert b"Doe" not in row.demographics
    found = find(record, ONE)
    assert record.run(record.patients.demographics(FEEDS, found)) == TOLD
    assert record.run(record.patients.demographics(Scope(grants={found.key: Grant(rank=1)}), found)) == TOLD
    assert record.run(record.patients.demographics(Scope(), found)) == Demographics()


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
    record.merge(TWO, ONE)
    subsumed = find(record, ONE)
    assert (subsumed.key, subsumed.head, subsumed.shown) == (keys[ONE], keys[TWO], TWO)
    assert subsumed.subsumed
    assert find(record, TWO).keys == (keys[TWO], keys[ONE])
    record.merge(THREE, TWO)
    assert {find(record, identity).shown for identity in (ONE, TWO, THREE)} == {THREE}
    assert find(record, ONE).keys[0] == keys[THREE]
    assert set(find(record, ONE).keys) == set(keys.values())
    (owner,) = record.run(record.patients.owners([keys[ONE], keys[TWO]]))
    assert (owner.key, owner.identity, owner.shown) == (keys[THREE], THREE, THREE)
    assert owner.keys[0] == keys[THREE]
    assert set(owner.keys) == set(keys.values())


def test_the_rights_are_those_of_all_that_was_merged(record: Any) -> None:
    """Who was locked out of either record does not come in by a merge."""
    keys = [record.feed(each) for each in (ONE, TWO)]
    for key in keys:
        work = UnitOfWork()
        row = {"patient_key": key, "rights": f'{{"of": {key}}}', "changed_at": 1}
        work.write(insert(tables.patient_rights), row)
        record.commit(work)
    assert find(record, TWO).rights == (f'{{"of": {keys[1]}}}',)
    record.merge(TWO, ONE)
    assert set(find(record, TWO).rights) == {f'{{"of": {key}}}' for key in keys}


def test_the_records_of_a_person_are_found_under_every_identifier(record: Any) -> None:
    keys = [record.feed(each) for each in (ONE, TWO)]
    persons = {row.key: row.person for row in record.run(record.database.fetch(select(tables.patient)))}
    (found,) = record.run(record.patients.of_persons([persons[keys[0]]]))
    assert (found.shown, found.keys) == (ONE, (keys[0],))
    assert record.run(record.patients.of_persons([1])) == []
