"""A source tells of a person: identities become known or change, matching says who it is (ITI TF-2 3.8.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.errors import Meaning
from gateway.matching import (
    Assignment,
    ReviewReason,
    Traits,
    Zone,
    assign,
    explain,
    judge,
    overlay,
)
from gateway.matching.blocks import Wanted
from gateway.mpi.changes import Changes
from gateway.mpi.context import IDENTIFIER, Asking, Mpi, refused, source
from gateway.mpi.questions import URGENT, ask
from gateway.record.demographics import NOTHING, Demographics, complete
from gateway.record.patients import Identity, PatientFeed, PersonChange, State
from gateway.record.people import PatientId
from gateway.stores.identities import Held


@dataclass(frozen=True, slots=True)
class Told:
    """One identity of a message, what is stored of it, and what is known of the person after the message."""

    id: PatientId
    held: Held | None
    demographics: Demographics
    traits: Traits
    wanted: Wanted


async def feed(mpi: Mpi, call: Asking, told: PatientFeed) -> tuple[PersonChange, ...]:
    """Makes identities known, or changes what is known of them.

    Refused when the node is the source of none of the domains, or an identifier was merged or removed.
    Identifiers of one message are one person by the word of the source, if matching does not contradict.
    """
    own = _own(mpi, call, told)
    others = tuple(each for each in told.identifiers if each not in own)
    sent = _with_identifiers(told.demographics, others)
    changes = Changes(mpi, call, "feed")
    person: int | None = None
    for each in own:
        one = await _read(mpi, each, told, sent)
        if person is None:
            person = await _first(mpi, changes, one)
        else:
            await _further(mpi, changes, one, person)
    if person is not None:
        _issue(mpi, changes, person)
    return changes.finish()


def _own(mpi: Mpi, call: Asking, told: PatientFeed) -> list[PatientId]:
    """The identifiers of domains that the node is the source of (ITI TF-2 3.8.1)."""
    node = source(call)
    own = [each for each in told.identifiers if node.may_feed(each.root)]
    if not own:
        raise refused(
            Meaning.UNKNOWN_KEY, "this system is not the source of any of the domains sent", IDENTIFIER
        )
    roots = [each.root for each in own]
    if len(set(roots)) < len(roots):
        raise refused(
            Meaning.DUPLICATE_KEY, "several identifiers of one domain were sent, expected one", IDENTIFIER
        )
    return mpi.ordered(own)


def _with_identifiers(told: Demographics, others: tuple[PatientId, ...]) -> Demographics:
    """What the source knows of other domains is evidence, not its to assign."""
    if not others:
        return told
    return replace(told, identifiers=tuple(sorted({*(told.identifiers or ()), *others})))


async def _read(mpi: Mpi, asked: PatientId, feed: PatientFeed, sent: Demographics) -> Told:
    held = await mpi.store.held(asked)
    if held is not None and held.identity.merged:
        raise refused(Meaning.DUPLICATE_KEY, "the identifier was merged into another", IDENTIFIER)
    if held is not None and held.identity.state is State.REMOVED:
        raise refused(Meaning.DUPLICATE_KEY, "the identifier was removed and is not used again", IDENTIFIER)
    stored = held.told if held is not None else NOTHING
    told = (complete(sent) if feed.whole else feed.beside(sent, stored)).over(stored)
    traits = mpi.matcher.traits(told, asked)
    return Told(asked, held, told, traits, mpi.matcher.wanted(traits))


async def _first(mpi: Mpi, changes: Changes, one: Told) -> int:
    """The identity that says who the person of the message is."""
    if one.held is None:
        return await _create(mpi, changes, one)
    return await _change(mpi, changes, one, one.held)


# --- new identities ------------------------------------------------------------------------------


async def _create(mpi: Mpi, changes: Changes, one: Told) -> int:
    """A new identity: of a person who is known, or the first of a new one."""
    key = mpi.store.new_key()
    assignment = await _match(mpi, changes, one, key)
    person = assignment.person if assignment.person is not None else key
    identity = Identity(key=key, head=key, person=person, id=one.id)
    judgement = assignment.judgement if assignment.person is not None else None
    decision = explain(judgement) if judgement is not None else None
    changes.add(identity, decision, status=one.demographics.status)
    _store(mpi, changes, key, one)
    if assignment.person is not None:
        changes.hold(each.key for each in changes.of_person(person) if each.key != key)
    await _ask_all(mpi, changes, key, assignment.reviews, fresh=True)
    return person


def _store(mpi: Mpi, changes: Changes, key: int, one: Told) -> None:
    rows = mpi.matcher.rows(one.traits, one.demographics, one.wanted)
    packed = mpi.matcher.pack(one.traits)
    mpi.store.create(changes.call.work, changes.now(key), one.demographics, packed, rows, changes.call.at)
    changes.rows(rows)


async def _match(
    mpi: Mpi, changes: Changes, one: Told, key: int, *, apart: frozenset[int] = frozenset()
) -> Assignment:
    """Who this is. What is read to say so is guarded: nobody like this may come meanwhile."""
    keys = await mpi.store.like(one.wanted)
    held = await mpi.store.persons_of(keys, mpi.most)
    changes.see(held)
    clusters: dict[int, list[Traits]] = {}
    for each in held:
        identity = each.identity
        if identity.key == key or identity.merged or identity.state is State.REMOVED:
            continue
        clusters.setdefault(identity.person, []).append(mpi.matcher.held(each))
    assignment = assign(
        one.traits,
        clusters,
        mpi.matcher.model,
        await mpi.population(),
        apart=apart,
        capped=len(clusters) >= mpi.most,
    )
    if assignment.person is not None and _frozen(changes, assignment.person):
        assignment = replace(assignment, person=None)
    changes.count(one.wanted, len(keys))
    return assignment


def _frozen(changes: Changes, person: int) -> bool:
    return any(each.state is State.FROZEN for each in changes.of_person(person))


async def _ask_all(
    mpi: Mpi, changes: Changes, key: int, reasons: Sequence[ReviewReason], *, fresh: bool = False
) -> None:
    """Leaves to people what matching does not settle."""
    for each in reasons:
        await ask(mpi, changes, key, each.person, each.kind, explain(each.judgement), fresh=fresh)


# --- known identities ----------------------------------------------------------------------------


async def _change(mpi: Mpi, changes: Changes, one: Told, held: Held) -> int:
    """New demographics of an identity. Whoever else is the same person may not fit any more."""
    identity = held.identity
    if one.demographics == held.told:
        changes.see([held])
        return identity.person
    before = mpi.matcher.held(held)
    old = mpi.matcher.rows(before, held.told)
    new = mpi.matcher.rows(one.traits, one.demographics, one.wanted)
    changes.rows(new - old, old - new)
    mpi.store.change(
        changes.call.work,
        held,
        one.demographics,
        mpi.matcher.pack(one.traits),
        added=new - old,
        dropped=old - new,
        at=changes.call.at,
    )
    members = await mpi.store.members([identity.person])
    changes.see(members)
    changes.tell(identity.key, one.demographics.status)
    if before == one.traits:
        return identity.person
    others = [each for each in members if not each.identity.merged and each.identity.key != identity.key]
    if overlay(before, one.traits, mpi.matcher.model, await mpi.population()):
        return await _overlaid(mpi, changes, identity, alone=not others)
    if others:
        await _still_fits(mpi, changes, one.traits, identity, others)
        return identity.person
    return await _rematch(mpi, changes, one, identity)


async def _overlaid(mpi: Mpi, changes: Changes, identity: Identity, *, alone: bool) -> int:
    """One person's data were written over another's: nobody is linked to it until people have looked."""
    decision = {"rule": "overlay"}
    person = identity.person if alone else changes.alone(identity.key)
    changes.move(changes.chain(identity.key), decision, person=person)
    changes.move([identity.key], decision, state=State.FROZEN)
    await ask(mpi, changes, identity.key, identity.person, "overlay", decision, URGENT)
    return person


async def _still_fits(
    mpi: Mpi, changes: Changes, traits: Traits, identity: Identity, others: Sequence[Held]
) -> None:
    """A contradiction is asked about; nobody is unlinked in silence."""
    population = await mpi.population()
    found = (judge(traits, mpi.matcher.held(each), mpi.matcher.model, population) for each in others)
    contradicting = next((each for each in found if each.zone is Zone.NONE), None)
    if contradicting is not None:
        await ask(mpi, changes, identity.key, identity.person, "changed", explain(contradicting))


async def _rematch(mpi: Mpi, changes: Changes, one: Told, identity: Identity) -> int:
    """A person of one identity may now be found to be another who is known."""
    if identity.state is State.FROZEN:
        return identity.person
    apart = await _apart(mpi, identity.key)
    assignment = await _match(mpi, changes, one, identity.key, apart=apart)
    await _ask_all(mpi, changes, identity.key, assignment.reviews)
    if assignment.person is None or assignment.judgement is None:
        return identity.person
    changes.hold(each.key for each in changes.of_person(assignment.person))
    changes.move_person(identity.person, assignment.person, explain(assignment.judgement))
    return assignment.person


async def _apart(mpi: Mpi, key: int) -> frozenset[int]:
    """Persons with an identity that somebody said is another human being."""
    said = await mpi.history.assertions([key])
    different = [each.first + each.second - key for each in said if not each.same]
    return frozenset(each.identity.person for each in await mpi.store.by_keys(different))


# --- further identifiers of the same message -----------------------------------------------------


async def _further(mpi: Mpi, changes: Changes, one: Told, person: int) -> None:
    """The source says that two identifiers are one person; only a contradiction is left to people."""
    decision = {"rule": "same-message"}
    if one.held is None:
        key = mpi.store.new_key()
        identity = Identity(key=key, head=key, person=person, id=one.id)
        changes.add(identity, decision, status=one.demographics.status)
        _store(mpi, changes, key, one)
        changes.hold(each.key for each in changes.of_person(person) if each.key != key)
        return
    found = await _change(mpi, changes, one, one.held)
    if found == person:
        return
    changes.see(await mpi.store.members([found, person]))
    first = [each for each in await mpi.store.members([person]) if not each.identity.merged]
    population = await mpi.population()
    judged = [judge(one.traits, mpi.matcher.held(each), mpi.matcher.model, population) for each in first]
    if any(each.zone is Zone.NONE for each in judged) or _frozen(changes, person) or _frozen(changes, found):
        await ask(mpi, changes, one.held.identity.key, person, "same-message", explain(judged[0]))
        return
    changes.move_person(found, person, decision)
    changes.hold(each.key for each in changes.of_person(person))


def _issue(mpi: Mpi, changes: Changes, person: int) -> None:
    """Where the index assigns the identifiers of the affinity domain, every person has one."""
    root = mpi.domain.affinity_root
    if not mpi.issues or any(each.id.root == root for each in changes.of_person(person)):
        return
    key = mpi.store.new_key()
    identity = Identity(key=key, head=key, person=person, id=PatientId(f"{key:d}", root))
    changes.add(identity, {"rule": "issued"})
    mpi.store.create(changes.call.work, identity, NOTHING, None, (), changes.call.at)
