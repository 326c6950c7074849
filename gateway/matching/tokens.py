"""Tokens by which stored persons are found: keyed digests of parts of traits, never the parts themselves.

Blocking tokens find who may be the same person; whom a demographic query asks for is found by those of
`finding`. Each is BLAKE2b-64 (RFC 7693) with a secret key, so that no name is given away.
"""

from __future__ import annotations

from hashlib import blake2b

from gateway.matching.phonetics import sounds
from gateway.matching.statuses import NEVER
from gateway.matching.traits import Traits

_WORDS, _GIVEN_NAMES, _PHONES, _NUMBERS = 3, 2, 2, 3
_SOUND = 3


def blocking_tokens(traits: Traits, secret: bytes) -> frozenset[int]:
    """Tokens of which the same person's identities share at least one; signed 64-bit integers.

    The phone's token is that of searches: a household more or less costs less than two more rows for each
    person. An identity whose status forbids matching has none.
    """
    if traits.status in NEVER:
        return frozenset()
    return frozenset(_token(text, secret) for text in _blocking(traits))


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
