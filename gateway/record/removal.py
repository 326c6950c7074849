"""Removal of registered objects: nothing may be left dangling or orphaned (ITI TF-2 3.62.4.1.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import Meaning, Problem, Refused
from gateway.record.submission import Standing


@dataclass(frozen=True, slots=True)
class Link:
    """A registered association; `of_set` when it starts from a SubmissionSet."""

    id: str
    source: str
    target: str
    relation: str
    of_set: bool


@dataclass(frozen=True, slots=True)
class Removal:
    """The objects to remove, and those left at the ends of removed associations.

    When the change is written, each of `sets` must still hold something and each of `members` be held by
    some SubmissionSet.
    """

    removed: tuple[Standing, ...]
    sets: tuple[Standing, ...]
    members: tuple[Standing, ...]


class RemovalView(Protocol):
    """What a removal must know of the registry."""

    async def standing(self, ids: Sequence[str]) -> Mapping[str, Standing]:
        """The registered objects among some entryUUIDs."""
        ...

    async def touching(self, ids: Sequence[str]) -> Sequence[Link]:
        """Every association with an end among some ids."""
        ...


async def plan_removal(ids: Sequence[str], view: RemovalView) -> Removal:
    """The objects to remove; Refused when one is unknown, still referenced, or leaves an orphan."""
    standing = await view.standing(ids)
    if unknown := [name for name in ids if name not in standing]:
        raise Refused(
            *(Problem(Meaning.UNRESOLVED_REFERENCE, f"{name} is not registered", name) for name in unknown)
        )
    removed = set(ids)
    problems = [*_referenced(removed, await view.touching(ids))]
    ends = {end for each in standing.values() for end in (each.source, each.target) if end}
    names = sorted(ends - removed)
    left, links = await view.standing(names), await view.touching(names)
    sets = tuple(left[name] for name in names if name in left and left[name].kind == "submission-set")
    brought = {link.target for link in links if link.of_set}
    members = tuple(left[name] for name in names if name in left and name in brought)
    problems += _orphans(sets, members, [link for link in links if link.id not in removed])
    if problems:
        raise Refused(*problems)
    return Removal(tuple(standing[name] for name in ids), sets, members)


def _referenced(removed: Collection[str], links: Sequence[Link]) -> Iterator[Problem]:
    for link in links:
        for end in (link.source, link.target):
            if end in removed and link.id not in removed:
                text = f"association {link.id}, which stays, refers to {end}"
                yield Problem(Meaning.REFERENCES_EXIST, text, end)


def _orphans(
    sets: Sequence[Standing], members: Sequence[Standing], staying: Sequence[Link]
) -> Iterator[Problem]:
    """A set keeps an association; what a set brought in stays the member of one."""
    held = {link.target for link in staying if link.of_set}
    leading = {link.source for link in staying}
    lost = [each for each in sets if each.id not in leading]
    lost += [each for each in members if each.id not in held]
    return (orphan(each) for each in lost)


def orphan(left: Standing) -> Problem:
    """An object that stays, but holds nothing as a SubmissionSet, or belongs to none."""
    text = f"{left.id} ({left.kind}) would belong to no SubmissionSet, or hold nothing"
    return Problem(Meaning.UNREFERENCED_OBJECT, text, left.id)
