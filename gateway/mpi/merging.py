"""One identifier ends in another of its domain; a new one takes its place; removal (ITI TF-2 3.8.4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.errors import Meaning
from gateway.matching import Judgement, Zone, explain, judge
from gateway.mpi.changes import Changes
from gateway.mpi.context import IDENTIFIER, SUBSUMED, SURVIVOR, Asking, Mpi, refused, source
from gateway.mpi.questions import URGENT, ask
from gateway.record.domain import Kind
from gateway.record.patients import Identity, PatientMerge, PersonChange, State
from gateway.record.people import PatientId
from gateway.stores.identities import Held

MERGE = {"rule": "merge"}


async def merge(mpi: Mpi, call: Asking, told: PatientMerge) -> tuple[PersonChange, ...]:
    """Lets the subsumed identifier, and all it subsumed before, end in the survivor.

    Refused when either is unknown, subsumed or removed already, when they are the same or of two domains.
    """
    _same_domain(mpi, call, told.survivor, told.subsumed)
    subsumed = _usable(await mpi.store.held(told.subsumed), SUBSUMED)
    survivor = _usable(await mpi.store.held(told.survivor), SURVIVOR)
    changes = Changes(mpi, call, "merge")
    await _join(mpi, changes, survivor, subsumed)
    return changes.finish()


async def rename(mpi: Mpi, call: Asking, told: PatientMerge) -> tuple[PersonChange, ...]:
    """A new identifier takes the place of one that is known (A47): the old one resolves to it.

    Refused when the new one belongs to somebody already: that is a merge.
    """
    _same_domain(mpi, call, told.survivor, told.subsumed)
    old = _usable(await mpi.store.held(told.subsumed), SUBSUMED)
    if await mpi.store.held(told.survivor) is not None:
        raise refused(Meaning.DUPLICATE_KEY, "the new identifier is in use", SURVIVOR)
    changes = Changes(mpi, call, "rename")
    changes.see(await mpi.store.members([old.identity.person]))
    key = mpi.store.new_key()
    identity = Identity(key=key, head=key, person=old.identity.person, id=told.survivor)
    changes.add(identity, {"rule": "rename"}, status=old.told.status)
    traits = mpi.matcher.traits(old.told, told.survivor)
    rows = mpi.matcher.rows(traits, old.told)
    mpi.store.create(call.work, identity, old.told, mpi.matcher.pack(traits), rows, call.at)
    changes.move(changes.chain(old.identity.key), {"rule": "rename"}, head=key)
    return changes.finish()


async def merge_or_rename(mpi: Mpi, call: Asking, told: PatientMerge) -> tuple[PersonChange, ...]:
    """A merge as ITI TF-2 3.30.4.3.3 has it: into an unknown identifier it is a change of the identifier.

    Where the one that ends is unknown there is nothing to do.
    """
    _same_domain(mpi, call, told.survivor, told.subsumed)
    if await mpi.store.held(told.subsumed) is None:
        return ()
    known = await mpi.store.held(told.survivor) is not None
    return await (merge if known else rename)(mpi, call, told)


async def rename_if_known(mpi: Mpi, call: Asking, told: PatientMerge) -> tuple[PersonChange, ...]:
    """As `rename`; where the old identifier is unknown there is nothing to do (ITI TF-2 3.30.4.5.3)."""
    _same_domain(mpi, call, told.survivor, told.subsumed)
    return await rename(mpi, call, told) if await mpi.store.held(told.subsumed) is not None else ()


async def remove(mpi: Mpi, call: Asking, asked: PatientId) -> tuple[PersonChange, ...]:
    """Nobody sees the identifier any more, nor can it come again; what is kept under it stays."""
    if not source(call).may_feed(asked.root):
        raise refused(Meaning.NOT_PERMITTED, "this system is not the source of the domain", IDENTIFIER)
    held = _usable(await mpi.store.held(asked), IDENTIFIER)
    changes = Changes(mpi, call, "remove")
    changes.see(await mpi.store.members([held.identity.person]))
    key = held.identity.key
    changes.move(changes.chain(key), {"rule": "removed"}, person=changes.alone(key))
    changes.move([key], {"rule": "removed"}, state=State.REMOVED)
    return changes.finish()


def _same_domain(mpi: Mpi, call: Asking, survivor: PatientId, subsumed: PatientId) -> None:
    node = source(call)
    if survivor.root != subsumed.root:
        raise refused(Meaning.UNKNOWN_KEY, "the identifiers are of different authorities", SUBSUMED)
    if survivor == subsumed:
        raise refused(Meaning.DUPLICATE_KEY, "both identifiers are the same", SUBSUMED)
    if survivor.root not in mpi.domain.identity_domains or not node.may_feed(survivor.root):
        raise refused(Meaning.UNKNOWN_KEY, "this system is not the source of the domain", SURVIVOR)


def _usable(held: Held | None, place: str) -> Held:
    if held is None:
        raise refused(Meaning.UNKNOWN_KEY, "the identifier is not known", place)
    if held.identity.merged:
        raise refused(Meaning.DUPLICATE_KEY, "the identifier was merged into another", place)
    if held.identity.state is State.REMOVED:
        raise refused(Meaning.UNKNOWN_KEY, "the identifier was removed", place)
    return held


async def _join(mpi: Mpi, changes: Changes, survivor: Held, subsumed: Held) -> None:
    """The chain of one follows the head of the other; then it is seen whose links hold."""
    stays, ends = survivor.identity, subsumed.identity
    changes.see(await mpi.store.members([stays.person, ends.person]))
    changes.see(await mpi.store.chains([stays.key, ends.key]))
    changes.move(changes.chain(ends.key), MERGE, head=stays.key, person=stays.person)
    changes.hold([stays.key])
    if stays.person == ends.person:
        return
    left = changes.of_person(ends.person)
    joined = [each for each in changes.of_person(stays.person) if each.key != stays.key]
    if left and await _follow(mpi, changes, survivor, left, joined):
        changes.move_person(ends.person, stays.person, {"rule": "merge-follows"})


async def _follow(
    mpi: Mpi, changes: Changes, survivor: Held, left: Sequence[Identity], joined: Sequence[Identity]
) -> bool:
    """Whether the links of what ended hold for what stays.

    In the affinity domain they do: its source says that two records are of one human being. In another domain
    they do where the survivor was linked to nobody and nothing contradicts. Else people are asked.
    """
    stays = survivor.identity
    if await _said_different(mpi, [*left], [stays, *joined]):
        await _leave(mpi, changes, stays, left, None)
        return False
    if mpi.domain.identity_domains[stays.id.root].kind is Kind.AFFINITY:
        return True
    traits, population = mpi.matcher.held(survivor), await mpi.population()
    held = await mpi.store.by_keys(each.key for each in left)
    judged = [judge(traits, mpi.matcher.held(each), mpi.matcher.model, population) for each in held]
    contradicting = next((each for each in judged if each.zone is Zone.NONE), None)
    if joined or contradicting is not None:
        await _leave(mpi, changes, stays, left, contradicting or judged[0])
        return False
    return True


async def _said_different(mpi: Mpi, some: Sequence[Identity], others: Sequence[Identity]) -> bool:
    keys, against = {each.key for each in some}, {each.key for each in others}
    return any(
        not each.same and (each.first in against or each.second in against)
        for each in await mpi.history.assertions(keys)
    )


async def _leave(
    mpi: Mpi, changes: Changes, stays: Identity, left: Sequence[Identity], judged: Judgement | None
) -> None:
    told = explain(judged) if judged is not None else {"rule": "said-different"}
    await ask(mpi, changes, stays.key, left[0].person, "merged-apart", told, URGENT)
