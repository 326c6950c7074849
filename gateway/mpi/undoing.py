"""The way back from a merge or a link: every identity becomes what it was before, or nothing does."""

from __future__ import annotations

from gateway.errors import Meaning, Refused
from gateway.mpi.changes import Changes, Decision
from gateway.mpi.context import TARGET, Asking, Mpi, refused
from gateway.record.patients import State
from gateway.stores.identity_history import Event

UNDONE = {"rule": "undone"}
REVERSIBLE = frozenset({"merge", "rename", "link", "unlink", "review", "feed", "remove"})


async def undo(
    mpi: Mpi, call: Asking, operation: int, *, kind: str = "undo", reason: str | None = None
) -> Changes:
    """The changes that take an operation back; the caller adds what else is to be said, and finishes them.

    Refused when there is no such operation, it was undone, or a later one has moved one of its identities:
    that one must be undone first. An identity that came with the operation stays, as a person of its own.
    """
    if not call.scope.unrestricted:
        raise PermissionError("this scope does not allow changes of patients")
    events = await mpi.history.of_operation(operation)
    if not events or events[0].kind not in REVERSIBLE:
        raise refused(Meaning.UNKNOWN_KEY, "there is no such operation, or it cannot be undone", TARGET)
    held = await mpi.store.by_keys(each.patient for each in events)
    changes = Changes(mpi, call, kind, undoes=operation)
    changes.see(held)
    persons = {each.identity.person for each in held}
    persons |= {each.person_before for each in events if each.person_before is not None}
    changes.see(await mpi.store.members(persons))
    for event in reversed(events):
        if _moved_since(changes, event):
            raise await _in_the_way(mpi, event)
        _take_back(changes, event, UNDONE if reason is None else {**UNDONE, "reason": reason})
    mpi.history.retract_of(call.work, operation)
    return changes


def _moved_since(changes: Changes, event: Event) -> bool:
    now, left = changes.now(event.patient), (event.head_after, event.person_after, event.state_after)
    return (now.head, now.person, now.state.value) != left


async def _in_the_way(mpi: Mpi, event: Event) -> Refused:
    """The refusal that names the operation to begin with: the last that moved the identity."""
    last = (await mpi.history.of_patients([event.patient]))[-1]
    if last.undoes == event.operation:
        text = f"the operation was undone already, by operation {last.operation:x}"
    else:
        text = (
            f"one of the identities was moved by a later operation; undo that one first: "
            f"{last.operation:x} ({last.kind})"
        )
    return refused(Meaning.DUPLICATE_KEY, text, TARGET)


def _take_back(changes: Changes, event: Event, decision: Decision) -> None:
    born = event.person_before is None
    changes.move(
        [event.patient],
        decision,
        head=event.head_before if event.head_before is not None else event.patient,
        person=changes.alone(event.patient) if born else event.person_before,
        state=State(event.state_before or State.ACTIVE.value),
    )
