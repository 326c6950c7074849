"""Values of FHIR search parameters: tokens, strings, dates (FHIR R4 search 3.1.1.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.errors import Meaning, Problem, Refused
from gateway.stores.rows import stamp
from gateway.stores.search import LIKE_ESCAPE
from profiles.mhd import codes

_PIECE = re.compile(r"(?:\\.|[^,\\])+")
_ESCAPED = re.compile(r"\\([,|$\\])")
_BAR = re.compile(r"(?:\\.|[^|\\])*")
_DATE = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d{1,9})?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_LIKE_SIGNS = re.compile(r"([%_])")
_DECEMBER = 12


@dataclass(frozen=True, slots=True)
class Token:
    """`system|code`. `schemes` are the coding schemes the system stands for; None asks for any."""

    schemes: tuple[str, ...] | None
    code: str

    @property
    def exact(self) -> bool:
        """Whether it names both system and code."""
        return self.schemes is not None and bool(self.code)

    def coded(self) -> tuple[str, ...]:
        """The stored values `code^^scheme` an exact token stands for."""
        return tuple(f"{self.code}^^{scheme}" for scheme in self.schemes or ())

    def patterns(self) -> tuple[str, ...]:
        """The same for any token, as patterns of LIKE."""
        code = like(self.code) if self.code else "%"
        if self.schemes is None:
            return (f"{code}^^%",)
        return tuple(f"{code}^^{like(scheme)}" for scheme in self.schemes)

    def matches(self, stored: str | None) -> bool:
        """Whether a stored value `code^^scheme` is meant."""
        code, _, scheme = (stored or "").partition("^^")
        return (not self.code or code == self.code) and (self.schemes is None or scheme in self.schemes)


@dataclass(frozen=True, slots=True)
class Span:
    """A date with its comparison: from `low` to before `high`, as DTM with seconds in UTC."""

    prefix: str
    low: str
    high: str


def like(value: str) -> str:
    """A value that LIKE takes as it is."""
    return _LIKE_SIGNS.sub(rf"{LIKE_ESCAPE}\1", value)


def alternatives(name: str, value: str) -> tuple[str, ...]:
    """The values between commas, still escaped; at least one."""
    found = tuple(_PIECE.findall(value))
    if not found:
        raise invalid(name, "an empty value")
    return found


def strings(name: str, value: str) -> tuple[str, ...]:
    """Values of type string."""
    return tuple(_unescaped(item) for item in alternatives(name, value))


def pairs(name: str, value: str) -> tuple[tuple[str | None, str], ...]:
    """Values of type token as (system, code); system None when there is no bar, "" when it is empty."""
    return tuple(_pair(item) for item in alternatives(name, value))


def tokens(name: str, value: str) -> tuple[Token, ...]:
    """Values of type token, for codes."""
    found = []
    for system, code in pairs(name, value):
        if not code and not system:
            raise invalid(name, "neither system nor code")
        found.append(Token(None if system is None else _schemes(system), code))
    return tuple(found)


def _pair(item: str) -> tuple[str | None, str]:
    match = _BAR.match(item)
    end = match.end() if match else len(item)
    if end == len(item):
        return None, _unescaped(item)
    return _unescaped(item[:end]), _unescaped(item[end + 1 :])


def _unescaped(item: str) -> str:
    return _ESCAPED.sub(r"\1", item)


def _schemes(system: str) -> tuple[str, ...]:
    """Every stored code has a scheme, so an empty system stands for none."""
    if not system:
        return ()
    known = codes.SCHEMES.get(system)
    if known is not None:
        return (known, system)
    return (system.removeprefix(codes.OID),)


def span(name: str, value: str) -> Span:
    """A value of type date; a time without zone is taken as UTC."""
    match = _DATE.fullmatch(value)
    if match is None:
        raise invalid(name, "expected a date like ge2026-01-31")
    try:
        low = datetime.fromisoformat(_complete(match)).astimezone(UTC)
        return Span(match["prefix"] or "eq", stamp(low), stamp(_end(low, match)))
    except (ValueError, OverflowError) as error:
        raise invalid(name, "no such date") from error


def _complete(match: re.Match[str]) -> str:
    """The first instant of the date, in ISO 8601."""
    day = f"{match['year']}-{match['month'] or '01'}-{match['day'] or '01'}"
    time = f"{match['hour'] or '00'}:{match['minute'] or '00'}:{match['second'] or '00'}"
    return f"{day}T{time}{match['zone'] or 'Z'}"


def _end(low: datetime, match: re.Match[str]) -> datetime:
    """The first instant after the date in the precision it is given."""
    if match["hour"]:
        return low + (timedelta(seconds=1) if match["second"] else timedelta(minutes=1))
    if match["day"]:
        return low + timedelta(days=1)
    if match["month"] and low.month < _DECEMBER:
        return low.replace(month=low.month + 1)
    return low.replace(year=low.year + 1, month=1)


def invalid(name: str, what: str) -> Refused:
    """A value that cannot be read."""
    return Refused(Problem(Meaning.DATA_TYPE, f"{name}: {what}", name))


def unsupported(name: str, what: str) -> Refused:
    """Something FHIR knows and this search does not."""
    return Refused(Problem(Meaning.NOT_SUPPORTED, f"{name}: {what}", name))
