"""Text as it is compared: without marks, case, punctuation and placeholders (Unicode NFKD, UAX 15)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "ł": "l",
        "æ": "ae",
        "œ": "oe",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "\u0131": "i",
        "ħ": "h",
    }
)
"""Letters that NFKD leaves whole although other systems write them with plain ones."""
_PARTICLES = frozenset((
    "a", "al", "ap", "ben", "bin", "bint", "d", "da", "das", "de", "degli", "dei", "del", "della", "den",
    "der", "des", "di", "do", "dos", "du", "e", "el", "i", "ibn", "l", "la", "las", "le", "les", "lo",
    "los", "o", "st", "te", "ten", "ter", "u", "van", "vande", "vander", "ver", "vom", "von", "y", "zu",
    "zum", "zur",
))  # fmt: skip
_GIVEN_PARTICLES = frozenset(("d", "da", "das", "de", "del", "di", "do", "dos", "du", "e", "y"))
"""Fewer than those of family names: Ben, Al and Lo are given names."""
_ROAD_WORDS = _PARTICLES.union((
    "allee", "am", "an", "av", "ave", "avenue", "bd", "bld", "blvd", "boul", "boulevard", "ch", "chemin",
    "cite", "imp", "impasse", "pl", "place", "platz", "quai", "r", "route", "rte", "rue", "square", "str",
    "strasse", "street", "um", "wee", "weg",
))  # fmt: skip
_ROAD_END = re.compile(r"(?<=\w\w)(strasse|straat|stroos|str)$")
_UMLAUT = re.compile("([aou])e")
_COUNTRY_BEFORE_POSTCODE = re.compile(r"^(?:[a-z]{1,3} +(?=\d)|l(?=\d{4}$))")
_NO_DIGIT = re.compile(r"[^0-9]+")
_SHORTEST_PHONE, _PHONE_DIGITS = 6, 8
_YEAR, _DAY = 4, 8
_CACHED = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class StopList:
    """Placeholders, which are no evidence: the field that holds one counts as missing. All texts are folded.

    `newborn` are words in place of a given name. `dates` are YYYYMMDD; `new_year_step` is n when 1 January of
    every n-th year is a placeholder, 0 for never.
    `phones` are last digits as `phone_digits` gives them; `addresses` are `postcode street number`.
    `dialling` are country codes whose national numbers may have less than eight digits.
    """

    names: frozenset[str] = frozenset()
    newborn: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    new_year_step: int = 0
    phones: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    dialling: tuple[str, ...] = ()

    def holds_date(self, date: str) -> bool:
        """Whether a full date, YYYYMMDD, is a placeholder."""
        if date in self.dates:
            return True
        return (
            self.new_year_step > 0
            and date.endswith("0101")
            and len(date) == _DAY
            and int(date[:_YEAR]) % self.new_year_step == 0
        )


@lru_cache(_CACHED)
def fold(text: str) -> str:
    """Lower case ASCII where there is such a letter; words separated by one space."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
        text = "".join(each for each in text if not unicodedata.combining(each))
    return " ".join("".join(each if each.isalnum() else " " for each in text.casefold()).split())


@lru_cache(_CACHED)
def plain(text: str) -> str:
    """Folded, and with an umlaut as its vowel alone: one system writes Müller, others Mueller or Muller."""
    return _UMLAUT.sub(r"\1", fold(text))


@lru_cache(_CACHED)
def family_tokens(text: str) -> tuple[str, ...]:
    """The words of a family name without particles; all of them when there is nothing else."""
    words = plain(text).split()
    return tuple(word for word in words if word not in _PARTICLES) or tuple(words)


@lru_cache(_CACHED)
def given_tokens(text: str) -> tuple[str, ...]:
    """The words of all given names, particles left out."""
    words = plain(text).split()
    return tuple(word for word in words if word not in _GIVEN_PARTICLES) or tuple(words)


@lru_cache(_CACHED)
def postcode_of(text: str) -> str:
    """A postcode without the country before it: `L-1234` is `1234`."""
    return _COUNTRY_BEFORE_POSTCODE.sub("", fold(text)).replace(" ", "")


@lru_cache(_CACHED)
def road_of(line: str) -> tuple[str, str]:
    """Street and house number of an address line; words for kinds of road and particles are left out."""
    words = fold(line).split()
    number = next((word for word in words if word[0].isdigit()), "")
    named = [word for word in words if not word[0].isdigit() and word not in _ROAD_WORDS]
    return "".join(_ROAD_END.sub("", word) for word in named) or "".join(words[:1]), number


def phone_digits(text: str, stop: StopList) -> str:
    """The last eight digits; empty when there are less than six, or when they are a placeholder."""
    digits = _NO_DIGIT.sub("", text)
    if text.lstrip()[:1] == "+" or digits.startswith("00"):
        digits = digits.removeprefix("00")
        digits = next((digits[len(code) :] for code in stop.dialling if digits.startswith(code)), digits)
    digits = digits.lstrip("0")[-_PHONE_DIGITS:]
    if len(digits) < _SHORTEST_PHONE or len(set(digits)) == 1 or digits in stop.phones:
        return ""
    return digits


def date_digits(text: str) -> str:
    """YYYYMMDD, YYYYMM or YYYY of a TS value; empty when it is none of them."""
    digits = text[:_DAY]
    if not digits.isascii() or not digits.isdigit():
        return ""
    month, day = digits[4:6], digits[6:8]
    if day == "00":
        digits = digits[:6]
    if month == "00":
        digits = digits[:4]
    return digits if len(digits) in {4, 6, 8} else ""
