"""How far two persons' traits agree, trait by trait, in levels (Fellegi and Sunter 1969)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rapidfuzz.distance import OSA, JaroWinkler

from gateway.matching.traits import Traits

MISSING = -1
EQUAL, CONTAINED, CLOSE, SIMILAR, UNLIKE, SWAPPED = range(6)
"""Levels of both names; SWAPPED when family and given name stand in each other's place."""
ONE_EDIT, TWO_PARTS, OTHER_DATE = 1, 2, 3
SAME_ROAD, SAME_POSTCODE, OTHER_PLACE = 1, 2, 3
DIFFERS = 1
NEARLY = 2
"""Of the national number: a sent number that is not valid, one edit away from the other."""
SAME_MAIDEN_NAME, OTHER_MAIDEN_NAME, OTHER_MOTHER = 1, 2, 3
_CLOSE, _SIMILAR, _ONE_LETTER = 0.92, 0.80, 0.70
_SHORTEST = 4
_FULL_DATE = 8
_Words = tuple[str, ...]


class Levels(NamedTuple):
    """One level for each trait: 0 is the best, -1 says that either side does not tell it."""

    family: int = MISSING
    given: int = MISSING
    birth_date: int = MISSING
    sex: int = MISSING
    address: int = MISSING
    phone: int = MISSING
    matricule: int = MISSING
    mother: int = MISSING
    birth_place: int = MISSING
    birth_order: int = MISSING
    identifier: int = MISSING


LEVELS = Levels(
    family=6,
    given=6,
    birth_date=4,
    sex=2,
    address=4,
    phone=2,
    matricule=3,
    mother=4,
    birth_place=2,
    birth_order=2,
    identifier=1,
)
"""How many levels each trait has."""


def compare(a: Traits, b: Traits) -> Levels:
    """The level of every trait; the same when the two change places."""
    family, given = _names(a, b)
    return Levels(
        family,
        given,
        _date(a.birth_date, b.birth_date) if a.birth_date and b.birth_date else MISSING,
        int(a.sex != b.sex) if a.sex and b.sex else MISSING,
        _address(a, b),
        int(a.phones.isdisjoint(b.phones)) if a.phones and b.phones else MISSING,
        _matricule(a, b),
        _mother(a, b),
        int(a.birth_place != b.birth_place) if a.birth_place and b.birth_place else MISSING,
        int(a.birth_order != b.birth_order) if a.birth_order and b.birth_order else MISSING,
        _identifier(a, b),
    )


def likeness(a: str, b: str) -> float:
    """Jaro-Winkler from 0 to 1, in one order of the two: the measure itself depends on it."""
    return JaroWinkler.similarity(a, b) if a <= b else JaroWinkler.similarity(b, a)


def _names(a: Traits, b: Traits) -> tuple[int, int]:
    family = _family(a, b) if a.family and b.family else MISSING
    given = _words(a.given, b.given, _likest_given) if a.given and b.given else MISSING
    if family > CLOSE and given > CLOSE and _crossed(a, b):
        return SWAPPED, SWAPPED
    return family, given


def _family(a: Traits, b: Traits) -> int:
    if a.family != b.family and a.family_whole == b.family_whole:
        return CONTAINED
    level = _words(a.family, b.family, _likest)
    if level > CONTAINED and (a.other_families or b.other_families) and _once_named(a, b):
        return CONTAINED
    return level


def _once_named(a: Traits, b: Traits) -> bool:
    """Whether one side's maiden or other name is the other side's name."""
    ours, theirs = (a.family, *a.other_families), (b.family, *b.other_families)
    return any(mine == other for mine in ours for other in theirs)


def _words(a: _Words, b: _Words, likest: Callable[[_Words, _Words], float]) -> int:
    if a == b:
        return EQUAL
    left, right = set(a), set(b)
    if left <= right or right <= left:
        return EQUAL if left == right else CONTAINED
    best = likest(a, b)
    if best >= _CLOSE or (best >= _ONE_LETTER and _one_letter(a, b)):
        return CLOSE
    return SIMILAR if best >= _SIMILAR else UNLIKE


def _one_letter(a: _Words, b: _Words) -> bool:
    """Whether two words are one letter apart: at their beginning that weighs more than it says."""
    return any(
        min(len(mine), len(other)) >= _SHORTEST and OSA.distance(mine, other, score_cutoff=1) <= 1
        for mine in a
        for other in b
    )


def _likest(a: _Words, b: _Words) -> float:
    if len(a) == 1 == len(b):
        return likeness(a[0], b[0])
    return max(likeness(mine, other) for mine in a for other in b)


def _likest_given(a: _Words, b: _Words) -> float:
    if a[0][0] == b[0][0] and (len(a[0]) == 1 or len(b[0]) == 1):
        return 1.0
    return _likest(a, b)


def _crossed(a: Traits, b: Traits) -> bool:
    return _overlap(a.family, b.given) and _overlap(a.given, b.family)


def _overlap(a: _Words, b: _Words) -> bool:
    left, right = set(a), set(b)
    return left <= right or right <= left or _likest(a, b) >= _CLOSE


def _date(a: str, b: str) -> int:
    if a == b:
        return EQUAL if len(a) == _FULL_DATE else TWO_PARTS
    if len(a) != _FULL_DATE or len(b) != _FULL_DATE:
        return TWO_PARTS if a.startswith(b) or b.startswith(a) else OTHER_DATE
    year, other_year, month, other_month, day, other_day = a[:4], b[:4], a[4:6], b[4:6], a[6:], b[6:]
    if year == other_year and month == other_day and day == other_month:
        return ONE_EDIT
    if OSA.distance(a, b, score_cutoff=1) <= 1:
        return ONE_EDIT
    if (year == other_year) + (month == other_month) + (day == other_day) >= TWO_PARTS:
        return TWO_PARTS
    if year == other_year and (a.endswith("0101") or b.endswith("0101")):
        return TWO_PARTS
    return OTHER_DATE


def _address(a: Traits, b: Traits) -> int:
    same_place = a.locality == b.locality and a.locality != ""
    if a.postcode and b.postcode:
        same_code = a.postcode == b.postcode
    elif a.locality and b.locality:
        same_code = same_place
    else:
        return MISSING
    if not (same_code or same_place):
        return OTHER_PLACE
    if a.street and b.street and (a.street == b.street or likeness(a.street, b.street) >= _CLOSE):
        return EQUAL if same_code and a.number == b.number != "" else SAME_ROAD
    return SAME_POSTCODE if same_code else OTHER_PLACE


def _matricule(a: Traits, b: Traits) -> int:
    if a.matricule and b.matricule:
        return EQUAL if a.matricule == b.matricule else DIFFERS
    mine, other = a.matricule or a.matricule_sent, b.matricule or b.matricule_sent
    if mine and other and OSA.distance(mine, other, score_cutoff=1) <= 1:
        return NEARLY
    return MISSING


def _mother(a: Traits, b: Traits) -> int:
    ours, theirs = a.mothers_identifiers, b.mothers_identifiers
    if ours and theirs:
        if not ours.isdisjoint(theirs):
            return EQUAL
        if not {each.root for each in ours}.isdisjoint(each.root for each in theirs):
            return OTHER_MOTHER
    if a.mothers_name and b.mothers_name:
        return SAME_MAIDEN_NAME if likeness(a.mothers_name, b.mothers_name) >= _CLOSE else OTHER_MAIDEN_NAME
    return MISSING


def _identifier(a: Traits, b: Traits) -> int:
    shared = (
        not a.identifiers.isdisjoint(b.identifiers)
        or a.identity in b.identifiers
        or b.identity in a.identifiers
    )
    return EQUAL if shared else MISSING
