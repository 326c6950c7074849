"""The review queue at work: what is asked, who proposes, who confirms, and what then happens.

Nothing is decided by one person alone. Who confirms must be somebody else than who proposed; who disagrees
makes a proposal of his own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, unique

from gateway.errors import Meaning
from gateway.mpi.changes import Changes
from gateway.mpi.context import TARGET, Asking, Mpi, refused
from gateway.record.demographics import Demographics
from gateway.record.patients import Identity, PersonChange, State
from gateway.record.people import PatientId, SubjectKind
from gateway.stores.identities import Held
from gateway.stores.reviews import Review, ReviewState


@unique
class Outcome(Enum):
    """What people say: one person, two persons, or that it cannot be told now."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An identity as its source told it, for those who decide."""

    identity: Identity
    told: Demographics


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A review with both sides: the identity that is asked about, and those of the person."""

    review: Review
    subject: Side
    person: tuple[Side, ...]

    @property
    def identifiers(self) -> tuple[PatientId, ...]:
        """Of everybody whom the question is about."""
        return tuple(each.identity.id for each in (self.subject, *self.person))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What somebody's word has come to: the question as it stands now, and the persons who changed."""

    question: Question
    changes: tuple[PersonChange, ...] = ()


async def listed(
    mpi: Mpi, call: Asking, states: Iterable[ReviewState], after: int, most: int
) -> tuple[Review, ...]:
    """Reviews in some states in the order they came, from a key on; without anything about the persons."""
    worker(call)
    return tuple(await mpi.reviews.listed(states, after, most))


async def question(mpi: Mpi, call: Asking, key: int) -> Question | None:
    """One review with all that is needed to decide it."""
    worker(call)
    review = await mpi.reviews.find(key)
    return await _question(mpi, review) if review is not None else None


async def _question(mpi: Mpi, review: Review) -> Question:
    subject, others = await _sides(mpi, review)
    return Question(review=review, subject=_side(subject), person=tuple(_side(each) for each in others))


async def decide(mpi: Mpi, call: Asking, key: int, outcome: Outcome, reason: str) -> Said:
    """Proposes an outcome, or confirms what somebody else has proposed; only then it takes effect.

    Refused when there is no such review, it was decided, or the same person says it again.
    """
    worker(call)
    review = await mpi.reviews.find(key)
    if review is None:
        raise refused(Meaning.UNKNOWN_KEY, "there is no such review", TARGET)
    if review.decided is not None:
        raise refused(Meaning.DUPLICATE_KEY, "the review was decided already", TARGET)
    by = call.principal.subject
    if review.proposed != outcome.value:
        said = mpi.reviews.propose(call.work, review, outcome.value, by, reason, call.at)
        return Said(question=await _question(mpi, said))
    if review.proposed_by == by:
        raise refused(
            Meaning.NOT_PERMITTED, "who proposed an outcome cannot confirm it; somebody else must", TARGET
        )
    asked = await _question(mpi, review)
    changes = await _put_into_effect(mpi, call, review, outcome, reason)
    decided = mpi.reviews.decide(
        call.work,
        review,
        outcome.value,
        by,
        reason,
        call.at,
        state=ReviewState.DECIDED if changes is not None else ReviewState.OBSOLETE,
        operation=changes.operation.key if changes is not None else None,
    )
    return Said(
        question=replace(asked, review=decided), changes=changes.finish() if changes is not None else ()
    )


def worker(call: Asking) -> None:
    """Only a decision for somebody who works the queue gives both; a system cannot be one of four eyes."""
    if not (call.scope.unrestricted and call.scope.persons):
        raise PermissionError("this scope does not allow work on reviews")
    if call.principal.kind is SubjectKind.NODE and call.principal.token_id is None:
        raise refused(Meaning.NOT_PERMITTED, "a review is decided by persons, not by a system", TARGET)


async def _sides(mpi: Mpi, review: Review) -> tuple[Held, list[Held]]:
    """The identity, by whatever it was merged into since, and the identities of the person."""
    (asked,) = await mpi.store.by_keys([review.patient])
    (subject,) = await mpi.store.by_keys([asked.identity.head])
    members = await mpi.store.members([review.person])
    others = [each for each in members if each.identity.head != subject.identity.key]
    return subject, [each for each in others if _in_use(each.identity)]


def _in_use(identity: Identity) -> bool:
    return not identity.merged and identity.state is not State.REMOVED


def _side(held: Held) -> Side:
    return Side(identity=held.identity, told=held.told)


async def _put_into_effect(
    mpi: Mpi, call: Asking, review: Review, outcome: Outcome, reason: str
) -> Changes | None:
    """None when nobody is left to be the same with, or nothing was decided."""
    subject, others = await _sides(mpi, review)
    if outcome is Outcome.UNDECIDED or not _in_use(subject.identity):
        return None
    changes = Changes(mpi, call, "review")
    changes.see(await mpi.store.members([subject.identity.person, review.person]))
    rule = {"rule": f"said-{outcome.value}", "review": f"{review.key}"}
    key = subject.identity.key
    if subject.identity.state is State.FROZEN:
        changes.move([key], rule, state=State.ACTIVE)
    if not others:
        return changes if review.kind == "overlay" else None
    same = outcome is Outcome.SAME
    _say(mpi, changes, key, [each.identity for each in others], same=same, reason=reason)
    together = subject.identity.person == review.person
    if same and not together:
        changes.move_person(subject.identity.person, review.person, rule)
    elif not same and together:
        changes.move(changes.chain(key), rule, person=changes.alone(key))
    changes.hold([key, *(each.identity.key for each in others)])
    return changes


def _say(
    mpi: Mpi, changes: Changes, key: int, others: Sequence[Identity], *, same: bool, reason: str
) -> None:
    """That two are the same is said once, of the first; that they are not, of each."""
    for each in others[:1] if same else others:
        pair = (key, each.key)
        mpi.history.retract(changes.call.work, pair)
        mpi.history.assert_pair(
            changes.call.work, changes.operation, mpi.store.new_key(), pair, same=same, reason=reason
        )
