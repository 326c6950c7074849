"""Tokens by which stored persons are found: keyed digests of parts of traits, never the parts themselves.

Blocking tokens find who may be the same person, search tokens whom a demographic query asks for (ITI-21,
ITI-47, ITI-78). Each is BLAKE2b-64 (RFC 7693) with a secret key, so that the table gives no name away.
"""

from __future__ import annotations

from hashlib import blake2b

from gateway.matching.normalise import (
    StopList,
    date_digits,
    family_tokens,
    given_tokens,
    phone_digits,
    postcode_of,
)
from gateway.matching.phonetics import sounds
from gateway.matching.statuses import HIDDEN, NEVER
from gateway.matching.traits import Traits

_WORDS, _GIVEN_NAMES, _PHONES, _NUMBERS = 3, 2, 2, 3
_START = 2
_SOUND = 3
_NOTHING = StopList()


def blocking_tokens(traits: Traits, secret: bytes) -> frozenset[int]:
    """Tokens of which the same person's identities share at least one; signed 64-bit integers.

    The phone's token is that of searches: a household more or less costs less than two more rows for each
    person. An identity whose status forbids matching has none.
    """
    if traits.status in NEVER:
        return frozenset()
    return frozenset(_token(text, secret) for text in _blocking(traits))


def search_tokens(traits: Traits, secret: bytes) -> frozenset[int]:
    """Tokens for demographic queries; an identity that queries must not show has none."""
    if traits.status in HIDDEN:
        return frozenset()
    return frozenset(_token(text, secret) for text in _searched(traits))


def date_token(date: str, secret: bytes) -> int | None:
    """The token of a full birth date (TS text); None when the day is not said."""
    digits = date_digits(date)
    return _token(f"D{digits}", secret) if len(digits) == len("YYYYMMDD") else None


def family_token(text: str, secret: bytes) -> int | None:
    """The token of a whole family name, or of one word of it; None without a letter."""
    words = family_tokens(text)
    return _token(f"F{''.join(words)}", secret) if words else None


def names_token(family_prefix: str, given_prefix: str, secret: bytes) -> int | None:
    """The token of the first two letters of both names; None when either has less."""
    family, given = _start(family_tokens(family_prefix)), _start(given_tokens(given_prefix))
    return _token(f"G{family} {given}", secret) if family and given else None


def phone_token(text: str, secret: bytes, stop: StopList = _NOTHING) -> int | None:
    """The token of a telephone number; None when it has less than six digits, or is a placeholder."""
    digits = phone_digits(text, stop)
    return _token(f"T{digits}", secret) if digits else None


def postcode_token(postcode: str, family_prefix: str, secret: bytes) -> int | None:
    """The token of a postcode with the first two letters of a family name; None when either is missing."""
    code, family = postcode_of(postcode), _start(family_tokens(family_prefix))
    return _token(f"Z{code} {family}", secret) if code and family else None


def _start(words: tuple[str, ...]) -> str:
    return words[0][:_START] if words and len(words[0]) >= _START else ""


def _token(text: str, secret: bytes) -> int:
    digest = blake2b(text.encode(), digest_size=8, key=secret).digest()
    return int.from_bytes(digest, "big", signed=True)


def _blocking(traits: Traits) -> list[str]:
    """One text for each token; the letter before it keeps kinds apart."""
    date, postcode = traits.full_date, traits.postcode
    family = [code for codes in traits.family_codes[:_WORDS] for code in codes]
    given = [codes[0] for codes in traits.given_codes[:_GIVEN_NAMES]]
    found = [f"T{digits}" for digits in sorted(traits.phones)[:_PHONES]]
    if traits.matricule:
        found.append(f"I{traits.matricule}")
    if date:
        found += [f"A{date}{code}" for code in family]
        found += [f"A{date}{code}" for code in _other_codes(traits)]
        found += [f"B{date}{code}" for code in given]
        if postcode:
            found.append(f"C{date}{postcode}")
        if traits.newborn:
            found.append(f"N{date}")
    for pair in _name_pairs(traits):
        if date:
            found += [f"Y{pair}{date[:4]}", f"M{pair}{date[4:]}"]
        elif traits.birth_date:
            found.append(f"Y{pair}{traits.birth_date[:4]}")
        if postcode:
            found.append(f"P{pair}{postcode}")
    found += [f"N{each}" for each in sorted(traits.mothers_identifiers)[:_NUMBERS]]
    found += [f"X{each}" for each in sorted(traits.identifiers)[:_NUMBERS]]
    return found


def _other_codes(traits: Traits) -> list[str]:
    words = [word for words in traits.other_families for word in words][:_WORDS]
    return [sounds(word)[0][:4] for word in words]


def _name_pairs(traits: Traits) -> list[str]:
    """The first and the last family name, each with the first given name, in one order: names get swapped."""
    if not traits.given_codes or not traits.family_codes:
        return []
    given = traits.given_codes[0][0]
    ends = {traits.family_codes[0][0][:_SOUND], traits.family_codes[-1][0][:_SOUND]}
    return [" ".join(sorted((end, given))) for end in ends]


def _searched(traits: Traits) -> list[str]:
    words = traits.family or traits.set_aside
    joined = "".join(words)
    found = [f"T{digits}" for digits in sorted(traits.phones)[:_PHONES]]
    found += [f"F{word}" for word in {*words[:_WORDS], joined, traits.family_whole} if word]
    starts = {word[:_START] for word in words[:_WORDS] if len(word) >= _START}
    given = {word[:_START] for word in traits.given[:_GIVEN_NAMES] if len(word) >= _START}
    found += [f"G{start} {each}" for start in starts for each in given]
    if traits.full_date:
        found.append(f"D{traits.full_date}")
    if traits.postcode:
        found += [f"Z{traits.postcode} {start}" for start in starts]
    return found
