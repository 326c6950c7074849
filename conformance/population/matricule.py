"""Luxembourg national identification numbers for invented persons: date, serial, Luhn digit, Verhoeff digit.

Written for itself: what the product takes for a valid number is under test here, not relied upon.
"""

from __future__ import annotations

MATRICULE_ROOT = "2.999.352.13"
"""The domain of the numbers in this population."""

_DIHEDRAL = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
"""The multiplication of the dihedral group of ten elements."""
_FIRST = "1576283094"
"""The permutation of the digits that is applied once more with every place."""
_INVERSE = "0432156789"


def _powers() -> tuple[str, ...]:
    powers = ["0123456789"]
    for _ in range(7):
        powers.append("".join(_FIRST[int(each)] for each in powers[-1]))
    return tuple(powers)


_POWERS = _powers()


def luhn(digits: str) -> str:
    """The digit that makes the sum of Luhn a multiple of ten."""
    total = 0
    for place, each in enumerate(reversed(digits)):
        doubled = int(each) * (2 - place % 2)
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004 - the sum of its two digits
    return str(-total % 10)


def verhoeff(digits: str) -> str:
    """The digit of Verhoeff that follows these."""
    check = 0
    for place, each in enumerate(reversed(digits), start=1):
        check = int(_DIHEDRAL[check][int(_POWERS[place % 8][int(each)])])
    return _INVERSE[check]


def matricule(born: str, serial: int) -> str:
    """Thirteen digits for a birth date YYYYMMDD and a serial of 0 to 999; both checks cover eleven."""
    body = f"{born}{serial:03d}"
    return body + luhn(body) + verhoeff(body)
