"""Answers that are told in parts: who was found, and how far it was told (ITI TF-2 3.47.4.2.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.crypto.safexml import parse
from gateway.declare.services import Services
from gateway.declare.transaction import Call
from gateway.record.patients import Person
from profiles.pdqv3.wire.query import read_scopes
from profiles.pixv3 import codes

_POINTER = struct.Struct(">qq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What a query found: person keys with scores, in order; `told` of them are told already.

    `size` is how many are told at once, `text` the queryByParameter that is repeated in each part.
    """

    text: str
    size: int
    told: int
    keys: tuple[int, ...]
    scores: tuple[int, ...]

    @property
    def total(self) -> int:
        """How many were found."""
        return len(self.keys)

    @property
    def remaining(self) -> int:
        """How many are left to be told."""
        return self.total - self.told

    def then(self, start: int, count: int) -> Pages:
        """After a part from `start` (0 is the first) on."""
        return replace(self, told=min(start + count, self.total))


async def keep(call: Call[Any], services: Services, name: str, pages: Pages) -> None:
    """Notes what is left of a query; takes the place of what was kept of it.

    The text is kept with the persons, under a pointer that is kept by the name of the query.
    """
    forget(call, services, name, pages)
    state = (pages.size, pages.told, *pages.keys, *pages.scores)
    pointer = await services.index.keep(call, pages.text, state)
    await services.index.keep(call, name, _POINTER.unpack(bytes.fromhex(pointer)))


def forget(call: Call[Any], services: Services, name: str, pages: Pages) -> None:
    """Notes that nothing more will be told."""
    services.index.drop(call, name)
    services.index.drop(call, pages.text)


async def find(call: Call[Any], services: Services, name: str) -> Pages | None:
    """What is left of a query of this node; None when there was none, or it was too long ago."""
    named = await services.index.resume_tag(call, name)
    if named is None:
        return None
    found = await services.index.resume(call, _POINTER.pack(*named).hex())
    if found is None:
        return None
    text, (size, told, *rest) = found
    half = len(rest) // 2
    return Pages(text=text, size=size, told=told, keys=tuple(rest[:half]), scores=tuple(rest[half:]))


async def read(
    call: Call[Any], services: Services, pages: Pages, start: int, count: int
) -> tuple[Person, ...]:
    """The persons of a part, as they are now; who is no more is not there."""
    keys = pages.keys[start : start + count]
    scores = dict(zip(keys, pages.scores[start : start + count], strict=True))
    found = await services.index.persons(call, keys, scopes(pages.text))
    return tuple(replace(each, score=scores.get(each.key, each.score)) for each in found)


def scopes(text: str) -> tuple[str, ...] | None:
    """The domains that a queryByParameter asks for; None where it asks for all."""
    named = text.replace("<queryByParameter", f'<queryByParameter xmlns="{codes.HL7}"', 1)
    return read_scopes(parse(named.encode())) or None


def pages_of(text: str, size: int, persons: Sequence[Person]) -> Pages:
    """The pages of an answer of which the first part is told."""
    return Pages(
        text=text,
        size=size,
        told=min(size, len(persons)),
        keys=tuple(each.key for each in persons),
        scores=tuple(each.score for each in persons),
    )
