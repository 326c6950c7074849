"""Puts entries together that belong to one visit: the same person and organisation, close in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from gateway.journal.model import Entry, Group
from gateway.record.visits import CANCELLED, Visit

GAP = timedelta(hours=4)
"""Entries further apart are two visits."""
_LENGTHS = (("%Y%m%d%H%M%S", 14), ("%Y%m%d%H%M", 12), ("%Y%m%d", 8))


@dataclass(frozen=True, slots=True)
class Stay:
    """A visit that was told by messages, from admission to discharge."""

    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.start <= at <= self.end


def stays_of(visits: Iterable[Visit], now: datetime) -> tuple[Stay, ...]:
    """The visits whose beginning was told; one without an end lasts until now."""
    found = []
    for each in visits:
        start, end = _moment(each.facts.admitted_at), _moment(each.facts.discharged_at)
        if start is not None and each.state != CANCELLED:
            found.append(Stay(start, end or now))
    return tuple(sorted(found, key=lambda each: each.start))


def grouped(entries: Iterable[Entry], stays: Sequence[Stay] = ()) -> tuple[Group, ...]:
    """The groups, that with the newest entry first, and in each the newest entry first."""
    kept: dict[tuple[str, str, str], list[Entry]] = {}
    for each in sorted(entries, key=lambda one: (one.at, one.name), reverse=True):
        kept.setdefault(each.actor.key, []).append(each)
    groups = [group for listed in kept.values() for group in _cut(listed, stays)]
    return tuple(sorted(groups, key=lambda each: (each.entries[0].at, each.entries[0].name), reverse=True))


def _cut(listed: Sequence[Entry], stays: Sequence[Stay]) -> list[Group]:
    """Groups of one person, from entries in the order of their time."""
    parts = [[listed[0]]]
    for newer, older in pairwise(listed):
        if _together(newer.at, older.at, stays):
            parts[-1].append(older)
        else:
            parts.append([older])
    return [
        Group(actor=part[0].actor, entries=tuple(part), visit=_start(part[-1].at, stays)) for part in parts
    ]


def _together(newer: datetime, older: datetime, stays: Sequence[Stay]) -> bool:
    begun = _start(newer, stays)
    return newer - older <= GAP or (begun is not None and begun == _start(older, stays))


def _start(at: datetime, stays: Sequence[Stay]) -> datetime | None:
    return next((each.start for each in reversed(stays) if each.holds(at)), None)


def _moment(text: str | None) -> datetime | None:
    """A time of HL7 v2 (TS) as far as it can be placed; without a zone it is taken for UTC."""
    plain = (text or "").strip()
    body, sign, zone = plain.partition("+") if "+" in plain else plain.partition("-")
    body = body.partition(".")[0]
    for form, length in _LENGTHS:
        if len(body) >= length:
            try:
                return datetime.strptime(f"{body[:length]}{sign}{zone or '+0000'}", f"{form}%z").astimezone(
                    UTC
                )
            except ValueError:
                return None
    return None
