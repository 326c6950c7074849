"""The file of the person matching: weights, thresholds, placeholders; read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gateway.config.reading import checked, parse, read_text
from gateway.config.values import Text

_CLOSED = ConfigDict(extra="forbid", validate_default=True)

Bits = Annotated[float, Field(ge=-64, le=64, allow_inf_nan=False)]
Rarity = dict[Text, Bits]
Policy = Literal["A", "B", "C"]
_Date = Annotated[str, Field(pattern=r"^[0-9]{8}$")]
_Digits = Annotated[str, Field(pattern=r"^[0-9]{1,8}$")]
_Two = Annotated[tuple[Bits, ...], Field(min_length=2, max_length=2)]
_Three = Annotated[tuple[Bits, ...], Field(min_length=3, max_length=3)]
_Four = Annotated[tuple[Bits, ...], Field(min_length=4, max_length=4)]
_Six = Annotated[tuple[Bits, ...], Field(min_length=6, max_length=6)]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class Weights:
    """Bits for each level of each trait, the best level first."""

    family: _Six
    given: _Six
    birth_date: _Four
    sex: _Two
    address: _Four
    phone: _Two
    matricule: _Three
    mother: _Four
    birth_place: _Two
    birth_order: _Two
    identifier: Annotated[tuple[Bits, ...], Field(min_length=1, max_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class Thresholds:
    """Bits above the odds of a random pair: weight minus the logarithm of the number of identities."""

    automatic: Bits = 5.0
    strong: Bits = 8.0
    rare: Bits = 12.0
    review: Bits = -2.0
    possible: Bits = -8.0

    def __post_init__(self) -> None:
        """Each threshold below the one before it."""
        if not self.possible <= self.review <= self.automatic <= self.strong <= self.rare:
            raise ValueError("expected possible <= review <= automatic <= strong <= rare")


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class NameRarity:
    """Bits to add for a name in common, by folded name; `other` for a name that is not listed.

    `further` is added for each word after the first.
    """

    other: Bits = 0.0
    further: Bits = 0.0
    names: Rarity = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class Rarities:
    """Of family and of given names."""

    family: NameRarity = Field(default_factory=NameRarity)
    given: NameRarity = Field(default_factory=NameRarity)


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class Placeholders:
    """Values that stand for what is not known."""

    names: tuple[Text, ...] = ()
    newborn: tuple[Text, ...] = ()
    dates: tuple[_Date, ...] = ()
    new_year_step: Annotated[int, Field(ge=0, le=100, strict=True)] = 0
    phones: tuple[_Digits, ...] = ()
    addresses: tuple[tuple[Text, Text], ...] = ()
    dialling: tuple[_Digits, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class MatchingFile:
    """Everything the file may say."""

    policy: Policy
    weights: Weights
    thresholds: Thresholds = Field(default_factory=Thresholds)
    placeholders: Placeholders = Field(default_factory=Placeholders)
    rarity: Rarities = Field(default_factory=Rarities)


def parse_matching(text: str, path: Path) -> MatchingFile:
    """A text of such a file; SettingsInvalid with file, line and reason."""
    return checked(MatchingFile, parse(text, path), text, path)


def load_matching(path: Path) -> MatchingFile:
    """Read such a file; SettingsInvalid with file, line and reason."""
    return parse_matching(read_text(path), path)
