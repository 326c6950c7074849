"""Somebody says that two identities are one human being, or that they are not (ITI TF-2 3.30.4)."""

from __future__ import annotations

from gateway.errors import Meaning, Refused
from gateway.mpi.changes import Changes
from gateway.mpi.context import FIRST, SECOND, Asking, Mpi, refused
from gateway.mpi.undoing import undo
from gateway.record.patients import Identity, PersonChange, State
from gateway.record.people import PatientId


async def link(
    mpi: Mpi, call: Asking, first: PatientId, second: PatientId, reason: str
) -> tuple[PersonChange, ...]:
    """Two identities are one human being; what was said before does not hold any more.

    Refused when one of them is unknown, merged or removed: a link creates nobody.
    """
    one, other = await pair(mpi, call, first, second)
    changes = Changes(mpi, call, "link")
    said = (one.key, other.key)
    mpi.history.retract(call.work, said)
    mpi.history.assert_pair(call.work, changes.operation, mpi.store.new_key(), said, same=True, reason=reason)
    if one.person != other.person:
        changes.see(await mpi.store.members([one.person, other.person]))
        stays, ends = _kept(mpi, changes, one.person, other.person)
        changes.move_person(ends, stays, {"rule": "said-same"})
    changes.hold([one.key, other.key])
    return changes.finish()


async def unlink(
    mpi: Mpi, call: Asking, first: PatientId, second: PatientId, reason: str
) -> tuple[PersonChange, ...]:
    """Two identities are two human beings, and no rule will link them again.

    Where a link made them one, it is undone exactly; else the second leaves, with what was merged into it.
    """
    one, other = await pair(mpi, call, first, second)
    said = next(
        (each for each in await mpi.history.assertions([one.key]) if other.key in (each.first, each.second)),
        None,
    )
    undone = None
    if said is not None and said.same and one.person == other.person:
        undone = await _undone(mpi, call, said.operation)
    changes = undone or await _parted(mpi, call, one, other)
    mpi.history.retract(call.work, (one.key, other.key))
    mpi.history.assert_pair(
        call.work, changes.operation, mpi.store.new_key(), (one.key, other.key), same=False, reason=reason
    )
    return changes.finish()


async def _undone(mpi: Mpi, call: Asking, operation: int) -> Changes | None:
    """The link taken back; None where somebody was moved since, so that there is no exact way back."""
    try:
        return await undo(mpi, call, operation, kind="unlink")
    except Refused:
        return None


async def _parted(mpi: Mpi, call: Asking, one: Identity, other: Identity) -> Changes:
    changes = Changes(mpi, call, "unlink")
    changes.see(await mpi.store.members([one.person, other.person]))
    if one.person == other.person:
        decision = {"rule": "said-different"}
        changes.move(changes.chain(other.key), decision, person=changes.alone(other.key))
    return changes


async def pair(mpi: Mpi, call: Asking, first: PatientId, second: PatientId) -> tuple[Identity, Identity]:
    """Two identities that are in use."""
    if not call.scope.unrestricted:
        raise PermissionError("this scope does not allow changes of patients")
    found = []
    for asked, place in ((first, FIRST), (second, SECOND)):
        held = await mpi.store.held(asked)
        if held is None or held.identity.merged or held.identity.state is State.REMOVED:
            raise refused(Meaning.UNKNOWN_KEY, "the identifier is not known, or not in use", place)
        found.append(held.identity)
    if found[0].key == found[1].key:
        raise refused(Meaning.DUPLICATE_KEY, "both identifiers are the same", SECOND)
    return found[0], found[1]


def _kept(mpi: Mpi, changes: Changes, first: int, second: int) -> tuple[int, int]:
    """Which person stays: the one that the affinity domain knows; else the older one."""
    root = mpi.domain.affinity_root

    def rank(person: int) -> tuple[bool, int]:
        return not any(each.id.root == root for each in changes.of_person(person)), person

    stays, ends = sorted((first, second), key=rank)
    return stays, ends
