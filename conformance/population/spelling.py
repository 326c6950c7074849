"""How names go wrong between two systems: slips of the keyboard, spelling by ear, lost accents."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from random import Random

_NEAR = {
    "a": "sqz", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo",
    "j": "hk", "k": "jl", "l": "km", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "wa", "r": "et",
    "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "xs",
}  # fmt: skip
_BY_EAR = (
    ("ph", "f"), ("f", "ph"), ("th", "t"), ("t", "th"), ("tz", "z"), ("z", "tz"), ("ck", "k"), ("k", "ck"),
    ("c", "k"), ("ss", "s"), ("s", "ss"), ("s", "z"), ("y", "i"), ("i", "y"), ("ei", "ai"), ("ai", "ei"),
    ("v", "w"), ("w", "v"), ("nn", "n"), ("n", "nn"), ("mm", "m"), ("ll", "l"), ("l", "ll"), ("rr", "r"),
    ("tt", "t"), ("dt", "tt"), ("h", ""), ("ç", "s"), ("x", "ks"), ("j", "y"), ("ie", "i"), ("ou", "u"),
)  # fmt: skip
_LATIN = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "\u0131": "i",
        "æ": "ae",
        "œ": "oe",
    }
)
_SPELLED_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "đ": "dj", "Đ": "Dj", "å": "aa"}
)


def typo(rng: Random, text: str) -> str:
    """One slip: by ear where the name has such a sound, else of the keyboard."""
    if len(text) < 3:  # noqa: PLR2004 - too short to be mistaken
        return text
    if rng.random() < 0.4:  # noqa: PLR2004 - somewhat less than half are heard wrong
        for _ in range(6):
            sound, other = rng.choice(_BY_EAR)
            at = text.find(sound, 1)
            if at > 0:
                return text[:at] + other + text[at + len(sound) :]
    return _slip(rng, text)


def _slip(rng: Random, text: str) -> str:
    at = rng.randrange(1, len(text)) if rng.random() < 0.9 else 0  # noqa: PLR2004 - the first letter is seen
    letter, kind = text[at], rng.randrange(4)
    if kind == 0:
        near = rng.choice(_NEAR.get(letter.lower(), "e"))
        return text[:at] + near + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    if kind == 2 and 0 < at < len(text) - 1:  # noqa: PLR2004 - the third kind of slip
        return text[:at] + text[at + 1] + letter + text[at + 2 :]
    return text[:at] + letter.lower() + text[at:]


@lru_cache(1 << 16)
def plain(text: str) -> str:
    """Without any mark: Müller → Muller, Đorđević → Dordevic."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_LATIN))
    return "".join(each for each in decomposed if not unicodedata.combining(each))


@lru_cache(1 << 16)
def spelled_out(text: str) -> str:
    """Umlauts and their like in two letters: Müller → Mueller, Đorđević → Djordjevic."""
    return plain(text.translate(_SPELLED_OUT))


def digit_slip(rng: Random, text: str) -> str:
    """One digit is another, or two neighbours are swapped; never the same again."""
    at = rng.randrange(len(text) - 1)
    if rng.random() < 0.4 and text[at] != text[at + 1]:  # noqa: PLR2004 - swaps are the rarer slip
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    other = str((int(text[at]) + rng.randrange(1, 10)) % 10)
    return text[:at] + other + text[at + 1 :]
