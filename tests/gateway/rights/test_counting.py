"""Figures of emergencies: groups, sums, what is overdue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.record.emergencies import Judgement
from gateway.rights.counting import figures
from gateway.stores.emergencies import Counted

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OPEN, ACCEPTED, ABUSE = Judgement


def one(
    judgement: Judgement, days: int, organisation: str | None = "2.999.5.1", role: str = "PHYSICIAN"
) -> Counted:
    at = NOW - timedelta(days=days)
    return Counted(organisation, role, at, judgement, at + timedelta(days=7))


def test_figures_by_organisation_role_and_month() -> None:
    found = figures(
        [
            one(OPEN, 1),
            one(OPEN, 8),
            one(ACCEPTED, 9),
            one(ABUSE, 10),
            one(ABUSE, 30),
            one(OPEN, 7, role="NURSE"),
            one(OPEN, 1, organisation=None),
        ],
        NOW,
    )
    told = [
        (f.organisation, f.role, f.month, f.total, f.accepted, f.abuse, f.waiting, f.overdue) for f in found
    ]
    assert told == [
        ("-", "PHYSICIAN", "2026-11", 1, 0, 0, 1, 0),
        ("2.999.5.1", "NURSE", "2026-11", 1, 0, 0, 1, 0),
        ("2.999.5.1", "PHYSICIAN", "2026-10", 1, 0, 1, 0, 0),
        ("2.999.5.1", "PHYSICIAN", "2026-11", 4, 1, 1, 2, 1),
    ]


def test_without_any_there_are_none() -> None:
    assert figures([], NOW) == []
