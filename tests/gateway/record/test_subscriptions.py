"""Which changes a subscription is about."""

import pytest

from gateway.record.patients import PersonChange
from gateway.record.people import PatientId
from gateway.record.subscriptions import Criteria

ONE, TWO, GONE = PatientId("1", "2.999.3"), PatientId("2", "2.999.4"), PatientId("9", "2.999.5")
CHANGE = PersonChange(person=7, before=(ONE,), after=(ONE, TWO), merged=((GONE, ONE),))


@pytest.mark.parametrize(
    "criteria",
    [
        Criteria(),
        Criteria(person=7),
        Criteria(root="2.999.3"),
        Criteria(root="2.999.4", value="2"),
        Criteria(value="2"),
        Criteria(root="2.999.5", value="9"),
    ],
)
def test_who_is_meant_is_told(criteria: Criteria) -> None:
    assert criteria.meet(CHANGE)


@pytest.mark.parametrize(
    "criteria",
    [
        Criteria(person=8),
        Criteria(root="2.999.6"),
        Criteria(root="2.999.3", value="2"),
        Criteria(value="3"),
    ],
)
def test_who_is_not_meant_is_not_told(criteria: Criteria) -> None:
    assert not criteria.meet(CHANGE)


def test_one_who_leaves_is_still_meant() -> None:
    assert Criteria(root="2.999.4").meet(PersonChange(person=7, before=(ONE, TWO), after=(ONE,)))
