"""The national number of Luxembourg: 13 digits, date, serial, Luhn and Verhoeff check digits."""

from __future__ import annotations

from datetime import date
from itertools import cycle

_LENGTH, _CHECKED = 13, 11
_MULTIPLY = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
"""The dihedral group of order ten."""
_STEP = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_INVERSE = (0, 4, 3, 2, 1, 5, 6, 7, 8, 9)


def _places() -> tuple[tuple[tuple[int, ...], ...], ...]:
    """For each place from the right: what a digit makes of the check so far."""
    permuted = tuple(range(10))
    places = []
    for _ in range(8):
        permuted = tuple(permuted[_STEP[each]] for each in range(10))
        places.append(tuple(tuple(row[each] for row in _MULTIPLY) for each in permuted))
    return tuple(places)


_PLACES = _places()
_VALUES = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))


def luhn_digit(digits: str) -> int:
    """The check digit to append (ISO/IEC 7812-1 annex B)."""
    backwards = digits.encode()[::-1]
    return -(sum(backwards[::2].translate(_DOUBLED)) + sum(backwards[1::2].translate(_VALUES))) % 10


def verhoeff_digit(digits: str) -> int:
    """The check digit to append (Verhoeff 1969)."""
    check = 0
    for place, value in zip(cycle(_PLACES), digits.encode()[::-1].translate(_VALUES), strict=False):
        check = place[value][check]
    return _INVERSE[check]


def is_matricule(text: str) -> bool:
    """Whether 13 digits are a number that may have been issued.

    Both check digits are computed over the first eleven digits. Month or day 00 (not known) is let pass:
    whether such numbers are issued is not published, and refusing one would lose a person's best identifier.
    """
    if len(text) != _LENGTH or not text.isascii() or not text.isdigit():
        return False
    body = text[:_CHECKED]
    return luhn_digit(body) == int(text[11]) and verhoeff_digit(body) == int(text[12]) and _is_date(text[:8])


def _is_date(digits: str) -> bool:
    year, month, day = int(digits[:4]), int(digits[4:6]) or 1, int(digits[6:]) or 1
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
