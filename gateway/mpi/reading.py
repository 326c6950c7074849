"""Persons by logical id or identifier, and the parts of a long answer (ITI TF-2 3.21.4.1.2.2.4, 3.78.4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.mpi.context import Asking, Mpi
from gateway.mpi.lookup import reader
from gateway.mpi.showing import View, by_person, ended, person_of, view_of, visible
from gateway.record.patients import Person, State
from gateway.record.people import PatientId
from gateway.stores.identities import Held

_STEPS = 32
"""So often a person can have become part of another, and that one of a third, before the search ends."""


async def person(mpi: Mpi, call: Asking, key: int) -> Person | None:
    """A person by logical id; not active, with `replaced_by`, when it has become part of another."""
    view = view_of(mpi, call)
    found = await _one(mpi, view, key)
    if found is not None:
        return found
    successor = await _successor(mpi, view, key)
    if successor is None:
        return None
    held = await mpi.store.by_keys([key])
    if held and held[0].identity.state is not State.REMOVED and held[0].identity.id.root in view.wanted:
        return ended(view, held[0].identity, held[0].told, successor.key)
    return Person(
        key=key,
        identifiers=(),
        demographics=successor.demographics,
        active=False,
        replaced_by=successor.key,
    )


async def _one(mpi: Mpi, view: View, key: int) -> Person | None:
    shown = visible(view, await mpi.store.members([key]))
    return person_of(mpi, view, shown) if shown else None


async def _successor(mpi: Mpi, view: View, key: int) -> Person | None:
    """The person of today that one of earlier is part of; None when that is not for the caller to see."""
    seen = {key}
    for _ in range(_STEPS):
        following = await mpi.history.successor(key)
        if following is None or following in seen:
            return None
        key = following
        seen.add(key)
        found = await _one(mpi, view, key)
        if found is not None:
            return found
    return None


async def resolve(mpi: Mpi, call: Asking, asked: PatientId) -> Person | None:
    """The person of an identifier; of one that was merged: what ended, with `replaced_by`."""
    view = view_of(mpi, call, asked=[asked])
    if asked.root not in view.seen:
        return None
    held = await mpi.store.held(asked)
    if held is None or held.identity.state is State.REMOVED:
        return None
    if held.identity.merged:
        return await _merged(mpi, view, held)
    shown = visible(view, await mpi.store.members([held.identity.person]))
    return person_of(mpi, view, shown) if any(each.identity.id == asked for each in shown) else None


async def _merged(mpi: Mpi, view: View, held: Held) -> Person | None:
    successor = await _one(mpi, view, held.identity.person)
    return ended(view, held.identity, held.told, successor.key) if successor is not None else None


async def persons(
    mpi: Mpi, call: Asking, keys: Sequence[int], domains: tuple[str, ...] | None
) -> tuple[Person, ...]:
    """Persons of a later part of an answer, in the order of the keys; whom the caller may not see is out."""
    view = view_of(mpi, call, domains)
    members = by_person(await mpi.store.members(keys))
    shown = (visible(view, members[key]) for key in keys if key in members)
    found = (person_of(mpi, view, each) for each in shown if each)
    return tuple(each for each in found if each is not None)


async def records(
    mpi: Mpi, call: Asking, persons: Sequence[int], domains: tuple[str, ...] | None
) -> dict[int, int]:
    """The person of each record key under which something may be kept that the caller may see.

    Those are the identities that an answer names, and what was merged into them.
    """
    view, members = view_of(mpi, call, domains), await mpi.store.members(persons)
    named = {each.identity.key for each in visible(view, members) if each.identity.id.root in view.wanted}
    return {each.identity.key: each.identity.person for each in members if each.identity.head in named}


async def keep(mpi: Mpi, call: Asking, tag: str, found: Sequence[int]) -> str:
    """Notes in the unit of work whom a query found; gives the pointer to it, which is the node's alone."""
    return mpi.continuations.keep(call.work, reader(call), tag, found, call.at)


async def resume(mpi: Mpi, call: Asking, pointer: str) -> tuple[str, tuple[int, ...]] | None:
    """The asker's tag and the person keys; None when the pointer is unknown, over, or of another node."""
    held = await mpi.continuations.find(reader(call), pointer, call.at)
    return (held.tag, held.persons) if held is not None else None


async def resume_tag(mpi: Mpi, call: Asking, tag: str) -> tuple[int, ...] | None:
    """The person keys of the asker's last query by this tag."""
    held = await mpi.continuations.find_tag(reader(call), tag, call.at)
    return held.persons if held is not None else None


def drop(mpi: Mpi, call: Asking, tag: str) -> None:
    """Notes that no further part will be asked for; whether there was one makes no difference."""
    mpi.continuations.drop(call.work, reader(call), tag)
