"""Are two identities one person: levels, weight, vetoes and the rule that settled it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from math import exp2, log2
from typing import Any, NamedTuple

from gateway.config.matching import NameRarity
from gateway.matching.compare import CONTAINED, EQUAL, Levels, compare
from gateway.matching.model import MatchModel
from gateway.matching.rules import (
    EXCLUDING,
    LINKING,
    VETOES,
    Pair,
    close,
    decisive,
    exact,
    homonymous,
    provisional,
    renamed,
    supported,
)
from gateway.matching.traits import Traits

UNSUPPORTED = "unsupported"
"""Nothing speaks against a link, but neither address nor phone speaks for it as the policy asks."""
SAME_NUMBER_UNLIKE = "same-number-unlike"
"""The same national number on what does not look like one person: perhaps a relative's."""
_IN_COMMON = (EQUAL, CONTAINED)
_HIGHEST_ODDS = 60.0
_SCORE_CAP = 0.9999


@unique
class Zone(Enum):
    """What is to be done about a pair."""

    LINK = "link"
    REVIEW = "review"
    NONE = "none"


@unique
class Grade(Enum):
    """How ITI-119 grades a match (FHIR match-grade)."""

    CERTAIN = "certain"
    PROBABLE = "probable"
    POSSIBLE = "possible"
    NONE = "certainly-not"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`weight` in bits; `odds` are bits above those of a random pair; `bits` stand in the order of Levels.

    `rule` names what settled it, `vetoes` all that spoke against a link; `deterministic` says that no weight
    was asked.
    """

    zone: Zone
    grade: Grade
    rule: str
    weight: float
    odds: float
    probability: float
    levels: Levels
    bits: tuple[float, ...]
    vetoes: tuple[str, ...] = ()
    deterministic: bool = False
    model: str = ""

    @property
    def shares(self) -> Mapping[str, float]:
        """Bits of each trait that both sides tell."""
        told = zip(Levels._fields, self.levels, self.bits, strict=True)
        return {name: bits for name, level, bits in told if level >= 0}

    @property
    def score(self) -> float:
        """What a caller of $match is told: four digits, never certainty where weights decided."""
        return 1.0 if self.deterministic else min(round(self.probability, 4), _SCORE_CAP)


def judge(a: Traits, b: Traits, model: MatchModel, population: int) -> Judgement:
    """The judgement on a pair when so many identities are held; the same when the two change places."""
    levels = compare(a, b)
    bits = weigh(a, b, levels, model)
    weight = sum(bits)
    odds = weight - log2(max(population, 2))
    pair = Pair(a, b, levels, model.given_rarity.names)
    if odds < model.thresholds.possible and not decisive(levels):
        settled = _Settled(Zone.NONE, "unlike")
    else:
        settled = _settle(pair, odds, model)
    return Judgement(
        zone=settled.zone,
        grade=_grade(settled, odds, model),
        rule=settled.rule,
        weight=weight,
        odds=odds,
        probability=probability(odds),
        levels=levels,
        bits=bits,
        vetoes=settled.vetoes,
        deterministic=settled.deterministic,
        model=model.version,
    )


def explain(judgement: Judgement) -> dict[str, Any]:
    """Ready for JSON; nothing of what either side told is in it."""
    return {
        "zone": judgement.zone.value,
        "grade": judgement.grade.value,
        "rule": judgement.rule,
        "weight": round(judgement.weight, 2),
        "odds": round(judgement.odds, 2),
        "score": judgement.score,
        "levels": {name: level for name, level in judgement.levels._asdict().items() if level >= 0},
        "bits": {name: round(bits, 2) for name, bits in judgement.shares.items()},
        "vetoes": list(judgement.vetoes),
        "model": judgement.model,
    }


def probability(odds: float) -> float:
    """The probability of odds in bits."""
    return 1.0 / (1.0 + exp2(-max(-_HIGHEST_ODDS, min(_HIGHEST_ODDS, odds))))


def weigh(a: Traits, b: Traits, levels: Levels, model: MatchModel) -> tuple[float, ...]:
    """Bits of every trait; names in common count by how rare they are."""
    bits = [row[level] for row, level in zip(model.weights, levels, strict=True)]
    if levels.family in _IN_COMMON:
        bits[0] += rarity(a.family, b.family, model.family_rarity)
    if levels.given in _IN_COMMON:
        bits[1] += rarity(a.given, b.given, model.given_rarity)
    return tuple(bits)


def rarity(a: tuple[str, ...], b: tuple[str, ...], told: NameRarity) -> float:
    """Bits to add for the words in common: those of the rarest, and for each that agrees besides."""
    shared = set(a).intersection(b)
    if not shared:
        return 0.0
    rarest = max(told.names.get(word, told.other) for word in shared)
    return rarest + told.further * (len(shared) - 1)


class _Settled(NamedTuple):
    """What came out, the rule that settled it, and whether that rule asked for no weight."""

    zone: Zone
    rule: str
    deterministic: bool = False
    vetoes: tuple[str, ...] = ()


def _settle(pair: Pair, odds: float, model: MatchModel) -> _Settled:
    for name, holds in EXCLUDING:
        if holds(pair):
            return _Settled(Zone.NONE, name)
    vetoes = tuple(name for name, holds in VETOES if holds(pair))
    if not vetoes:
        for name, holds in LINKING:
            if holds(pair):
                return _Settled(Zone.LINK, name, deterministic=True)
    if pair.levels.matricule == EQUAL:
        return _Settled(Zone.REVIEW, SAME_NUMBER_UNLIKE, vetoes=vetoes)
    if vetoes:
        zone = Zone.REVIEW if odds >= model.thresholds.review else Zone.NONE
        return _Settled(zone, vetoes[0], vetoes=vetoes)
    return _Settled(*_by_weight(pair, odds, model))


def _by_weight(pair: Pair, odds: float, model: MatchModel) -> tuple[Zone, str]:
    limits = model.thresholds
    if odds < limits.review:
        return Zone.NONE, "weak"
    if odds < limits.automatic:
        return Zone.REVIEW, "weak"
    if provisional(pair):
        return Zone.REVIEW, "status-provisional"
    if renamed(pair.levels):
        return (Zone.LINK if odds >= limits.strong else Zone.REVIEW), "renamed"
    if model.policy == "A" or supported(pair.levels):
        return Zone.LINK, f"policy-{model.policy.lower()}"
    if close(pair) and odds >= limits.rare and model.knows_names and not homonymous(pair):
        return Zone.LINK, "exact-and-rare" if exact(pair.levels) else "close-and-rare"
    if model.policy == "B" and exact(pair.levels) and odds >= limits.strong:
        return Zone.LINK, "policy-b-exact"
    return Zone.REVIEW, UNSUPPORTED


def _grade(settled: _Settled, odds: float, model: MatchModel) -> Grade:
    zone = settled.zone
    if zone is Zone.LINK:
        return Grade.CERTAIN
    if settled.rule == "status-never":
        return Grade.NONE
    if zone is Zone.REVIEW and odds >= model.thresholds.review:
        return Grade.PROBABLE
    if zone is Zone.REVIEW or odds >= model.thresholds.possible:
        return Grade.POSSIBLE
    return Grade.NONE
