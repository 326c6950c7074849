"""Figures on decisions whose truth is known: precision, recall, and what bounds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb, exp, log

SURE = 1e9
"""The bits of a pair that a rule joins whatever its weight."""
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Scored:
    """A pair that could be joined: what speaks for it, in bits, and whether it is one person."""

    bits: float
    same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a threshold gives: pairs joined, how many of them rightly, out of all true pairs."""

    bits: float
    joined: int
    right: int
    true: int

    @property
    def precision(self) -> float:
        """The part of the joined pairs that is one person; 1 when none is joined."""
        return self.right / self.joined if self.joined else 1.0

    @property
    def recall(self) -> float:
        """The part of the true pairs that is joined."""
        return self.right / self.true if self.true else 1.0

    @property
    def wrong(self) -> int:
        """Joined pairs that are two persons."""
        return self.joined - self.right


@dataclass(slots=True)
class Outcomes:
    """What became of registrations, counted."""

    registrations: int = 0
    known: int = 0
    joined_right: int = 0
    joined_wrong: int = 0
    tasks: int = 0
    tasks_right: int = 0
    reached: int = 0
    joined_by: Counter[str] = field(default_factory=Counter)
    wrong_by: Counter[str] = field(default_factory=Counter)
    tasks_by: Counter[str] = field(default_factory=Counter)

    @property
    def precision(self) -> float:
        """The part of the automatic links that is right; 1 when there is none."""
        links = self.joined_right + self.joined_wrong
        return self.joined_right / links if links else 1.0

    def per_thousand_tasks(self) -> float:
        """Review tasks for 1,000 registrations."""
        return 1000 * self.tasks / self.registrations if self.registrations else 0.0


def true_pairs(persons: Iterable[int]) -> int:
    """How many pairs of these records are of one person."""
    return sum(comb(count, 2) for count in Counter(persons).values())


def curve(pairs: Iterable[Scored], true: int, thresholds: Sequence[float]) -> list[Point]:
    """A point for each threshold; a pair is joined where its bits reach it."""
    ordered = sorted(pairs, key=lambda each: -each.bits)
    points, at, right = [], 0, 0
    for bits in sorted(thresholds, reverse=True):
        while at < len(ordered) and ordered[at].bits >= bits:
            right += ordered[at].same
            at += 1
        points.append(Point(bits=bits, joined=at, right=right, true=true))
    return points[::-1]


def best(pairs: Iterable[Scored], true: int, precision: float) -> Point:
    """The lowest threshold from which the precision is kept; with no pair joined when it never is."""
    ordered = sorted(pairs, key=lambda each: -each.bits)
    found = Point(bits=SURE, joined=0, right=0, true=true)
    right = 0
    for at, pair in enumerate(ordered, start=1):
        right += pair.same
        last = at == len(ordered) or ordered[at].bits < pair.bits
        if last and right >= precision * at:
            found = Point(bits=pair.bits, joined=at, right=right, true=true)
    return found


def upper_bound(wrong: int, tried: int) -> float:
    """The rate of errors that is not exceeded with 95 % confidence (Clopper and Pearson 1934, one-sided)."""
    if tried == 0 or wrong >= tried:
        return 1.0
    low, high = wrong / tried, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(wrong, tried, middle) > 1 - _CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _at_most(wrong: int, tried: int, rate: float) -> float:
    """The chance of so many errors or less, by the binomial law; Poisson's where it is the same."""
    if rate >= 1:
        return 0.0
    total, term = 0.0, exp(tried * log(1 - rate))
    for count in range(wrong + 1):
        total += term
        term *= (tried - count) / (count + 1) * rate / (1 - rate)
    return total


def counts(told: Mapping[str, int]) -> str:
    """The counts by name, the largest first, for a table."""
    ordered = sorted(told.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered) or "none"
