"""What happened to identities, operation by operation, for those who answer for it; and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from gateway.mpi.changes import Changes
from gateway.mpi.context import Asking, Mpi
from gateway.mpi.reviewing import worker
from gateway.mpi.undoing import undo
from gateway.record.patients import PersonChange
from gateway.record.people import PatientId
from gateway.stores.identity_history import Event
from gateway.stores.rows import millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What an operation did to one identity. `before` is None where the identity came with it.

    `into` is the identifier in which it has ended since, where the operation merged it.
    """

    id: PatientId
    before: int | None
    after: int
    into: PatientId | None = None
    state_before: str | None = None
    state_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One operation: what it was, by whom, when (epoch milliseconds), why. `decision` is JSON."""

    key: int
    kind: str
    at: int
    actor: str
    trace_id: str
    undoes: int | None
    decision: str | None
    moves: tuple[Move, ...]

    @property
    def identifiers(self) -> tuple[PatientId, ...]:
        """The identities that it moved."""
        return tuple(dict.fromkeys(each.id for each in self.moves))


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """The operation that took another back, and the persons who changed by it."""

    done: Done
    changes: tuple[PersonChange, ...]


async def history(mpi: Mpi, call: Asking, asked: int | PatientId) -> tuple[Done, ...]:
    """All that made a person what it is, in order: operations on its identities, and on those that left it.

    By person key, also of one that is no more, or by an identifier of the person.
    """
    worker(call)
    person = asked if isinstance(asked, int) else await _person_of(mpi, asked)
    if person is None:
        return ()
    members = {each.identity.key for each in await mpi.store.members([person])}
    left = {each.patient for each in await mpi.history.of_person(person)}
    events = await mpi.history.of_patients(members | left) if members | left else []
    concerned = {
        each.operation
        for each in events
        if each.patient in members or person in (each.person_before, each.person_after)
    }
    return await _done(mpi, await mpi.history.of_operations(concerned)) if concerned else ()


async def operation(mpi: Mpi, call: Asking, key: int) -> Done | None:
    """One operation by its number."""
    worker(call)
    found = await _done(mpi, await mpi.history.of_operation(key))
    return found[0] if found else None


async def take_back(mpi: Mpi, call: Asking, operation: int, reason: str) -> TakenBack:
    """Takes an operation back by the word of a person; refused as `undoing.undo` says."""
    worker(call)
    changes = await undo(mpi, call, operation, reason=reason)
    return TakenBack(done=await _becoming(mpi, changes), changes=changes.finish())


async def _person_of(mpi: Mpi, asked: PatientId) -> int | None:
    held = await mpi.store.held(asked)
    return held.identity.person if held is not None else None


async def _done(mpi: Mpi, events: Sequence[Event]) -> tuple[Done, ...]:
    names = await _names(mpi, {key for each in events for key in (each.patient, each.head_after)})
    operations: dict[int, list[Event]] = {}
    for each in events:
        operations.setdefault(each.operation, []).append(each)
    return tuple(
        Done(
            key=key,
            kind=own[0].kind,
            at=own[0].at,
            actor=own[0].actor,
            trace_id=own[0].trace_id,
            undoes=own[0].undoes,
            decision=next((each.decision for each in own if each.decision), None),
            moves=tuple(_move(each, names) for each in own),
        )
        for key, own in sorted(operations.items())
    )


def _move(event: Event, names: Mapping[int, PatientId]) -> Move:
    ends = event.head_after not in {event.patient, event.head_before}
    return Move(
        id=names[event.patient],
        before=event.person_before,
        after=event.person_after,
        into=names[event.head_after] if ends else None,
        state_before=event.state_before,
        state_after=event.state_after,
    )


async def _names(mpi: Mpi, keys: Iterable[int]) -> dict[int, PatientId]:
    return {each.identity.key: each.identity.id for each in await mpi.store.by_keys(keys)}


async def _becoming(mpi: Mpi, changes: Changes) -> Done:
    """The operation as it will be remembered once it is written."""
    moved = list(changes.moves())
    names = await _names(mpi, {after.head for _, after, _ in moved})
    told = changes.operation
    decision = next((why for _, _, why in moved if why is not None), None)
    return Done(
        key=told.key,
        kind=told.kind,
        at=millis(told.at),
        actor=told.actor,
        trace_id=told.trace_id,
        undoes=told.undoes,
        decision=orjson.dumps(decision).decode() if decision is not None else None,
        moves=tuple(
            Move(
                id=after.id,
                before=before.person,
                after=after.person,
                into=names[after.head] if after.merged and after.head != before.head else None,
                state_before=before.state.value,
                state_after=after.state.value,
            )
            for before, after, _ in moved
        ),
    )
