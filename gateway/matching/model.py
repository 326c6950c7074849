"""The immutable model a decision names: weights, thresholds, policy, placeholders, rarity of names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gateway.config.matching import (
    MatchingFile,
    NameRarity,
    Placeholders,
    Policy,
    Thresholds,
    load_matching,
)
from gateway.matching.compare import Levels
from gateway.matching.normalise import StopList, plain, postcode_of, road_of

_VERSION_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchModel:
    """How agreement is weighed. `weights` stand in the order of Levels, each with 0.0 at the end for -1.

    `source` is what was read: the file says more than is needed here.
    """

    source: MatchingFile
    weights: tuple[tuple[float, ...], ...]
    thresholds: Thresholds
    policy: Policy
    stop: StopList
    family_rarity: NameRarity
    given_rarity: NameRarity
    version: str

    @property
    def knows_names(self) -> bool:
        """Whether it is known which names are rare."""
        return bool(self.family_rarity.names) and bool(self.given_rarity.names)


def load_model(path: Path) -> MatchModel:
    """Read a model file; SettingsInvalid with file, line and reason."""
    return model_of(load_matching(path))


def model_of(source: MatchingFile) -> MatchModel:
    """The model that a file describes."""
    return MatchModel(
        source=source,
        weights=tuple((*getattr(source.weights, name), 0.0) for name in Levels._fields),
        thresholds=source.thresholds,
        policy=source.policy,
        stop=_stop_list(source.placeholders),
        family_rarity=source.rarity.family,
        given_rarity=source.rarity.given,
        version=sha256(_text(source).encode()).hexdigest()[:_VERSION_DIGITS],
    )


def dump_model(model: MatchModel) -> str:
    """The TOML text that `load_model` reads into an equal model."""
    return _text(model.source)


def _stop_list(told: Placeholders) -> StopList:
    return StopList(
        names=frozenset(word for name in told.names for word in plain(name).split()),
        newborn=frozenset(word for name in told.newborn for word in plain(name).split()),
        dates=frozenset(told.dates),
        new_year_step=told.new_year_step,
        phones=frozenset(told.phones),
        addresses=frozenset(
            " ".join((postcode_of(postcode), *road_of(line))) for postcode, line in told.addresses
        ),
        dialling=told.dialling,
    )


def _text(source: MatchingFile) -> str:
    stop, limits = source.placeholders, source.thresholds
    lines = [f'policy = "{source.policy}"', "", "[thresholds]"]
    lines += [f"{name} = {getattr(limits, name)!r}" for name in sorted(limits.__slots__)]
    lines += ["", "[weights]"]
    lines += [f"{name} = {_value(list(getattr(source.weights, name)))}" for name in Levels._fields]
    lines += ["", "[placeholders]"]
    lines += [f"{name} = {_value(getattr(stop, name))}" for name in sorted(stop.__slots__)]
    return (
        "\n".join(lines)
        + "\n"
        + _rarity("family", source.rarity.family)
        + _rarity("given", source.rarity.given)
    )


def _rarity(kind: str, told: NameRarity) -> str:
    lines = [
        "",
        f"[rarity.{kind}]",
        f"other = {told.other!r}",
        f"further = {told.further!r}",
        "",
        f"[rarity.{kind}.names]",
    ]
    lines += [f"{_value(name)} = {bits!r}" for name, bits in sorted(told.names.items())]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    """JSON of numbers, strings and lists of them is TOML too."""
    return json.dumps(value, ensure_ascii=False)
