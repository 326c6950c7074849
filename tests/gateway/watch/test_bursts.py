"""Rules about many events in a short time: what reaches the limit is told, what stays below is not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config.trail import Watch as Limits
from gateway.watch.event import Subject, What
from gateway.watch.rule import Raised
from gateway.watch.watch import Watch, rules_of


def found(events: list[Any], **limits: Any) -> list[Raised]:
    watch = Watch(rules_of(Limits(**limits)))
    raised = []
    for each in watch.concerned(events):
        watch.remember({}, watch.unknown([each]))
        raised += watch.look(each)
    return raised


def test_a_burst_of_refusals_is_told_for_the_person_with_its_facts(seen: Any) -> None:
    refused = [seen(minutes=each / 2, refused=True) for each in range(10)]
    (alert,) = found(refused)
    assert (alert.rule, alert.severity) == ("refusals", "medium")
    assert alert.subject == Subject("person", "dr.weber")
    assert "10 refusals within 10 minutes" in alert.explanation
    assert "2026-03-02 08:00:00Z" in alert.explanation
    assert alert.events[-1] == refused[-1].name
    assert found(refused[:9]) == []


def test_refusals_that_are_spread_over_the_day_are_none(seen: Any) -> None:
    assert found([seen(minutes=2 * each, refused=True) for each in range(40)]) == []


def test_refusals_of_many_persons_are_told_for_their_node_and_organisation(seen: Any) -> None:
    refused = [
        seen(seconds=each, refused=True, person=Subject("person", f"p{each % 25}")) for each in range(100)
    ]
    kinds = [each.subject.kind for each in found(refused)]
    assert kinds == ["node", "node", "organisation"]


def test_a_patient_who_acts_is_told_as_a_digest(seen: Any) -> None:
    (alert,) = found([seen(refused=True, person=Subject("patient", "00ff")) for _ in range(10)])
    assert alert.subject == Subject("patient", "00ff")


@pytest.mark.parametrize(
    ("what", "rule", "limit"),
    [
        (What.ASSERTION, "assertion-failures", 10),
        (What.MESSAGE, "message-failures", 5),
        (What.NODE, "node-failures", 5),
    ],
)
def test_failures_are_told_for_the_node_or_the_address(seen: Any, what: What, rule: str, limit: int) -> None:
    nobody = {"what": what, "person": None, "organisation": None, "reads": False}
    (alert,) = found([seen(**nobody) for _ in range(limit)])
    assert (alert.rule, alert.subject) == (rule, Subject("node", "hospital"))
    (alert,) = found([seen(**nobody, node="") for _ in range(limit)])
    assert alert.subject == Subject("address", "192.0.2.7")
    assert found([seen(**nobody) for _ in range(limit - 1)]) == []


def test_twenty_guessed_documents_are_told_however_they_are_asked_for(seen: Any) -> None:
    (alert,) = found([seen(missed=25)])
    assert (alert.rule, alert.severity) == ("guessing", "high")
    assert "25 documents asked for in vain" in alert.explanation
    assert len(found([seen(seconds=each, missed=1) for each in range(20)])) == 1
    assert found([seen(minutes=each, missed=1) for each in range(60)]) == []


def test_what_is_told_is_counted_anew(seen: Any) -> None:
    assert len(found([seen(refused=True) for _ in range(19)], refusals_node=1_000)) == 1
    assert len(found([seen(refused=True) for _ in range(20)], refusals_node=1_000)) == 2


def test_each_emergency_is_told_once_and_three_patients_are_too_many(seen: Any) -> None:
    visits = [seen(minutes=5 * each, emergency=True, patients=(each // 2,)) for each in range(4)]
    assert [each.rule for each in found(visits)] == ["emergency", "emergency"]
    third = seen(minutes=30, emergency=True, patients=(7,))
    assert [each.rule for each in found([*visits, third])][-2:] == ["emergency", "emergencies"]
    refused = seen(minutes=30, emergency=True, patients=(7,), refused=True)
    assert [each.rule for each in found([*visits, refused])] == ["emergency", "emergency"]


def test_emergencies_that_the_policy_refuses_are_told(seen: Any) -> None:
    (alert,) = found([seen(what=What.EMERGENCIES)])
    assert (alert.rule, alert.severity) == ("emergencies", "high")


def test_a_mass_query_counts_different_patients_within_an_hour(seen: Any) -> None:
    sixty = [seen(seconds=30 * each, patients=(each,)) for each in range(60)]
    (alert,) = found(sixty)
    assert (alert.rule, alert.severity) == ("mass-query", "high")
    assert "60 different patients" in alert.explanation
    assert found([seen(seconds=each, patients=(each % 59,)) for each in range(600)]) == []
    assert found([seen(minutes=2 * each, patients=(each,)) for each in range(120)]) == []
    assert found([seen(seconds=each, patients=(each,), reads=False) for each in range(600)]) == []


def test_an_organisation_has_a_limit_of_its_own(seen: Any) -> None:
    crowd = [
        seen(seconds=each, patients=(each,), person=Subject("person", f"p{each % 20}")) for each in range(200)
    ]
    assert found(crowd) == []
    (alert,) = found(crowd, query_organisation=200)
    assert alert.subject == Subject("organisation", "2.999.2.1")


def test_a_rule_that_is_off_finds_nothing(seen: Any) -> None:
    assert found([seen(refused=True) for _ in range(50)], off=("refusals",)) == []
