"""All rules together: a normal day of a town raises nothing; what they remember fits and survives."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from gateway.config.trail import Watch as Limits
from gateway.watch import watch as module
from gateway.watch.event import Kin, Seen, Subject, What
from gateway.watch.rule import Raised
from gateway.watch.watch import Watch, rules_of

PEOPLE, DAYS = 40, 30


def days(seen: Any) -> list[Seen]:
    """Thirty days of forty professionals at four organisations, as the trail has them.

    Each has a list of own patients and sees 8 to 20 a day, some twice, within ten hours; one in five works at
    night; now and then a refusal, a wrong password, a patient of the own name, a broken message, a bad
    certificate.
    """
    chance = random.Random(7)  # noqa: S311 - the same days each time
    found: list[Seen] = []
    for day in range(DAYS):
        for number in range(PEOPLE):
            found += shift(seen, chance, day, number)
    return sorted(found, key=lambda each: each.at)


def shift(seen: Any, chance: random.Random, day: int, number: int) -> list[Seen]:
    place = number % 4
    usual: dict[str, Any] = {
        "person": Subject("person", f"p{number}"),
        "organisation": f"2.999.2.{place}",
        "node": f"node{place}",
    }
    begin = 12 if number % 5 == 0 and day % 2 else 0
    events = []
    for visit in range(chance.randint(8, 20)):
        at = begin + chance.uniform(0, 10)
        patient = number * 1_000 + chance.randint(0, 400)
        kin = (Kin.FAMILY,) if visit == 3 and day % 6 == 0 else ()
        look = {**usual, "days": day, "hours": at, "patients": (patient,), "kin": kin}
        events += [seen(**look), seen(**{**look, "hours": at + 0.02})]
        if chance.random() < 0.02:
            events.append(seen(**{**look, "hours": at + 0.03, "refused": True}))
        if chance.random() < 0.01:
            what = chance.choice([What.ASSERTION, What.MESSAGE, What.NODE])
            failed = {**usual, "person": None, "organisation": None, "what": what, "reads": False}
            events.append(seen(**{**failed, "days": day, "hours": at}))
    return events


def found(watch: Watch, events: list[Seen]) -> list[Raised]:
    raised = []
    for each in watch.concerned(events):
        watch.remember({}, watch.unknown([each]))
        raised += watch.look(each)
    return raised


def test_a_month_of_normal_days_raises_nothing(seen: Any) -> None:
    month = days(seen)
    assert len(month) > 20_000
    assert found(Watch(rules_of(Limits())), month) == []


def test_an_attack_in_the_midst_of_it_is_told_for_who_did_it(seen: Any) -> None:
    who = {"person": Subject("person", "p3"), "organisation": "2.999.2.3", "node": "node3"}
    attack = [seen(days=29, hours=3, seconds=20 * each, patients=(each,), **who) for each in range(70)]
    events = sorted([*days(seen), *attack], key=lambda each: each.at)
    raised = found(Watch(rules_of(Limits())), events)
    assert {each.rule for each in raised} == {"mass-query", "unusual-volume"}
    assert {each.subject for each in raised} == {Subject("person", "p3")}


def test_what_is_remembered_is_json_and_goes_on_after_a_restart(seen: Any) -> None:
    refused = [seen(seconds=each, refused=True, patients=(each,)) for each in range(10)]
    first = Watch(rules_of(Limits()))
    assert found(first, refused[:9]) == []
    kept = orjson.loads(orjson.dumps({key: first.known[key] for key in first.touched}))
    second = Watch(rules_of(Limits()))
    (last,) = second.concerned(refused[9:])
    wanted = second.unknown([last])
    assert wanted == {"person|dr.weber", "node|hospital", "organisation|2.999.2.1"}
    second.remember(kept, wanted)
    assert [each.rule for each in second.look(last)] == ["refusals"]


def test_memory_has_a_bound_but_nothing_goes_before_it_was_kept(
    seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD", 20)
    watch = Watch(rules_of(Limits()))
    found(watch, [seen(person=Subject("person", f"p{each}")) for each in range(50)])
    assert len(watch.known) > 20
    watch.kept()
    assert (len(watch.known), watch.touched) == (20, {})
    assert "person|p49" in watch.known


def test_what_a_subject_may_fill_is_bounded(seen: Any) -> None:
    watch = Watch(rules_of(Limits()))
    flood = [
        seen(seconds=each / 10, patients=tuple(range(each * 50, each * 50 + 50)), refused=True)
        for each in range(400)
    ]
    found(watch, flood)
    sizes = {key: len(orjson.dumps(memory)) for key, memory in watch.known.items()}
    assert max(sizes.values()) < 200_000, sizes
