"""Emergencies on both databases: numbers, windows, reviews, notices; what is sealed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from gateway.errors import Defect, Outdated
from gateway.record.emergencies import Claimant, Judgement
from gateway.record.people import PatientId
from gateway.stores.emergencies import EmergencyStore
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ANNA, BEN = PatientId("A-1", "2.999.1.1"), PatientId("B-1", "2.999.1.1")
WHO = Claimant(
    subject="dr-1",
    name="Dr One",
    role="PHYSICIAN",
    role_name="Physician",
    organisation="2.999.5.1",
    organisation_name="House",
    reason="unconscious",
)


class Desk:
    def __init__(self, record: Any) -> None:
        self.record = record
        self.store: EmergencyStore = record.access.emergencies
        self.keys = {each: record.feed(each) for each in (ANNA, BEN)}

    def open(self, number: int, patient: PatientId = ANNA, who: Claimant = WHO, at: datetime = AT) -> int:
        work = UnitOfWork()
        key = self.record.run(
            self.store.open(
                work,
                number=number,
                patient_key=self.keys[patient],
                claimant=who,
                at=at,
                until=at + timedelta(hours=12),
                deadline=at + timedelta(days=7),
                trace_id="0" * 32,
            )
        )
        self.record.commit(work)
        return int(key)

    def judge(self, key: int, judgement: Judgement = Judgement.ABUSE) -> None:
        work = UnitOfWork()
        self.record.run(self.store.judge(work, key, judgement, "dpo", "no reason", AT))
        self.record.commit(work)

    def stop(self, key: int, *, once: bool = True) -> None:
        work = UnitOfWork()
        self.store.stop(work, key, "TIME", AT, once=once)
        self.record.commit(work)


@pytest.fixture
def desk(record: Any) -> Desk:
    return Desk(record)


def test_an_emergency_is_read_as_it_was_written(desk: Desk) -> None:
    key = desk.open(1)
    found = desk.record.run(desk.store.find(key))
    assert (found.claimant, found.patient, found.patient_key) == (WHO, ANNA, desk.keys[ANNA])
    assert (found.at, found.until, found.deadline) == (
        AT, AT + timedelta(hours=12), AT + timedelta(days=7),
    )  # fmt: skip
    assert (found.judgement, found.stopped_at, found.judged_by) == (Judgement.OPEN, None, None)
    assert not found.overdue(AT + timedelta(days=7))
    assert found.overdue(AT + timedelta(days=7, seconds=1))
    assert desk.record.run(desk.store.find(key + 1)) is None


def test_claims_are_those_of_the_person_the_newest_first(desk: Desk) -> None:
    first, second = desk.open(1), desk.open(2, BEN)
    desk.open(1, ANNA, replace(WHO, subject="dr-2"))
    claims = desk.record.run(desk.store.claims("dr-1"))
    assert [(each.key, each.number, each.patient) for each in claims] == [(second, 2, BEN), (first, 1, ANNA)]
    assert claims[0].open(AT)
    assert not claims[0].open(AT + timedelta(hours=12))
    desk.stop(second)
    assert not desk.record.run(desk.store.claims("dr-1"))[0].open(AT)
    assert desk.record.run(desk.store.claims("dr-3")) == []


def test_two_that_begin_at_once_cannot_both_be_written(desk: Desk) -> None:
    desk.open(1)
    with pytest.raises(Outdated):
        desk.open(1, BEN)


def test_an_emergency_ends_once(desk: Desk) -> None:
    key = desk.open(1)
    assert desk.record.run(desk.store.run_out(AT + timedelta(hours=12, seconds=-1), 9)) == []
    (over,) = desk.record.run(desk.store.run_out(AT + timedelta(hours=12), 9))
    assert over.key == key
    desk.stop(key)
    with pytest.raises(Outdated):
        desk.stop(key)
    desk.stop(key, once=False)
    assert desk.record.run(desk.store.run_out(AT + timedelta(hours=12), 9)) == []
    assert desk.record.run(desk.store.find(key)).stop == "TIME"


def test_a_review_is_said_once_and_read_again(desk: Desk) -> None:
    key = desk.open(1)
    desk.judge(key)
    found = desk.record.run(desk.store.find(key))
    assert (found.judgement, found.judged_by, found.judged_why) == (Judgement.ABUSE, "dpo", "no reason")
    with pytest.raises(Outdated):
        desk.judge(key, Judgement.ACCEPTED)
    with pytest.raises(Defect):
        desk.judge(key + 1)


def test_the_queue_is_in_order_and_in_pages(desk: Desk) -> None:
    keys = [desk.open(number) for number in (1, 2, 3)]
    desk.judge(keys[1])
    listed = desk.store.listed
    assert [each.key for each in desk.record.run(listed([Judgement.OPEN], 0, 9))] == [keys[0], keys[2]]
    assert [each.key for each in desk.record.run(listed([Judgement.ABUSE], 0, 9))] == [keys[1]]
    assert [each.key for each in desk.record.run(listed(Judgement, keys[0], 1))] == [keys[1]]


def test_uses_and_notices(desk: Desk) -> None:
    key, work = desk.open(1), UnitOfWork()
    desk.store.use(work, key, "ITI-18", "1" * 32, AT)
    notice = desk.record.run(desk.store.notify(work, key, ANNA, desk.keys[ANNA], WHO, AT))
    desk.record.commit(work)
    (use,) = desk.record.run(desk.store.uses(key))
    assert (use.transaction, use.trace_id, use.at) == ("ITI-18", "1" * 32, AT)
    assert desk.record.run(desk.store.notices([desk.keys[ANNA]])) == [notice]
    assert desk.record.run(desk.store.notices([desk.keys[BEN]])) == []
    assert desk.record.run(desk.store.notices([])) == []


def test_what_is_counted_names_nobody(desk: Desk) -> None:
    desk.open(1)
    desk.judge(desk.open(2, at=AT + timedelta(days=40)))
    counted = desk.record.run(desk.store.counted(AT + timedelta(days=1)))
    assert [(each.organisation, each.role, each.judgement) for each in counted] == [
        ("2.999.5.1", "PHYSICIAN", Judgement.ABUSE)
    ]


def test_why_stands_sealed_and_a_change_is_seen(desk: Desk) -> None:
    key = desk.open(1)
    (row,) = desk.record.run(desk.record.database.fetch(text("SELECT facts FROM emergency")))
    assert b"unconscious" not in bytes(row.facts)
    assert b"Dr One" not in bytes(row.facts)
    work = UnitOfWork()
    work.write(text("UPDATE emergency SET key = key + 1"))
    desk.record.commit(work)
    with pytest.raises(Defect):
        desk.record.run(desk.store.find(key + 1))
