"""How a name sounds: Double Metaphone (Philips 2000), kept for each word."""

from __future__ import annotations

from functools import lru_cache

from metaphone import doublemetaphone

from gateway.matching.normalise import family_tokens, given_tokens

Heard = tuple[tuple[str, tuple[str, ...]], ...]
"""Folded words of a name, each with its codes."""

_CACHED = 1 << 16
_FAMILY_CODE, _GIVEN_CODE = 4, 3
_HISSED = str.maketrans("çÇ", "sS")
"""Metaphone hears a c before a, o or u as k; the mark that says otherwise is lost when a name is folded."""


@lru_cache(_CACHED)
def sounds(token: str) -> tuple[str, ...]:
    """The code of a folded word, and the alternate one where it differs; the word itself when it has none.

    Scripts other than Latin have no code.
    """
    primary, alternate = doublemetaphone(token)
    if not primary:
        return (token,)
    return (primary, alternate) if alternate and alternate != primary else (primary,)


@lru_cache(_CACHED)
def hear_family(text: str) -> Heard:
    """The words of a family name with codes of at most four letters."""
    return _heard(family_tokens(text), family_tokens(text.translate(_HISSED)), _FAMILY_CODE)


@lru_cache(_CACHED)
def hear_given(text: str) -> Heard:
    """The words of given names with codes of at most three letters."""
    return _heard(given_tokens(text), given_tokens(text.translate(_HISSED)), _GIVEN_CODE)


def _heard(words: tuple[str, ...], spoken: tuple[str, ...], length: int) -> Heard:
    return tuple(
        (word, tuple(dict.fromkeys(code[:length] for code in sounds(sound))))
        for word, sound in zip(words, spoken, strict=True)
    )
