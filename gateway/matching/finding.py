"""Tokens by which a demographic query finds who may fit it (ITI-21, ITI-47, ITI-78).

A query compares text from the beginning of a word, so digests of beginnings are stored: whoever fits has the
token of the query. The parts themselves cannot be read from them (BLAKE2b-64 with a secret key, RFC 7693).
"""

from __future__ import annotations

from functools import lru_cache

from gateway.matching.blocks import digest
from gateway.matching.normalise import StopList, date_digits, phone_digits, plain, postcode_of
from gateway.matching.statuses import HIDDEN
from gateway.record.demographics import Demographics, PersonName
from gateway.record.people import PatientId

_NAMES, _WORDS = 6, 8
"""So many names of a person, and words of a name, are looked at."""
_FAMILY, _GIVEN, _SHORT, _POSTCODE = 4, 4, 2, 4
"""Letters of a beginning; `_SHORT` where a query gives less."""
_CACHED = 1 << 16
_SCHEMES = ("tel:", "fax:", "sms:", "mailto:")


def names_of(told: Demographics) -> tuple[PersonName, ...]:
    """The names by which a person is found."""
    return (told.names or ())[:_NAMES]


@lru_cache(_CACHED)
def words_of(text: str) -> tuple[str, ...]:
    """Plain words of a text."""
    return tuple(plain(text).split()[:_WORDS])


@lru_cache(_CACHED)
def compact(text: str) -> str:
    """Plain text without spaces: O'Brien and OBrien are one, as are Müller and Mueller."""
    return plain(text).replace(" ", "")


def telecom_key(text: str, stop: StopList) -> str:
    """What two ways to write one number or address have in common: the last digits, else the folded text."""
    plain = text.strip().casefold()
    for scheme in _SCHEMES:
        plain = plain.removeprefix(scheme)
    digits = "" if "@" in plain else phone_digits(plain, stop)
    return f"T{digits}" if digits else f"E{''.join(plain.split())}"


def finding_tokens(told: Demographics, secret: bytes, dialling: StopList) -> frozenset[int]:
    """All tokens of an identity; none for one that queries must not show.

    `dialling` has country codes only: placeholders are no evidence of who somebody is, but can be asked for.
    """
    if told.status in HIDDEN:
        return frozenset()
    return frozenset(digest(text, secret) for text in _texts(told, dialling))


def date_token(digits: str, secret: bytes) -> int:
    """The token of a birth date as it is known: YYYYMMDD, YYYYMM or YYYY."""
    return digest(f"D{digits}", secret)


def family_token(text: str, secret: bytes, *, whole: bool = False) -> int | None:
    """The token of a family name from its beginning; None when less than four letters of it are given."""
    start = compact(text)
    return digest(f"F{start[:_FAMILY]}", secret) if start and (whole or len(start) >= _FAMILY) else None


def names_token(family: str, given: str, secret: bytes, *, whole: bool = False) -> int | None:
    """The token of a family name and a given name; None where either is too short. `whole` family name."""
    first, second = compact(family), compact(given)
    if first and (whole or len(first) >= _FAMILY) and len(second) >= _GIVEN:
        return digest(f"K{first[:_FAMILY]} {second[:_GIVEN]}", secret)
    return None


def short_token(family: str, given: str, secret: bytes) -> int | None:
    """The token of two letters of each name; None when either has less."""
    first, second = compact(family), compact(given)
    if len(first) < _SHORT or len(second) < _SHORT:
        return None
    return digest(f"G{first[:_SHORT]} {second[:_SHORT]}", secret)


def telecom_token(text: str, secret: bytes, dialling: StopList) -> int:
    """The token of a number or address."""
    return digest(telecom_key(text, dialling), secret)


def postcode_token(text: str, secret: bytes, *, whole: bool = False) -> int | None:
    """The token of a postcode from its beginning; None when less than four characters of it are given."""
    code = postcode_of(text)
    return digest(f"Z{code[:_POSTCODE]}", secret) if code and (whole or len(code) >= _POSTCODE) else None


def identifier_token(identifier: PatientId, secret: bytes) -> int:
    """The token of an identifier that a source told without assigning it."""
    return digest(f"X{identifier}", secret)


def _texts(told: Demographics, dialling: StopList) -> set[str]:
    names = names_of(told)
    families = {start for name in names for start in _starts(name.family)}
    given = {start for name in names for start in _starts(" ".join(name.given))}
    found = {f"F{family[:_FAMILY]}" for family in families}
    for family in families:
        for each in given:
            if len(family) >= _SHORT and len(each) >= _SHORT:
                found.add(f"G{family[:_SHORT]} {each[:_SHORT]}")
            if len(each) >= _GIVEN:
                found.add(f"K{family[:_FAMILY]} {each[:_GIVEN]}")
    if digits := date_digits(told.birth_date or ""):
        found.add(f"D{digits}")
    found |= {f"Z{code[:_POSTCODE]}" for each in told.addresses or () if (code := postcode_of(each.postcode))}
    found |= {telecom_key(each.value, dialling) for each in told.telecoms or ()}
    return found | {f"X{each}" for each in told.identifiers or ()}


@lru_cache(_CACHED)
def _starts(text: str) -> tuple[str, ...]:
    """The text from each of its words on, without spaces."""
    words = words_of(text)
    return tuple("".join(words[at:]) for at in range(len(words)))
