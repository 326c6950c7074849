"""Which tokens everybody has whom a query can mean, so that few are read and none is missed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from itertools import product

from gateway.matching.finding import (
    date_token,
    family_token,
    names_token,
    postcode_token,
    short_token,
    telecom_token,
)
from gateway.mpi.fitting import born_between, days_of
from gateway.mpi.matcher import Matcher
from gateway.mpi.query import DemographicsQuery, Field, NameWanted

MOST_TOKENS = 32
"""In one group: a month of days, or some alternatives."""
_DAYS = 31
_MONTH = 6

Tokens = tuple[int, ...]
_Pair = tuple[NameWanted, NameWanted]
"""Of whom the family name is taken, and of whom the given names."""


def token_groups(query: DemographicsQuery, matcher: Matcher) -> list[Tokens]:
    """Groups of tokens: one identity of every person that fits has one token of each group.

    A group is left out where it would not be complete: too few letters, too many alternatives. Of a person
    whose golden record fits, different identities may have the tokens of different groups.
    """
    groups = [
        *_phones(query, matcher),
        *_dates(query, matcher),
        *_names(query, matcher),
        *_postcodes(query, matcher),
    ]
    return [tuple(sorted(set(each))) for each in groups if 0 < len(each) <= MOST_TOKENS]


def _phones(query: DemographicsQuery, matcher: Matcher) -> Iterable[Sequence[int]]:
    for criterion in query.criteria:
        if criterion.field is Field.TELECOM:
            values = filter(None, criterion.values)
            yield [telecom_token(value, matcher.secret, matcher.dialling) for value in values]


def _postcodes(query: DemographicsQuery, matcher: Matcher) -> Iterable[Sequence[int]]:
    for criterion in query.criteria:
        if criterion.field is Field.POSTCODE:
            values = filter(None, criterion.values)
            yield _all(postcode_token(value, matcher.secret, whole=criterion.exact) for value in values)


def _all(tokens: Iterable[int | None]) -> list[int]:
    """The tokens of alternatives; none at all when one of them has none."""
    found = list(tokens)
    return [each for each in found if each is not None] if None not in found else []


# --- birth date ----------------------------------------------------------------------------------


def _dates(query: DemographicsQuery, matcher: Matcher) -> Iterable[Sequence[int]]:
    low, high = (_day(each) for each in born_between(query.born))
    if low is not None and high is not None and 0 <= (high - low).days < _DAYS:
        yield [date_token(digits, matcher.secret) for digits in _within(low, high)]


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _within(low: date, high: date) -> list[str]:
    """The days of a range, and a month that is all there: a birth date may be known no better."""
    first, last = _digits(low), _digits(high)
    days = [_digits(low + timedelta(days=number)) for number in range((high - low).days + 1)]
    months = dict.fromkeys(day[:_MONTH] for day in days)
    return [*days, *(each for each in months if first <= days_of(each)[0] and days_of(each)[1] <= last)]


def _digits(day: date) -> str:
    return day.isoformat().replace("-", "")


# --- names ---------------------------------------------------------------------------------------


def _names(query: DemographicsQuery, matcher: Matcher) -> Iterable[Sequence[int]]:
    for group in query.names:
        if group and all(each.family for each in group):
            yield _all(family_token(each.family, matcher.secret, whole=each.exact) for each in group)
    pairs = _pairs(query)
    yield _all(_of_pair(names_token, pair, matcher) for pair in pairs)
    yield _all(_of_pair(_short, pair, matcher) for pair in pairs)


def _pairs(query: DemographicsQuery) -> list[_Pair]:
    """Alternatives of family and given name: of one group, or of two that must both hold."""
    for group in query.names:
        if group and all(each.family and each.given for each in group):
            return [(each, each) for each in group]
    families = next((group for group in query.names if group and all(each.family for each in group)), ())
    given = next((group for group in query.names if group and all(each.given for each in group)), ())
    return list(product(families, given)) if len(families) * len(given) <= MOST_TOKENS else []


def _of_pair(make: Callable[..., int | None], pair: _Pair, matcher: Matcher) -> int | None:
    family, given = pair
    longest = max(given.given, key=len)
    return make(family.family, longest, matcher.secret, whole=family.exact)


def _short(family: str, given: str, secret: bytes, *, whole: bool) -> int | None:
    del whole
    return short_token(family, given, secret)
