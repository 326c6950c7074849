"""Runs the engine of the gateway over labelled records; the truth is looked at after each decision only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from time import perf_counter

from gateway.config.matching import Policy
from gateway.matching import Assignment, MatchModel, Traits, Zone, judge, traits_of
from gateway.matching.model import model_of
from gateway.matching.trial import Index

from ..population.generate import MATRICULE_ROOT, SourceRecord
from .measure import SURE, Outcomes, Scored, true_pairs

_ROOTS = frozenset({MATRICULE_ROOT})
_RECORDS_OF_A_PERSON = 2.44
_LOWEST = -20.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """A record as the engine sees it, and who it is."""

    person: int
    traits: Traits


@dataclass(frozen=True, slots=True)
class Split:
    """Records that are held already, and those that are registered one after the other."""

    held: list[Labelled]
    registered: list[Labelled]


def seen(records: Iterable[SourceRecord], model: MatchModel) -> Iterable[Labelled]:
    """The records as the engine sees them."""
    for each in records:
        yield Labelled(each.person, traits_of(each.told, each.identity, _ROOTS, model.stop))


def split(records: Iterable[Labelled], persons: int, registrations: int, seed: int) -> Split:
    """So many records at random are registered, in random order; all others are held before."""
    rng = Random(seed)  # noqa: S311 - no secret is drawn
    part = 1.03 * registrations / (persons * _RECORDS_OF_A_PERSON)
    held: list[Labelled] = []
    registered: list[Labelled] = []
    for each in records:
        (registered if rng.random() < part else held).append(each)
    rng.shuffle(registered)
    return Split(held + registered[registrations:], registered[:registrations])


def shuffled(records: list[Labelled], seed: int) -> list[Labelled]:
    """The same records in random order."""
    return Random(seed).sample(records, len(records))  # noqa: S311 - no secret is drawn


@dataclass(slots=True)
class Run:
    """What a run over registrations showed.

    `pairs` can be joined at some threshold, `weighed` are all that share a token, by weight without any rule.
    """

    outcomes: Outcomes
    pairs: list[Scored]
    weighed: list[Scored] = field(default_factory=list)
    automatic: float = 0.0
    true: int = 0
    found: int = 0
    candidates: int = 0
    seconds: float = 0.0
    policies: dict[str, Outcomes] = field(default_factory=dict)
    mistakes: list[tuple[Traits, Assignment, int]] = field(default_factory=list)

    @property
    def completeness(self) -> float:
        """The part of the true pairs that share a token: no threshold can find the others."""
        return self.found / self.true if self.true else 1.0


def register(data: Split, model: MatchModel, *, policies: Sequence[Policy] = ()) -> Run:
    """Register each; whatever was decided, it is held under its true person afterwards.

    So every decision meets clusters that are right, as if all reviews had been settled. `policies` are
    counted beside the model's own.
    """
    index, members = Index(), Counter(each.person for each in data.held)
    for each in data.held:
        index.add(each.traits, each.person)
    run = Run(Outcomes(), [], automatic=model.thresholds.automatic)
    lenient = _lenient(model)
    variants = {policy: model_of(replace(model.source, policy=policy)) for policy in policies}
    run.policies = {policy: Outcomes() for policy in policies}
    for each in data.registered:
        known = members[each.person]
        _score(run, index, each, lenient)
        run.true += known
        begun = perf_counter()
        decision = index.assign(each.traits, model)
        run.seconds += perf_counter() - begun
        _count(run.outcomes, decision, each, known=known > 0)
        if decision.person not in {None, each.person}:
            run.mistakes.append((each.traits, decision, each.person))
        for policy, variant in variants.items():
            _count(run.policies[policy], index.assign(each.traits, variant), each, known=known > 0)
        index.add(each.traits, each.person)
        members[each.person] += 1
    return run


def _score(run: Run, index: Index, new: Labelled, lenient: MatchModel) -> None:
    places, _ = index.near(new.traits)
    run.candidates += len(places)
    for place in places:
        same = index.persons[place] == new.person
        run.found += same
        judgement = judge(new.traits, index.traits[place], lenient, len(index))
        run.weighed.append(Scored(judgement.odds, same))
        if judgement.zone is Zone.LINK:
            run.pairs.append(Scored(SURE if judgement.deterministic else judgement.odds, same))


def _lenient(model: MatchModel) -> MatchModel:
    """The model with no lowest threshold: whatever no rule forbids may be joined."""
    limits = replace(model.thresholds, automatic=_LOWEST, review=_LOWEST, possible=_LOWEST)
    return model_of(replace(model.source, thresholds=limits))


def _count(counted: Outcomes, decision: Assignment, new: Labelled, *, known: bool) -> None:
    counted.registrations += 1
    counted.known += known
    reviewed = {person for task in decision.reviews for person in (task.person, *task.others)}
    for task in decision.reviews:
        counted.tasks += 1
        counted.tasks_right += new.person in {task.person, *task.others}
        counted.tasks_by[f"{task.kind}/{task.judgement.rule}"] += 1
    if decision.person is not None and decision.judgement is not None:
        rule = decision.judgement.rule
        counted.joined_by[rule] += 1
        counted.joined_right += decision.person == new.person
        if decision.person != new.person:
            counted.joined_wrong += 1
            counted.wrong_by[rule] += 1
    counted.reached += known and (decision.person == new.person or new.person in reviewed)


def alone(records: Sequence[Labelled], model: MatchModel) -> tuple[int, int, int]:
    """Register all records with nobody reviewing; gives pairs joined, joined rightly, and true pairs."""
    index, truth = Index(), []
    for number, each in enumerate(records):
        decision = index.assign(each.traits, model)
        index.add(each.traits, number if decision.person is None else decision.person)
        truth.append(each.person)
    both = true_pairs(_numbered(zip(index.persons, truth, strict=True)))
    return true_pairs(index.persons), both, true_pairs(truth)


def _numbered(keys: Iterable[tuple[int, int]]) -> list[int]:
    numbers: dict[tuple[int, int], int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]
