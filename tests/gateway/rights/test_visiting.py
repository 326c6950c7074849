"""Visits become care relations, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import Outdated
from gateway.record.access import Listing, Period
from gateway.record.measures import VisitRules
from gateway.record.people import Node, PatientId
from gateway.rights.rights_json import from_json
from gateway.rights.visiting import Visiting
from gateway.stores.visit_notices import VisitEvent, VisitNotices
from gateway.stores.work import UnitOfWork

ANNA, LOCAL = PatientId("A-1", "2.999.1.1"), PatientId("L-1", "2.999.3")
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HOUSE = Node(
    name="hospital",
    fingerprints=frozenset(),
    environment="integration",
    organisation="2.999.9",
    organisation_name="Hospital",
    transactions=frozenset(),
)
CLINIC = replace(HOUSE, name="clinic", organisation="2.999.10")
OPEN, SEEN, ENDED, UNDONE = VisitEvent


class Keeper:
    """Tells of visits, and works them in."""

    def __init__(self, record: Any) -> None:
        self.record, self.key = record, record.feed(ANNA)
        notices = VisitNotices(record.database, record.new_key, lambda: VisitRules(counted=True))
        self.visiting = Visiting(notices, record.access.rights, record.index.mpi.store, "2.999.1.1")

    def tell(self, event: VisitEvent, at: datetime = AT, **more: Any) -> None:
        work = UnitOfWork()
        given: dict[str, Any] = {"patient": ANNA, "number": "V-1", "node": HOUSE, **more}
        self.visiting.notices.tell(work, event=event, by="ITI-31", trace_id="0" * 32, at=at, **given)
        self.record.commit(work)

    def noted(self, at: datetime = AT) -> UnitOfWork | None:
        visits = self.record.run(self.visiting.waiting(100))
        if not visits:
            return None
        work = UnitOfWork()
        self.record.run(self.visiting.work_in(work, visits[0], at))
        return work

    def work_in(self) -> int:
        rounds = 0
        while (work := self.noted()) is not None:
            self.record.commit(work)
            rounds += 1
        return rounds

    def relations(self, key: int | None = None) -> tuple[Listing, ...]:
        found = self.record.run(self.record.access.rights.store.rights(key or self.key))
        return from_json(found[0]).relations if found else ()


@pytest.fixture
def keeper(record: Any) -> Keeper:
    return Keeper(record)


def test_a_visit_is_an_open_relation_and_its_end_ends_it(keeper: Keeper) -> None:
    keeper.tell(OPEN)
    assert keeper.work_in() == 1
    assert keeper.relations() == (Listing("2.999.9", Period(AT, None)),)
    left = AT + timedelta(days=3)
    keeper.tell(ENDED, left)
    keeper.work_in()
    assert keeper.relations() == (Listing("2.999.9", Period(AT, left + timedelta(days=30))),)


def test_what_is_told_again_changes_nothing(keeper: Keeper) -> None:
    for _ in range(3):
        keeper.tell(OPEN)
        keeper.work_in()
    call = keeper.record.asking(scope=keeper.record.scope(ANNA))
    consents = keeper.record.run(keeper.record.access.rights.consents(call, versions=True))
    assert len(consents) == 1


def test_of_each_patient_one_visit_is_worked_in_at_a_time(keeper: Keeper) -> None:
    for number, patient in (("V-1", ANNA), ("V-2", ANNA), ("V-1", LOCAL), ("V-1", ANNA)):
        keeper.tell(OPEN, number=number, patient=patient)
    visits = keeper.record.run(keeper.visiting.waiting(100))
    assert [[(each.number, each.patient) for each in one] for one in visits] == [
        [("V-1", ANNA), ("V-1", ANNA)],
        [("V-1", LOCAL)],
    ]


def test_visits_and_organisations_are_apart(keeper: Keeper) -> None:
    keeper.tell(OPEN)
    keeper.tell(OPEN, number="V-2")
    keeper.tell(OPEN, node=CLINIC)
    keeper.tell(UNDONE)
    assert keeper.work_in() == 3
    assert sorted(each.subject for each in keeper.relations()) == ["2.999.10", "2.999.9"]


def test_a_visit_without_an_end_lasts_for_the_usual_time(keeper: Keeper) -> None:
    keeper.tell(SEEN, number="")
    keeper.work_in()
    assert keeper.relations() == (Listing("2.999.9", Period(AT, AT + timedelta(days=90))),)


def test_an_identity_of_a_hospital_leads_to_the_record_of_the_person(keeper: Keeper) -> None:
    work = UnitOfWork()
    keeper.record.feed(LOCAL)
    keeper.tell(OPEN, patient=LOCAL)
    keeper.work_in()
    assert keeper.relations() == (), "nobody has said that they are one person"
    keeper.record.run(keeper.record.index.link(keeper.record.asking(work), ANNA, LOCAL, "-"))
    keeper.record.commit(work)
    keeper.tell(OPEN, patient=LOCAL)
    keeper.work_in()
    assert [each.subject for each in keeper.relations()] == ["2.999.9"]


def test_of_somebody_who_is_not_known_nothing_is_kept(keeper: Keeper) -> None:
    keeper.tell(OPEN, patient=PatientId("NOBODY", "2.999.1.1"))
    assert keeper.work_in() == 1
    assert keeper.noted() is None


def test_two_keepers_do_not_work_a_visit_in_twice(keeper: Keeper) -> None:
    keeper.tell(OPEN)
    first, second = keeper.noted(), keeper.noted()
    keeper.record.commit(first)
    with pytest.raises(Outdated):
        keeper.record.commit(second)
    assert len(keeper.relations()) == 1
