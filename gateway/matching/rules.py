"""Named rules of the decision: what excludes a pair, what a person must decide, what links by itself.

Each rule looks at levels, and at traits where a level does not tell. Vetoes come first: no rule overrides one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gateway.matching.compare import (
    CLOSE,
    CONTAINED,
    DIFFERS,
    EQUAL,
    MISSING,
    NEARLY,
    OTHER_DATE,
    SIMILAR,
    SWAPPED,
    TWO_PARTS,
    UNLIKE,
    Levels,
)
from gateway.matching.statuses import MOTHER_ONLY, NEVER, PROVED_ONLY, REVIEWED
from gateway.matching.traits import Traits

_GENERATION_YEARS = 14
_EXACT = frozenset({EQUAL, CONTAINED})


class Pair(NamedTuple):
    """Two identities and how far they agree."""

    a: Traits
    b: Traits
    levels: Levels

    def either(self, statuses: frozenset[str]) -> bool:
        """Whether one of the two has such a status."""
        return self.a.status in statuses or self.b.status in statuses


Rule = Callable[[Pair], bool]


# --- excluded: neither linked nor shown to a person ----------------------------------------------


def status_never(pair: Pair) -> bool:
    """One is nobody, or nobody any more."""
    return pair.either(NEVER)


def under_mothers_traits(pair: Pair) -> bool:
    """A newborn under its mother's traits looks like her; only her identifier says whose child it is."""
    return pair.either(MOTHER_ONLY) and pair.levels.mother != EQUAL


def different_numbers(pair: Pair) -> bool:
    """Two valid national numbers, and not the agreement in all else that would make an alarm of it."""
    return pair.levels.matricule == DIFFERS and not number_conflict(pair)


def relative(pair: Pair) -> bool:
    """Another given name and another date, or another family name: one of the household."""
    levels = pair.levels
    if levels.matricule in {EQUAL, NEARLY} or levels.given not in {SIMILAR, UNLIKE}:
        return False
    return levels.birth_date == OTHER_DATE or levels.family == UNLIKE


def sibling(pair: Pair) -> bool:
    """Another given name and another sex, or another place in a multiple birth."""
    levels = pair.levels
    if levels.matricule in {EQUAL, NEARLY}:
        return False
    return (levels.given == UNLIKE and levels.sex == DIFFERS) or levels.birth_order == DIFFERS


def other_generation(pair: Pair) -> bool:
    """Parent and child of one name: the years of birth lie a generation apart."""
    if pair.levels.birth_date != OTHER_DATE or pair.levels.matricule in {EQUAL, NEARLY}:
        return False
    return abs(int(pair.a.birth_date[:4]) - int(pair.b.birth_date[:4])) >= _GENERATION_YEARS


# --- vetoes: a person decides ---------------------------------------------------------------------


def number_conflict(pair: Pair) -> bool:
    """Two valid national numbers on what else is one person: a duplicate number, or a collision."""
    levels = pair.levels
    return (
        levels.matricule == DIFFERS
        and levels.family in _EXACT
        and levels.given in _EXACT
        and levels.birth_date == EQUAL
        and levels.sex != DIFFERS
        and (levels.address == EQUAL or levels.phone == EQUAL)
    )


def given_unlike(pair: Pair) -> bool:
    """Other given names, without an equal national number."""
    return pair.levels.given in {SIMILAR, UNLIKE} and pair.levels.matricule != EQUAL


def twin(pair: Pair) -> bool:
    """Born on one day under one family name, with given names of which one may be the other's twin's."""
    levels = pair.levels
    if levels.matricule == EQUAL or levels.birth_date != EQUAL or not MISSING < levels.family <= CLOSE:
        return False
    return levels.given == CLOSE or (levels.given == CONTAINED and levels.sex == DIFFERS)


def date_unlike(pair: Pair) -> bool:
    """Another birth date, whatever else agrees."""
    return pair.levels.birth_date == OTHER_DATE


def family_unlike(pair: Pair) -> bool:
    """Another family name, without an equal national number: perhaps a marriage."""
    levels = pair.levels
    return levels.family == UNLIKE and levels.matricule != EQUAL and levels.mother != EQUAL


def swapped_undated(pair: Pair) -> bool:
    """Names in each other's place, and no equal date: two names often make two persons."""
    levels = pair.levels
    return levels.family == SWAPPED and levels.birth_date != EQUAL and levels.matricule != EQUAL


def status_doubtful(pair: Pair) -> bool:
    """The identity of one is in doubt, or under one identifier are two persons."""
    return pair.either(REVIEWED)


# --- rules that link by themselves ---------------------------------------------------------------


def same_number(pair: Pair) -> bool:
    """The same national number; date and both names agree or nearly do."""
    return pair.levels.matricule == EQUAL and _agrees(pair.levels)


def same_number_other_family(pair: Pair) -> bool:
    """The same national number, the same day, sex and given names: the family name was changed."""
    levels = pair.levels
    return (
        levels.matricule == EQUAL
        and levels.birth_date == EQUAL
        and levels.given in _EXACT
        and levels.sex != DIFFERS
    )


def same_number_undated(pair: Pair) -> bool:
    """The same national number and names; one side does not tell the day."""
    levels = pair.levels
    return (
        levels.matricule == EQUAL
        and levels.birth_date == MISSING
        and levels.family in _EXACT
        and levels.given in _EXACT
        and levels.sex != DIFFERS
    )


def mistyped_number(pair: Pair) -> bool:
    """One number is the other with one digit wrong; date and names are the same.

    Numbers of twins differ in three digits at least: the serial and what follows from it.
    """
    levels = pair.levels
    return (
        levels.matricule == NEARLY
        and levels.birth_date == EQUAL
        and levels.family in _EXACT
        and levels.given in _EXACT
        and levels.sex != DIFFERS
    )


def same_identifier(pair: Pair) -> bool:
    """An identifier of a third system, or the other's own, in common; date and both names agree or nearly do."""
    return pair.levels.identifier == EQUAL and pair.levels.sex != DIFFERS and _agrees(pair.levels)


def same_mother(pair: Pair) -> bool:
    """Born on one day of one mother, and nothing tells two children apart."""
    levels = pair.levels
    multiple = pair.a.multiple_birth or pair.b.multiple_birth
    return (
        levels.mother == EQUAL
        and levels.birth_date == EQUAL
        and levels.given <= CONTAINED
        and levels.sex != DIFFERS
        and (not multiple or levels.birth_order == EQUAL)
    )


def _agrees(levels: Levels) -> bool:
    return (
        MISSING < levels.birth_date <= TWO_PARTS
        and (MISSING < levels.family <= SIMILAR or levels.family == SWAPPED)
        and (MISSING < levels.given <= CLOSE or levels.given == SWAPPED)
    )


# --- conditions of the policies -------------------------------------------------------------------


def supported(levels: Levels) -> bool:
    """Address or phone agrees."""
    return EQUAL in {levels.address, levels.phone}


def exact(levels: Levels) -> bool:
    """Date equal, names equal or one within the other."""
    return levels.birth_date == EQUAL and levels.family in _EXACT and levels.given in _EXACT


def provisional(pair: Pair) -> bool:
    """Entered without proof: likeness alone does not link it."""
    return pair.either(PROVED_ONLY | MOTHER_ONLY)


def _named(*rules: Rule) -> tuple[tuple[str, Rule], ...]:
    return tuple((rule.__name__.replace("_", "-"), rule) for rule in rules)


EXCLUDING = _named(status_never, under_mothers_traits, different_numbers, relative, sibling, other_generation)
VETOES = _named(
    number_conflict, given_unlike, twin, date_unlike, family_unlike, swapped_undated, status_doubtful
)
LINKING = _named(
    same_number,
    same_number_other_family,
    same_number_undated,
    mistyped_number,
    same_identifier,
    same_mother,
)
MEMBER_VETOES = frozenset({"different-numbers", "number-conflict", "date-unlike", "other-generation"})
"""Reasons against one member of a cluster that hold against all of it."""
