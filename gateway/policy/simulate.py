"""What another policy would show or hide: counted over the registry, never shown (rules P6 and P9).

Counted is what the role alone gives: confidentiality up to its rank, before consent, lists, levels and own
organisation narrow or widen it for single patients. Documents keep the rank that they were registered with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.declare.actions import Action
from gateway.policy.model import Policy, RoleRule
from gateway.policy.words import roles_by_name

READS = (Action.DOCUMENT_QUERY, Action.DOCUMENT_QUERY_MANY, Action.DOCUMENT_READ)
"""Actions that let somebody see documents."""


@dataclass(frozen=True, slots=True)
class Group:
    """Documents of one class and rank in the registry."""

    document_class: str | None
    rank: int
    documents: int


Cell = tuple[str | None, int]
"""Class and rank."""
CountPatients = Callable[[Sequence[Cell]], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Effect:
    """For one role and action: documents that come and go, and how many patients they belong to."""

    role: str
    action: Action
    gained: int
    lost: int
    gained_patients: int
    lost_patients: int


async def simulate(
    before: Policy, after: Policy, groups: Sequence[Group], patients: CountPatients
) -> list[Effect]:
    """Every role and action for which something would change; `patients` counts those with such documents."""
    old, new = roles_by_name(before), roles_by_name(after)
    counted: dict[tuple[Cell, ...], int] = {}

    async def of(cells: list[Group]) -> tuple[int, int]:
        key = tuple((each.document_class, each.rank) for each in cells)
        if key and key not in counted:
            counted[key] = await patients(key)
        return sum(each.documents for each in cells), counted.get(key, 0)

    effects = []
    for name in sorted(old.keys() | new.keys()):
        for action in READS:
            was = [_covers(old.get(name), action, each) for each in groups]
            now = [_covers(new.get(name), action, each) for each in groups]
            gained = [each for each, a, b in zip(groups, was, now, strict=True) if b and not a]
            lost = [each for each, a, b in zip(groups, was, now, strict=True) if a and not b]
            if gained or lost:
                (more, of_more), (less, of_less) = await of(gained), await of(lost)
                effects.append(Effect(name, action, more, less, of_more, of_less))
    return effects


def _covers(rule: RoleRule | None, action: Action, group: Group) -> bool:
    if rule is None or action not in rule.may:
        return False
    classes = rule.may[action]
    return (classes is None or group.document_class in classes) and group.rank <= rule.rank
