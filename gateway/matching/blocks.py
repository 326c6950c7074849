"""Rows by which whoever may be the same person is found: few for each identity, each with marks.

A row is a keyed digest (BLAKE2b-64, RFC 7693) of a birth date, a pair of names, a telephone number or an
identifier. Its marks say enough of the other traits, digested too, to pass over most of those who share the
digest. So one row serves where each combination would need one of its own, and no row gives a name away.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from gateway.matching.phonetics import sounds
from gateway.matching.statuses import NEVER
from gateway.matching.traits import Traits

_WORDS, _GIVEN_NAMES, _PHONES, _NUMBERS = 3, 2, 2, 3
_SOUND, _FAMILY_CODE = 3, 4
_CACHED = 1 << 16
_BITS, _SMALL = 63, 0x7FFFFFFF
UNKNOWN = 0
"""Of a mark that is a number; a query has `ABSENT` there, which no row has."""
ABSENT = -1
DIRECT, NAMED = 10, 2
"""The most tokens of each kind that a person is looked for by."""


class Marks(NamedTuple):
    """`families` and `givens` are sets of sounds, a bit for each; `place`, `year` and `day` are numbers."""

    families: int = 0
    givens: int = 0
    place: int = UNKNOWN
    year: int = UNKNOWN
    day: int = UNKNOWN


class Row(NamedTuple):
    """A token of an identity (signed, 64 bits) and what else is marked."""

    token: int
    marks: Marks


class Wanted(NamedTuple):
    """Whom to look for: all with a token of `direct`; with one of `born` or `named`, where a mark agrees.

    Of those born on the day: a sound of either name, or the place. Of those with the names: the year, the day
    of the year, or the place.
    """

    direct: tuple[int, ...]
    born: tuple[int, ...]
    named: tuple[int, ...]
    marks: Marks

    @property
    def tokens(self) -> tuple[int, ...]:
        """All tokens, in order."""
        return tuple(sorted({*self.direct, *self.born, *self.named}))

    def covers(self, row: Row) -> bool:
        """Whether a row is one of those that are looked for."""
        mine, its = self.marks, row.marks
        if row.token in self.direct:
            return True
        if row.token in self.born:
            return bool(mine.families & its.families or mine.givens & its.givens) or _same(
                mine.place, its.place
            )
        if row.token in self.named:
            return _same(mine.place, its.place) or _same(mine.year, its.year) or _same(mine.day, its.day)
        return False


def _same(mine: int, its: int) -> bool:
    return mine == its != UNKNOWN


def rows_of(wanted: Wanted) -> frozenset[Row]:
    """The rows of an identity that others are found by as it finds them."""
    found = {Row(token, Marks()) for token in wanted.direct}
    return frozenset(found | {Row(token, wanted.marks) for token in (*wanted.born, *wanted.named)})


def wanted_of(traits: Traits, secret: bytes) -> Wanted:
    """Whom an identity is compared with; nobody where its status forbids matching."""
    if traits.status in NEVER:
        return Wanted((), (), (), Marks())
    date = traits.full_date
    return Wanted(
        tuple(digest(text, secret) for text in _direct(traits, date)),
        (digest(f"D{date}", secret),) if date else (),
        tuple(digest(f"N{pair}", secret) for pair in _pairs(traits)),
        Marks(
            _mask([f"f{code}" for code in _family_codes(traits)], secret),
            _mask([f"g{codes[0]}" for codes in traits.given_codes[:_GIVEN_NAMES]], secret),
            _number(f"p{traits.postcode}", secret) if traits.postcode else UNKNOWN,
            _number(f"y{traits.birth_date[:4]}", secret) if traits.birth_date else UNKNOWN,
            _number(f"d{date[4:]}", secret) if date else UNKNOWN,
        ),
    )


def _direct(traits: Traits, date: str) -> list[str]:
    found = [f"T{digits}" for digits in sorted(traits.phones)[:_PHONES]]
    if traits.matricule:
        found.append(f"I{traits.matricule}")
    if traits.newborn and date:
        found.append(f"B{date}")
    found += [f"M{each}" for each in sorted(traits.mothers_identifiers)[:_NUMBERS]]
    return found + [f"X{each}" for each in sorted(traits.identifiers)[:_NUMBERS]]


def _family_codes(traits: Traits) -> list[str]:
    codes = [code for each in traits.family_codes[:_WORDS] for code in each]
    others = [word for words in traits.other_families for word in words][:_WORDS]
    return codes + [sounds(word)[0][:_FAMILY_CODE] for word in others]


def _pairs(traits: Traits) -> list[str]:
    """The first and the last family name, each with the first given name, in one order: names get swapped."""
    if not traits.given_codes or not traits.family_codes:
        return []
    given = traits.given_codes[0][0]
    ends = {traits.family_codes[0][0][:_SOUND], traits.family_codes[-1][0][:_SOUND]}
    return sorted(" ".join(sorted((end, given))) for end in ends)


def digest(text: str, secret: bytes) -> int:
    """The token of a text; the letter before it keeps kinds apart."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8, key=secret).digest(), "big", signed=True)


@lru_cache(_CACHED)
def _kept_digest(text: str, secret: bytes) -> int:
    return digest(text, secret)


def _mask(texts: list[str], secret: bytes) -> int:
    found = 0
    for text in texts:
        found |= 1 << _kept_digest(text, secret) % _BITS
    return found


def _number(text: str, secret: bytes) -> int:
    return (_kept_digest(text, secret) & _SMALL) or 1
