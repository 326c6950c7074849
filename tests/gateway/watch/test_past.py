"""Rules that hold an event against the subject's own past."""

from __future__ import annotations

from typing import Any

from gateway.watch.event import Subject
from gateway.watch.past import Dormant, TwoPlaces, UnusualHour, UnusualVolume
from gateway.watch.rule import Memory, Raised, Rule


def found(rule: Rule, *events: Any) -> list[Raised]:
    memory: Memory = {}
    raised = []
    for each in events:
        subject = rule.subject(each)
        if subject is not None and (one := rule.look(memory, each, subject)) is not None:
            raised.append(one)
    return raised


def hour(seen: Any, number: int, patients: int, **told: Any) -> list[Any]:
    return [
        seen(hours=number, seconds=each, patients=(1_000 * number + each,), **told)
        for each in range(patients)
    ]


def test_five_times_the_busiest_hour_of_the_past_is_told_once(seen: Any) -> None:
    rule = UnusualVolume(kind="person", least=30, times=5)
    past = [each for number in range(12) for each in hour(seen, number, 8)]
    (alert,) = found(rule, *past, *hour(seen, 13, 45))
    assert "41 different patients" in alert.explanation
    assert "the busiest of the last 12 active hours had 8" in alert.explanation
    assert found(rule, *past, *hour(seen, 13, 40)) == []


def test_without_a_past_there_is_nothing_to_compare_with(seen: Any) -> None:
    rule = UnusualVolume(kind="person", least=30, times=5)
    past = [each for number in range(8) for each in hour(seen, number, 2)]
    assert found(rule, *past, *hour(seen, 13, 50)) == []


def test_few_patients_are_few_however_quiet_the_past(seen: Any) -> None:
    rule = UnusualVolume(kind="person", least=30, times=5)
    past = [each for number in range(12) for each in hour(seen, number, 1)]
    assert found(rule, *past, *hour(seen, 13, 29)) == []


def test_what_a_rule_remembers_is_bounded(seen: Any) -> None:
    rule, memory = UnusualVolume(kind="person", least=30, times=5), {}
    for number in range(100):
        for each in hour(seen, number, 3):
            rule.look(memory, each, Subject("person", "dr.weber"))
    assert len(memory["past"]) == 40
    assert len(memory["patients"]) == 3


def test_the_first_use_after_ninety_days_is_told(seen: Any) -> None:
    rule = Dormant(days=90)
    assert found(rule, seen(), seen(days=90)) == []
    (alert,) = found(rule, seen(), seen(days=91), seen(days=91, minutes=1))
    assert "for the first time after 91 days" in alert.explanation
    assert found(rule, seen(days=200)) == [], "the first use of all"


def test_two_organisations_at_one_time_are_told(seen: Any) -> None:
    rule = TwoPlaces(minutes=5)
    (alert,) = found(rule, seen(), seen(minutes=2, organisation="2.999.2.2"))
    assert "120 seconds apart" in alert.explanation
    assert found(rule, seen(), seen(minutes=6, organisation="2.999.2.2")) == []
    late = seen(minutes=-2, organisation="2.999.2.2")
    assert len(found(rule, seen(), late)) == 1, "in whatever order they come"


def test_an_hour_that_was_never_worked_is_told_after_some_days_of_use(seen: Any) -> None:
    rule = UnusualHour(days=20)
    month = [seen(days=day, hours=each) for day in range(25) for each in (0, 4, 8)]
    (alert,) = found(rule, *month, seen(days=25, hours=-6))
    assert "2026-03-27 02:00:00Z" in alert.explanation
    assert found(rule, *month, seen(days=25, hours=9)) == [], "an hour more is overtime"
    assert found(rule, *month[:30], seen(days=10, hours=-6)) == [], "too new to have habits"


def test_who_is_on_duty_at_night_now_and_then_is_usual(seen: Any) -> None:
    month = [seen(days=day, hours=18 if day % 9 == 0 else 2) for day in range(40)]
    assert found(UnusualHour(days=20), *month) == []


def test_only_professionals_have_such_a_past(seen: Any) -> None:
    patient = {"person": Subject("patient", "00ff")}
    assert found(Dormant(days=90), seen(**patient), seen(days=100, **patient)) == []
