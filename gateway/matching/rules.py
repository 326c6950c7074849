"""Named rules of the decision: what excludes a pair, what a person must decide, what links by itself.

Each looks at levels, and at traits where a level does not tell. Vetoes come first: no rule overrides one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from rapidfuzz.distance import OSA

from gateway.matching.compare import (
    CLOSE,
    CONTAINED,
    DIFFERS,
    EQUAL,
    MISSING,
    NEARLY,
    ONE_EDIT,
    OTHER_DATE,
    SAME_ROAD,
    SIMILAR,
    SWAPPED,
    TWO_PARTS,
    UNLIKE,
    Levels,
)
from gateway.matching.statuses import HOMONYM, MOTHER_ONLY, NEVER, PROVED_ONLY, REVIEWED
from gateway.matching.traits import Traits

_GENERATION_YEARS = 14
_SHORTEST_MISSPELT = 3
_HARDLY_USED_BITS = 5.0
_EXACT = (EQUAL, CONTAINED)
_SAME_NUMBER = (EQUAL, NEARLY)
_OTHER_GIVEN = (SIMILAR, UNLIKE)


class Pair(NamedTuple):
    """Two identities and how far they agree; `given_names` are those in use, with bits of rarity."""

    a: Traits
    b: Traits
    levels: Levels
    given_names: Mapping[str, float] = MappingProxyType({})

    def either(self, statuses: frozenset[str]) -> bool:
        """Whether one of the two has such a status."""
        return self.a.status in statuses or self.b.status in statuses


Rule = Callable[[Pair], bool]


def decisive(levels: Levels) -> bool:
    """Whether a rule may link these although their weight is low."""
    return levels.matricule in _SAME_NUMBER or EQUAL in (levels.mother, levels.identifier)


# --- excluded: neither linked nor shown to a person ----------------------------------------------


def status_never(pair: Pair) -> bool:
    """One is nobody, or nobody any more."""
    return pair.either(NEVER)


def under_mothers_traits(pair: Pair) -> bool:
    """A newborn under its mother's traits, who looks like her: born another day, or elsewhere."""
    levels = pair.levels
    if not pair.either(MOTHER_ONLY) or levels.mother == EQUAL:
        return False
    return levels.birth_date != EQUAL or not supported(levels)


def different_numbers(pair: Pair) -> bool:
    """Two valid national numbers, without the agreement in all else that would make an alarm of it."""
    return pair.levels.matricule == DIFFERS and not number_conflict(pair)


def relative(pair: Pair) -> bool:
    """Another given name with another date, or both names unlike: one of the household."""
    levels = pair.levels
    if levels.matricule in _SAME_NUMBER or levels.given not in _OTHER_GIVEN:
        return False
    return levels.birth_date == OTHER_DATE or levels.family == UNLIKE == levels.given


def sibling(pair: Pair) -> bool:
    """Another given name and sex, another place in a multiple birth, or one mother and another day."""
    levels = pair.levels
    if levels.matricule in _SAME_NUMBER:
        return False
    if levels.birth_order == DIFFERS or (levels.mother == EQUAL and levels.birth_date == OTHER_DATE):
        return True
    return levels.given == UNLIKE and levels.sex == DIFFERS


def other_generation(pair: Pair) -> bool:
    """Parent and child of one name: another date, and years of birth that lie a generation apart."""
    levels = pair.levels
    return levels.birth_date == OTHER_DATE and levels.matricule not in _SAME_NUMBER and _generation(pair)


# --- vetoes: a person decides ---------------------------------------------------------------------


def number_conflict(pair: Pair) -> bool:
    """Two valid national numbers on what else is one person: two numbers for one, or a collision."""
    levels = pair.levels
    return levels.matricule == DIFFERS and exact(levels) and levels.sex != DIFFERS and supported(levels)


def given_unlike(pair: Pair) -> bool:
    """Other given names, without an equal national number; a misspelt one is no other name."""
    levels = pair.levels
    return levels.given in _OTHER_GIVEN and levels.matricule != EQUAL and not misspelt(pair)


def twin(pair: Pair) -> bool:
    """Born on one day under one family name, with given names that may be those of twins."""
    levels = pair.levels
    if levels.matricule == EQUAL or levels.birth_date != EQUAL or not MISSING < levels.family <= CLOSE:
        return False
    if levels.given == CLOSE:
        return not misspelt(pair)
    return levels.given == CONTAINED and (levels.sex == DIFFERS or pair.a.given[0] != pair.b.given[0])


def date_unlike(pair: Pair) -> bool:
    """Another birth date, whatever else agrees."""
    return pair.levels.birth_date == OTHER_DATE


def unnamed(pair: Pair) -> bool:
    """One side tells no given or no family name: of twins who are not named yet, nothing else differs."""
    levels = pair.levels
    if EQUAL in (levels.matricule, levels.mother):
        return False
    return MISSING in (levels.family, levels.given)


def namesake(pair: Pair) -> bool:
    """Birth dates alike but for a generation, or half alike with names that are not quite the same.

    A child may bear its parent's name, and its birthday; brothers and sisters may share one of their names.
    """
    levels = pair.levels
    if levels.matricule == EQUAL or levels.birth_date not in (ONE_EDIT, TWO_PARTS):
        return False
    if _generation(pair):
        return True
    return levels.birth_date == TWO_PARTS and not (levels.family in _EXACT and levels.given == EQUAL)


def undated(pair: Pair) -> bool:
    """One side tells no birth date, and no national number is equal: parents and children share names."""
    return pair.levels.birth_date == MISSING and pair.levels.matricule != EQUAL


def family_unlike(pair: Pair) -> bool:
    """Another family name, without an equal national number or mother: a marriage must be evident."""
    levels = pair.levels
    return levels.family == UNLIKE and EQUAL not in (levels.matricule, levels.mother) and not renamed(levels)


def newborn_unproved(pair: Pair) -> bool:
    """A newborn under its mother's traits, and no identifier of the mother in common."""
    return pair.either(MOTHER_ONLY) and pair.levels.mother != EQUAL


def swapped_undated(pair: Pair) -> bool:
    """Names in each other's place, and no equal date: two names often make two persons."""
    levels = pair.levels
    return levels.family == SWAPPED and EQUAL not in (levels.birth_date, levels.matricule)


def other_order(pair: Pair) -> bool:
    """Another place in a multiple birth, under one national number: it may be the twin's."""
    return pair.levels.birth_order == DIFFERS


def status_doubtful(pair: Pair) -> bool:
    """The identity of one is in doubt, or under one identifier are two persons."""
    return pair.either(REVIEWED)


# --- rules that link by themselves ---------------------------------------------------------------


def same_number(pair: Pair) -> bool:
    """The same national number; date and both names agree or nearly do."""
    return pair.levels.matricule == EQUAL and _agrees(pair.levels)


def same_number_other_family(pair: Pair) -> bool:
    """The same national number, date, given name and sex: the family name was changed."""
    levels = pair.levels
    return (
        levels.matricule == EQUAL
        and levels.birth_date in (EQUAL, ONE_EDIT)
        and MISSING < levels.given <= CLOSE
        and levels.sex != DIFFERS
    )


def same_number_other_given(pair: Pair) -> bool:
    """The same national number, day, family name and sex; the given name is not told or a like one."""
    levels = pair.levels
    return (
        levels.matricule == EQUAL
        and levels.birth_date == EQUAL
        and MISSING < levels.family <= CLOSE
        and levels.given in (MISSING, SIMILAR)
        and levels.sex != DIFFERS
    )


def same_number_undated(pair: Pair) -> bool:
    """The same national number, names and sex; one side does not tell the date."""
    levels = pair.levels
    return (
        levels.matricule == EQUAL
        and levels.birth_date == MISSING
        and levels.family in _EXACT
        and levels.given in _EXACT
        and levels.sex != DIFFERS
    )


def mistyped_number(pair: Pair) -> bool:
    """One number is the other with one digit wrong; date, names and sex are the same.

    Numbers of twins differ in three digits at least: one of the serial, and both that check it.
    """
    levels = pair.levels
    return levels.matricule == NEARLY and exact(levels) and levels.sex != DIFFERS


def same_identifier(pair: Pair) -> bool:
    """An identifier of a third system, or the other's own, in common; date and both names (nearly) agree."""
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


# --- conditions of vetoes and policies ------------------------------------------------------------


def supported(levels: Levels) -> bool:
    """Address or phone agrees; of those born on one day, the same road is enough."""
    return EQUAL in (levels.address, levels.phone) or (
        levels.address == SAME_ROAD and levels.birth_date == EQUAL
    )


def renamed(levels: Levels) -> bool:
    """All agrees but the family name: day, given names and sex, and address or phone."""
    return (
        levels.family == UNLIKE
        and levels.given in _EXACT
        and levels.birth_date == EQUAL
        and levels.sex == EQUAL
        and supported(levels)
    )


def exact(levels: Levels) -> bool:
    """Date equal, names equal or one within the other."""
    return levels.birth_date == EQUAL and levels.family in _EXACT and levels.given in _EXACT


def close(pair: Pair) -> bool:
    """Date equal, names equal, one within the other, or a letter apart."""
    levels = pair.levels
    return (
        levels.birth_date == EQUAL
        and (levels.family in _EXACT or _slip(pair.a.family, pair.b.family) is not None)
        and MISSING < levels.given <= CLOSE
    )


def provisional(pair: Pair) -> bool:
    """Entered without proof: likeness alone does not link it."""
    return pair.either(PROVED_ONLY | MOTHER_ONLY)


def homonymous(pair: Pair) -> bool:
    """One is known to have a homonym: names and date prove less."""
    return pair.either(HOMONYM)


def misspelt(pair: Pair) -> bool:
    """All given names agree but one, which differs by one letter, and one of the spellings is hardly in use.

    Only names that both tell are compared. Names of twins are in use both. Where no names are known, nothing
    counts as misspelt.
    """
    slip = _slip(pair.a.given, pair.b.given)
    if slip is None:
        return False
    in_use, other = (pair.given_names.get(word) for word in slip)
    if in_use is None or other is None:
        return in_use is not other
    return abs(in_use - other) >= _HARDLY_USED_BITS


def _slip(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, str] | None:
    """The only two words that differ, where they are one letter apart."""
    differing = [(mine, other) for mine, other in zip(a, b, strict=False) if mine != other]
    if len(differing) != 1:
        return None
    mine, other = differing[0]
    if min(len(mine), len(other)) < _SHORTEST_MISSPELT or OSA.distance(mine, other, score_cutoff=1) > 1:
        return None
    return mine, other


def _generation(pair: Pair) -> bool:
    return abs(int(pair.a.birth_date[:4]) - int(pair.b.birth_date[:4])) >= _GENERATION_YEARS


def _other_number(levels: Levels) -> bool:
    return levels.matricule == DIFFERS


def _other_date(levels: Levels) -> bool:
    return levels.birth_date == OTHER_DATE


def _named(*rules: Rule) -> tuple[tuple[str, Rule], ...]:
    return tuple((rule.__name__.replace("_", "-"), rule) for rule in rules)


EXCLUDING = _named(status_never, under_mothers_traits, different_numbers, relative, sibling, other_generation)
VETOES = _named(
    number_conflict,
    given_unlike,
    twin,
    date_unlike,
    unnamed,
    namesake,
    undated,
    family_unlike,
    newborn_unproved,
    swapped_undated,
    other_order,
    status_doubtful,
)
LINKING = _named(
    same_number,
    same_number_other_family,
    same_number_other_given,
    same_number_undated,
    mistyped_number,
    same_identifier,
    same_mother,
)
MEMBER_VETOES: tuple[tuple[str, Callable[[Levels], bool]], ...] = (
    ("other-number", _other_number),
    ("other-date", _other_date),
)
"""What one member of a cluster has against an identity holds against all of the cluster."""
