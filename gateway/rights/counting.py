"""Figures of emergency accesses by organisation, role and month, without anything about persons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.record.emergencies import Judgement
from gateway.stores.emergencies import Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one organisation, role and month (YYYY-MM). `overdue` are those of `waiting` whose time is over."""

    organisation: str
    role: str
    month: str
    total: int
    accepted: int
    abuse: int
    waiting: int
    overdue: int


def figures(emergencies: Iterable[Counted], now: datetime) -> list[Figures]:
    """By organisation, role and month, in that order."""
    groups: dict[tuple[str, str, str], list[Counted]] = {}
    for each in emergencies:
        key = (each.organisation or "-", each.role or "-", f"{each.at:%Y-%m}")
        groups.setdefault(key, []).append(each)
    return [_figures(key, groups[key], now) for key in sorted(groups)]


def _figures(key: tuple[str, str, str], group: list[Counted], now: datetime) -> Figures:
    waiting = [each for each in group if each.judgement is Judgement.OPEN]
    organisation, role, month = key
    return Figures(
        organisation=organisation,
        role=role,
        month=month,
        total=len(group),
        accepted=sum(each.judgement is Judgement.ACCEPTED for each in group),
        abuse=sum(each.judgement is Judgement.ABUSE for each in group),
        waiting=len(waiting),
        overdue=sum(each.deadline < now for each in waiting),
    )
