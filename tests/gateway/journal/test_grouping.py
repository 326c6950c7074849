"""Groups: one person in one organisation, close in time or during one visit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.grouping import GAP, Stay, grouped, stays_of
from gateway.journal.model import Entry
from gateway.record.visits import CANCELLED, Visit, VisitFacts
from tests.accesses import AT, MINE, READ_PATH, decided, entry_of, record

READ = entry_of(record(), decided((MINE, READ_PATH, "PERMIT")))
NOW = AT + timedelta(days=30)


def at(hours: float, person: str = "dr.weber") -> Entry:
    when = AT + timedelta(hours=hours)
    return replace(READ, at=when, name=f"{hours}-{person}", actor=replace(READ.actor, identifier=person))


def test_a_pause_begins_another_group() -> None:
    found = grouped([at(0), at(3), at(3.5, "dr.klein"), at(20)])
    assert [[each.name for each in group.entries] for group in found] == [
        ["20-dr.weber"],
        ["3.5-dr.klein"],
        ["3-dr.weber", "0-dr.weber"],
    ]


def test_a_visit_holds_together() -> None:
    stay = Stay(AT - timedelta(days=1), AT + timedelta(days=3))
    (inside,) = grouped([at(0), at(40)], [stay])
    assert inside.visit == stay.start
    assert [each.visit for each in grouped([at(0), at(200)], [stay])] == [None, stay.start]


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from("ab")), max_size=30, unique=True))
def test_every_entry_is_in_one_group(told: list[tuple[int, str]]) -> None:
    entries = [at(hours, person) for hours, person in told]
    groups = grouped(entries)
    names = [each.name for group in groups for each in group.entries]
    assert sorted(names) == sorted(each.name for each in entries)
    for group in groups:
        times = [each.at for each in group.entries]
        assert times == sorted(times, reverse=True)
        assert all(newer - older <= GAP for newer, older in pairwise(times))
        assert {each.actor.key for each in group.entries} == {group.actor.key}


@pytest.mark.parametrize(
    ("admitted", "start"),
    [
        ("20261120", datetime(2026, 11, 20, tzinfo=UTC)),
        ("202611201030", datetime(2026, 11, 20, 10, 30, tzinfo=UTC)),
        ("20261120103000.123+0100", datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
        ("soon", None),
        ("20269999", None),
        (None, None),
    ],
)
def test_visits_as_messages_tell_them(admitted: str | None, start: datetime | None) -> None:
    facts = VisitFacts(admitted_at=admitted)
    found = stays_of([Visit(number="1", facts=facts)], NOW)
    assert found == ((Stay(start, NOW),) if start is not None else ())


def test_a_cancelled_visit_is_none() -> None:
    facts = VisitFacts(admitted_at="20261120", discharged_at="20261121")
    visits = [Visit(number="1", facts=facts), Visit(number="2", facts=facts, state=CANCELLED)]
    (found,) = stays_of(visits, NOW)
    assert found.end == datetime(2026, 11, 21, tzinfo=UTC)
