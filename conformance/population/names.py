"""Family and given names of invented persons, by origin."""

from __future__ import annotations

import tomllib
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")
_FLAT = {"families": 20, "female": 8, "male": 8}
"""How slowly the frequency of a name falls with its place in the list."""
_FOLDER = Path(__file__).parent


class Draw(Generic[T]):
    """Draws of a weighted choice, faster than `random.choices` for one at a time."""

    def __init__(self, values: Sequence[T], weights: Sequence[float]) -> None:
        self._values = tuple(values)
        self._sums = tuple(accumulate(weights))

    def __call__(self, rng: Random) -> T:
        """One of the values."""
        return self._values[bisect(self._sums, rng.random() * self._sums[-1])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The names of one language or country; the shares are described in names.toml."""

    code: str
    abroad: float
    double: float
    hyphen: float
    second: float
    tail: float
    families: Draw[str]
    given: Mapping[str, Draw[str]]
    stems: tuple[str, ...]
    endings: tuple[str, ...]

    def part(self, rng: Random) -> str:
        """One part of a family name; from the long tail it is composed."""
        if rng.random() >= self.tail:
            return self.families(rng)
        return rng.choice(self.stems) + rng.choice(self.endings)

    def family(self, rng: Random) -> str:
        """A family name, of two parts where that is the custom."""
        if rng.random() >= self.double:
            return self.part(rng)
        joint = "-" if self.code in {"lu", "fr", "be", "de", "nl", "gb", "pl"} else " "
        return f"{self.part(rng)}{joint}{self.part(rng)}"

    def givens(self, rng: Random, sex: str) -> tuple[str, ...]:
        """One or two given names; a double one with a hyphen counts as one."""
        draw = self.given[sex]
        first, roll = draw(rng), rng.random()
        if roll < self.hyphen:
            return (f"{first}-{draw(rng)}",) if "-" not in first else (first,)
        return (first, draw(rng)) if roll < self.hyphen + self.second else (first,)


@cache
def origins() -> Draw[Origin]:
    """The origins, drawn as often as their households are."""
    read = {code: table for code, table in _read().items() if isinstance(table, dict)}
    return Draw([_origin(code, table) for code, table in read.items()], [t["share"] for t in read.values()])


@cache
def nicknames() -> Mapping[str, tuple[str, ...]]:
    """The short forms of a given name."""
    forms: dict[str, tuple[str, ...]] = {}
    for pair in str(_read()["nicknames"]).split():
        name, short = pair.split(":")
        forms[name] = (*forms.get(name, ()), short)
    return forms


def _read() -> Mapping[str, object]:
    return tomllib.loads((_FOLDER / "names.toml").read_text(encoding="utf-8"))


def _origin(code: str, table: Mapping[str, object]) -> Origin:
    lists = {kind: words(str(table[kind])) for kind in (*_FLAT, "stems", "endings")}
    draws = {kind: _falling(lists[kind], flat) for kind, flat in _FLAT.items()}
    numbers = {name: float(str(table[name])) for name in ("abroad", "double", "hyphen", "second", "tail")}
    return Origin(
        code=code,
        families=draws["families"],
        given={"F": draws["female"], "M": draws["male"]},
        stems=lists["stems"],
        endings=lists["endings"],
        **numbers,
    )


def words(text: str) -> tuple[str, ...]:
    """The words of a list; an underscore keeps a name of several words together."""
    return tuple(word.replace("_", " ") for word in text.split())


def _falling(values: Sequence[str], flat: int) -> Draw[str]:
    return Draw(values, [1 / (place + flat) for place in range(len(values))])
