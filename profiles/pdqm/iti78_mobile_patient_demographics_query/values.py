"""Values of search parameters: alternatives, tokens, days (FHIR R4 search 3.1.1.4)."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta

from gateway.errors import Meaning, Problem, Refused
from gateway.mpi.query import DateRange

_PIECE = re.compile(r"(?:\\.|[^,\\])+")
_ESCAPED = re.compile(r"\\([,|$\\])")
_BAR = re.compile(r"(?:\\.|[^|\\])*")
_DATE = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:T[0-9:.]+(?:Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_PREFIXES = "eq, ne, gt, ge, lt, le, sa, eb"


def alternatives(name: str, value: str) -> tuple[str, ...]:
    """The values between commas, still escaped; at least one, and none of them empty."""
    found = tuple(_PIECE.findall(value))
    if not found:
        raise invalid(name, "an empty value")
    return found


def strings(name: str, value: str) -> tuple[str, ...]:
    """Values of type string."""
    return tuple(_unescaped(item) for item in alternatives(name, value))


def tokens(name: str, value: str) -> tuple[tuple[str | None, str], ...]:
    """Values of type token as (system, code); system None when there is no bar, "" when it is empty."""
    return tuple(_token(item) for item in alternatives(name, value))


def _token(item: str) -> tuple[str | None, str]:
    match = _BAR.match(item)
    end = match.end() if match else len(item)
    if end == len(item):
        return None, _unescaped(item)
    return _unescaped(item[:end]), _unescaped(item[end + 1 :])


def _unescaped(item: str) -> str:
    return _ESCAPED.sub(r"\1", item)


def flags(name: str, value: str) -> tuple[str, ...]:
    """Values of a token that is true or false, as Y and N."""
    known = {"true": "Y", "false": "N"}
    found = [code for _, code in tokens(name, value)]
    if not set(found) <= known.keys():
        raise invalid(name, "expected true or false")
    return tuple(known[each] for each in found)


def days(name: str, value: str) -> DateRange:
    """The days a date stands for, with its prefix; a time of the day is left out of account."""
    match = _DATE.fullmatch(value)
    if match is None:
        raise invalid(name, "expected a date like ge1970-01-31")
    try:
        first, last = _ends(match)
        return _ranged(match["prefix"] or "eq", first, last, name)
    except (ValueError, OverflowError) as error:
        raise invalid(name, "no such date") from error


def _ends(match: re.Match[str]) -> tuple[date, date]:
    """The first and the last day, as precise as the date is."""
    year, month, day = int(match["year"]), match["month"], match["day"]
    first = date(year, int(month or 1), int(day or 1))
    if day:
        return first, first
    if month:
        return first, date(year, first.month, monthrange(year, first.month)[1])
    return first, date(year, 12, 31)


def _ranged(prefix: str, first: date, last: date, name: str) -> DateRange:
    one = timedelta(days=1)
    match prefix:
        case "eq":
            return DateRange(low=_written(first), high=_written(last))
        case "ne":
            return DateRange(low=_written(first), high=_written(last), outside=True)
        case "gt" | "sa":
            return DateRange(low=_written(last + one))
        case "ge":
            return DateRange(low=_written(first))
        case "lt" | "eb":
            return DateRange(high=_written(first - one))
        case "le":
            return DateRange(high=_written(last))
    raise invalid(name, f"prefix {prefix} is not supported; expected one of {_PREFIXES}")


def _written(day: date) -> str:
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def invalid(name: str, what: str) -> Refused:
    """A value that cannot be read."""
    return Refused(Problem(Meaning.DATA_TYPE, f"{name}: {what}", name))


def unsupported(name: str, what: str) -> Refused:
    """Something FHIR knows and this search does not."""
    return Refused(Problem(Meaning.NOT_SUPPORTED, f"{name}: {what}", name))
