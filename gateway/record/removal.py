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


class RemovalView(Protocol):
    """What a removal must know of the registry."""

    async def standing(self, ids: Sequence[str]) -> Mapping[str, Standing]:
        """The registered objects among some entryUUIDs."""
        ...

    async def touching(self, ids: Sequence[str]) -> Sequence[Link]:
        """Every association with an end among some ids."""
        ...


async def plan_removal(ids: Sequence[str], view: RemovalView) -> tuple[Standing, ...]:
    """The objects to remove; Refused when one is unknown, still referenced, or leaves an orphan."""
    standing = await view.standing(ids)
    if unknown := [name for name in ids if name not in standing]:
        raise Refused(
            *(Problem(Meaning.UNRESOLVED_REFERENCE, f"{name} is not registered", name) for name in unknown)
        )
    removed = set(ids)
    problems = [*_referenced(removed, await view.touching(ids))]
    ends = {end for each in standing.values() for end in (each.source, each.target) if end}
    left = sorted(ends - removed)
    problems += _orphans(left, await view.standing(left), await view.touching(left), removed)
    if problems:
        raise Refused(*problems)
    return tuple(standing[name] for name in ids)


def _referenced(removed: Collection[str], links: Sequence[Link]) -> Iterator[Problem]:
    for link in links:
        for end in (link.source, link.target):
            if end in removed and link.id not in removed:
                text = f"association {link.id}, which stays, refers to {end}"
                yield Problem(Meaning.REFERENCES_EXIST, text, end)


def _orphans(
    left: Sequence[str], standing: Mapping[str, Standing], links: Sequence[Link], removed: Collection[str]
) -> Iterator[Problem]:
    """A set keeps an association; what a set brought in stays the member of one."""
    staying = [link for link in links if link.id not in removed]
    held = {link.target for link in staying if link.of_set}
    leading = {link.source for link in staying}
    was_held = {link.target for link in links if link.of_set}
    for name in left:
        each = standing.get(name)
        if each is None:
            continue
        kept = name in leading if each.kind == "submission-set" else name in held or name not in was_held
        if not kept:
            yield Problem(
                Meaning.UNREFERENCED_OBJECT,
                f"{name} ({each.kind}) would belong to no SubmissionSet, or hold nothing",
                name,
            )
