"""Estimates a model's weights and rarities from labelled pairs (Fellegi and Sunter 1969)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from math import log2

from gateway.config.matching import MatchingFile, NameRarity, Rarities, Weights
from gateway.matching.compare import DIFFERS, LEVELS, Levels, compare
from gateway.matching.model import MatchModel, model_of
from gateway.matching.traits import Traits

_SMOOTHING = 0.5
"""Half a count for each level, seen or not."""
_LISTED, _SEEN_LEAST = 2000, 20
_MOST_BITS = 12.0
_DIGITS = 2
_Pairs = Iterable[tuple[Traits, Traits]]


def estimate(matches: _Pairs, randoms: _Pairs, base: MatchModel) -> MatchModel:
    """A model with the weights that these pairs show; thresholds, policy and placeholders are the base's.

    `matches` are pairs known to be one person, `randoms` pairs drawn at random (400,000 suffice). A trait or
    level that they do not show keeps its weight, as does the national number when all matches agree in it:
    then they were found by it.
    """
    agreeing = _count(matches)
    families: Counter[str] = Counter()
    givens: Counter[str] = Counter()
    at_random = _count(_noting(randoms, families, givens))
    weights = {
        name: _row(name, agreeing[name], at_random[name], getattr(base.source.weights, name))
        for name in Levels._fields
    }
    rarity = Rarities(
        family=_rarity(families, base.source.rarity.family),
        given=_rarity(givens, base.source.rarity.given),
    )
    return model_of(_with(base.source, Weights(**weights), rarity))


def _with(source: MatchingFile, weights: Weights, rarity: Rarities) -> MatchingFile:
    return replace(source, weights=weights, rarity=rarity)


def _count(pairs: _Pairs) -> dict[str, Counter[int]]:
    counts: dict[str, Counter[int]] = {name: Counter() for name in Levels._fields}
    for a, b in pairs:
        for name, level in zip(Levels._fields, compare(a, b), strict=True):
            counts[name][level] += 1
    return counts


def _noting(pairs: _Pairs, families: Counter[str], givens: Counter[str]) -> _Pairs:
    for a, b in pairs:
        for each in (a, b):
            families.update(each.family[:1])
            givens.update(each.given[:1])
        yield a, b


def _row(
    name: str, agreeing: Counter[int], at_random: Counter[int], base: tuple[float, ...]
) -> tuple[float, ...]:
    levels = range(getattr(LEVELS, name))
    m_total = sum(agreeing[level] for level in levels)
    u_total = sum(at_random[level] for level in levels)
    if not m_total or not u_total:
        return base
    if name == "matricule" and not agreeing[DIFFERS]:
        return base
    smoothed = _SMOOTHING * len(levels)
    return tuple(
        base[level]
        if not agreeing[level] and not at_random[level]
        else round(
            log2((agreeing[level] + _SMOOTHING) / (m_total + smoothed))
            - log2((at_random[level] + _SMOOTHING) / (u_total + smoothed)),
            _DIGITS,
        )
        for level in levels
    )


def _rarity(counts: Counter[str], base: NameRarity) -> NameRarity:
    """Bits against the average name: how much less often two persons share this one."""
    total = counts.total()
    if not total:
        return base
    shared = sum((count / total) ** 2 for count in counts.values())
    listed = [(name, count) for name, count in counts.most_common(_LISTED) if count >= _SEEN_LEAST]
    if not listed:
        return base
    least = listed[-1][1]
    return NameRarity(
        other=_against(shared, least / total),
        further=base.further,
        names={name: _against(shared, count / total) for name, count in listed},
    )


def _against(shared: float, share: float) -> float:
    return round(max(-_MOST_BITS, min(_MOST_BITS, log2(shared / share))), _DIGITS)
