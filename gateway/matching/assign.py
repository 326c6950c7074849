"""Which person an identity belongs to, given all candidates and all members of their clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gateway.matching.compare import DIFFERS, OTHER_DATE, SIMILAR, UNLIKE
from gateway.matching.judge import SAME_NUMBER_UNLIKE, UNSUPPORTED, Grade, Judgement, Zone, judge
from gateway.matching.model import MatchModel
from gateway.matching.rules import MEMBER_VETOES, supported
from gateway.matching.statuses import FROZEN
from gateway.matching.traits import Traits

ReviewKind = Literal["possible-match", "several-clusters", "same-id-unlike-traits", "id-conflict", "cap-hit"]
_KINDS: dict[str, ReviewKind] = {
    SAME_NUMBER_UNLIKE: "same-id-unlike-traits",
    "number-conflict": "id-conflict",
}
_RANK = {Zone.LINK: 2, Zone.REVIEW: 1, Zone.NONE: 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewReason:
    """One task for a person: the likeliest person key, and `others` when the task is about a set."""

    person: int
    kind: ReviewKind
    judgement: Judgement
    others: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The person to link to, or None for a new one; why; and what a person is to look at."""

    person: int | None
    judgement: Judgement | None
    reviews: tuple[ReviewReason, ...] = ()


@dataclass(frozen=True, slots=True)
class _Outcome:
    person: int
    judgement: Judgement


def assign(
    new: Traits,
    clusters: Mapping[int, Sequence[Traits]],
    model: MatchModel,
    population: int,
    *,
    apart: frozenset[int] = frozenset(),
    capped: bool = False,
) -> Assignment:
    """Link to the one person that qualifies, to none when several do.

    `clusters` gives for each person key all member identities; `apart` are persons asserted to be others;
    `capped`: there were more candidates than were looked at.
    """
    outcomes = [
        _Outcome(person, of_cluster(new, members, model, population))
        for person, members in clusters.items()
        if person not in apart and members
    ]
    outcomes.sort(key=lambda each: (-_RANK[each.judgement.zone], -each.judgement.odds, each.person))
    linking = [each for each in outcomes if each.judgement.zone is Zone.LINK]
    if len(linking) > 1:
        return _several(outcomes)
    best = outcomes[0].judgement if outcomes else None
    if not linking:
        return Assignment(person=None, judgement=best, reviews=_reviews(outcomes, capped=capped))
    found = linking[0]
    if capped and not found.judgement.deterministic:
        return Assignment(person=None, judgement=best, reviews=_reviews(outcomes, capped=True))
    rest = [each for each in outcomes if each is not found and _still_asks(each.judgement, model)]
    return Assignment(person=found.person, judgement=best, reviews=_reviews(rest, capped=False))


def overlay(old: Traits, new: Traits, model: MatchModel, population: int) -> bool:
    """Whether an update under one identifier turns one person into another.

    A likeness below the review band is not enough: who was unknown yesterday may have a name today. Two
    traits must contradict each other.
    """
    judgement = judge(old, new, model, population)
    levels = judgement.levels
    against = (
        levels.family == UNLIKE,
        levels.given in {SIMILAR, UNLIKE},
        levels.birth_date == OTHER_DATE,
        levels.sex == DIFFERS,
        levels.matricule == DIFFERS,
    )
    return judgement.odds < model.thresholds.review and sum(against) > 1


def of_cluster(new: Traits, members: Sequence[Traits], model: MatchModel, population: int) -> Judgement:
    """The best judgement of the members, unless one of them speaks against the cluster."""
    all_of_them = [judge(new, each, model, population) for each in members]
    best = max(all_of_them, key=lambda each: (_RANK[each.zone], each.odds))
    if best.rule == UNSUPPORTED and any(supported(each.levels) for each in all_of_them):
        best = replace(best, zone=Zone.LINK, grade=Grade.CERTAIN, rule="supported-by-cluster")
    against = {name for name, holds in MEMBER_VETOES if any(holds(each.levels) for each in all_of_them)}
    if any(each.status in FROZEN for each in members):
        against.add("status-frozen")
    if not against:
        return best
    if best.zone is not Zone.LINK:
        return _set_aside(best) if "other-number" in against else best
    return replace(
        best,
        zone=Zone.REVIEW,
        grade=Grade.PROBABLE,
        rule="member-veto",
        vetoes=(*best.vetoes, *(f"member-{reason}" for reason in sorted(against))),
        deterministic=False,
    )


def _set_aside(best: Judgement) -> Judgement:
    """Likeness to one member is no question to a person when another has a different national number."""
    if best.zone is Zone.NONE or best.rule in _KINDS:
        return best
    return replace(best, zone=Zone.NONE, grade=Grade.POSSIBLE, rule="member-other-number")


def _several(outcomes: Sequence[_Outcome]) -> Assignment:
    """Two persons qualify: perhaps they are one. A single task for the whole set, and no link."""
    first, *rest = [each for each in outcomes if each.judgement.zone is not Zone.NONE]
    reason = ReviewReason(
        person=first.person,
        kind="several-clusters",
        judgement=first.judgement,
        others=tuple(each.person for each in rest),
    )
    return Assignment(person=None, judgement=first.judgement, reviews=(reason,))


def _reviews(outcomes: Sequence[_Outcome], *, capped: bool) -> tuple[ReviewReason, ...]:
    reasons = [
        ReviewReason(
            person=each.person,
            kind="cap-hit" if capped else _KINDS.get(each.judgement.rule, "possible-match"),
            judgement=each.judgement,
        )
        for each in outcomes
        if each.judgement.zone is not Zone.NONE
    ]
    return tuple(reasons)


def _still_asks(judgement: Judgement, model: MatchModel) -> bool:
    """Whether another person is worth a look although one was found: perhaps both clusters are one."""
    if judgement.zone is Zone.NONE:
        return False
    if judgement.rule in _KINDS:
        return True
    return judgement.rule == UNSUPPORTED and judgement.odds >= model.thresholds.strong
