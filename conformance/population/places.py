"""Homes in Luxembourg and beyond its borders, for invented persons."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from .names import Draw

_BORDERS = Draw(("abroad_fr", "abroad_be", "abroad_de"), (50, 25, 25))
_BORDER_OF = {"fr": "abroad_fr", "be": "abroad_be", "de": "abroad_de"}
_COUNTRY = {"luxembourg": "LU", "abroad_fr": "FR", "abroad_be": "BE", "abroad_de": "DE"}
_STREETS_OF_ONE_RANGE = 97
_HIGHEST_NUMBER, _LETTERED = 140, 0.06
_MOBILES = ("621", "628", "651", "658", "661", "671", "681", "691", "698")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """An address and its telephone."""

    street: str
    number: str
    city: str
    postcode: str
    country: str
    landline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Region:
    country: str
    localities: Draw[tuple[str, int]]
    streets: tuple[str, ...]


def home(rng: Random, origin: str, *, abroad: bool) -> Home:
    """An address of the country, or of the region that somebody of this origin commutes from."""
    name = (_BORDER_OF.get(origin) or _BORDERS(rng)) if abroad else "luxembourg"
    region = _regions()[name]
    city, first = region.localities(rng)
    at = int(rng.random() * len(region.streets))
    postcode = first + (at + len(city)) % _STREETS_OF_ONE_RANGE if region.country == "LU" else first
    return Home(
        street=region.streets[at],
        number=str(1 + int(_HIGHEST_NUMBER * rng.random() * rng.random()))
        + ("A" if rng.random() < _LETTERED else ""),
        city=city,
        postcode=f"L-{postcode}" if region.country == "LU" else str(postcode),
        country=region.country,
        landline=_landline(rng, region.country),
    )


def mobile(rng: Random, country: str) -> str:
    """A number of a mobile telephone, international, without blanks."""
    prefix = {"FR": "+336", "BE": "+324", "DE": "+4915"}.get(country)
    if prefix:
        return f"{prefix}{rng.randrange(10**8):08d}"
    return f"+352{rng.choice(_MOBILES)}{rng.randrange(10**6):06d}"


def _landline(rng: Random, country: str) -> str:
    prefix = {"FR": "+3338", "BE": "+3263", "DE": "+49651"}.get(country)
    return f"{prefix}{rng.randrange(10**7):07d}" if prefix else f"+352{rng.randrange(200_000, 99_999_999)}"


@cache
def _regions() -> Mapping[str, _Region]:
    read = tomllib.loads((Path(__file__).parent / "places.toml").read_text(encoding="utf-8"))
    return {name: _region(country, read[name], read[f"{name}_streets"]) for name, country in _COUNTRY.items()}


def _region(country: str, localities: str, streets: str) -> _Region:
    pairs = [pair.rsplit(":", 1) for pair in localities.split()]
    places = [(name, int(code)) for name, code in pairs]
    return _Region(
        country=country,
        localities=Draw(places, [1 / (rank + 3) for rank in range(len(places))]),
        streets=tuple(" ".join(street.split()) for street in streets.split(";")),
    )
