"""Dates of a search: RFC 3339, whole or in part, with the prefixes of FHIR (RESTful ATNA 3.81.4.1.2.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.errors import Meaning
from profiles.atna.errors import refused

EARLIEST, LATEST = -(2**62), 2**62
"""Open ends, in milliseconds since 1970."""
_DATE = re.compile(
    r"(?P<prefix>eq|ge|gt|le|lt|sa|eb)?(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<fraction>\.\d{1,9})?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DECEMBER = 12


@dataclass(frozen=True, slots=True)
class Span:
    """Milliseconds since 1970, both included."""

    since: int
    until: int

    def holds(self, at: int) -> bool:
        """Whether the moment lies inside."""
        return self.since <= at <= self.until


def read_span(value: str, name: str = "date") -> Span:
    """The time that a value stands for; without a zone it is UTC."""
    match = _DATE.fullmatch(value.strip().replace(" ", "+"))
    if match is None:
        raise refused(Meaning.DATA_TYPE, f"{name}: expected a date such as ge2026-01-31T08:30:00Z", name)
    try:
        first, end = _first_and_end(match)
    except (ValueError, OverflowError) as error:
        raise refused(Meaning.DATA_TYPE, f"{name}: there is no such date", name) from error
    match (match["prefix"] or "eq").lower():
        case "ge":
            return Span(first, LATEST)
        case "gt" | "sa":
            return Span(end, LATEST)
        case "le":
            return Span(EARLIEST, end - 1)
        case "lt" | "eb":
            return Span(EARLIEST, first - 1)
        case _:
            return Span(first, end - 1)


def _first_and_end(match: re.Match[str]) -> tuple[int, int]:
    """Of what is written: a year, a month, a day, a minute, a second, or a part of one."""
    year, month = int(match["year"]), int(match["month"] or 1)
    start = datetime(year, month, int(match["day"] or 1), tzinfo=UTC)
    if match["month"] is None:
        return _millis(start), _millis(start.replace(year=year + 1))
    if match["day"] is None:
        end = datetime(year + month // _DECEMBER, month % _DECEMBER + 1, 1, tzinfo=UTC)
        return _millis(start), _millis(end)
    if match["hour"] is None:
        return _millis(start), _millis(start + timedelta(days=1))
    return _within_a_day(match, start)


def _within_a_day(match: re.Match[str], day: datetime) -> tuple[int, int]:
    at = day.replace(hour=int(match["hour"]), minute=int(match["minute"])) - _offset(match["zone"])
    if match["second"] is None:
        return _millis(at), _millis(at + timedelta(minutes=1))
    # A leap second is told as the second before it.
    at += timedelta(seconds=min(int(match["second"]), 59))
    if match["fraction"] is None:
        return _millis(at), _millis(at + timedelta(seconds=1))
    at += timedelta(milliseconds=int(float(match["fraction"]) * 1000))
    return _millis(at), _millis(at) + 1


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone.upper() == "Z":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[4:])
    return timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)


def _millis(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND
