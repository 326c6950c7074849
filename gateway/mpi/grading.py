"""Who may be the person described, graded by the matching engine (PDQm ITI-119, FHIR Patient-match)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.errors import Meaning
from gateway.matching import Grade, Judgement, Traits, Zone, of_cluster
from gateway.mpi.context import QUERY, Asking, Mpi, refused
from gateway.mpi.showing import Shown, View, by_person, person_of, view_of, visible
from gateway.record.demographics import Demographics
from gateway.record.patients import Person, State
from gateway.record.people import PatientId
from gateway.stores.identities import Held

_PERCENT = 100
_HIGHEST = 0.9999
"""Of a probability that weights alone lead to."""


@dataclass(frozen=True, slots=True)
class _Graded:
    """A person's visible identities, and how likely the person described is meant."""

    shown: Sequence[Shown]
    grade: Grade
    probability: float
    proved: bool


async def match(
    mpi: Mpi,
    call: Asking,
    told: Demographics,
    identifiers: tuple[PatientId, ...],
    *,
    only_certain: bool,
    most: int | None,
) -> tuple[Person, ...]:
    """Persons with grade, probability and score, the likeliest first; at most `most`.

    `only_certain`: the one person graded certain; nobody when there are several, or when more persons are
    like that than are compared. Whom a rule says to be somebody else is not there. Refused with TOO_WIDE when
    too little is told to look anybody up.
    """
    view = view_of(mpi, call, asked=identifiers)
    # What the caller may not see is no evidence: the answer would tell whose identifier it is.
    domains = mpi.domain.identity_domains
    evidence = {*(told.identifiers or ()), *identifiers}
    evidence = {each for each in evidence if each.root in view.seen or each.root not in domains}
    traits = mpi.matcher.traits(replace(told, identifiers=tuple(sorted(evidence))), PatientId("", ""))
    held, capped = await _candidates(mpi, view, traits)
    graded = await _graded(mpi, view, traits, held)
    if only_certain:
        graded = _certain(graded, capped=capped)
    found = (_person(mpi, view, each) for each in graded)
    return tuple(each for each in found if each is not None)[:most]


async def _candidates(mpi: Mpi, view: View, traits: Traits) -> tuple[dict[int, Held], bool]:
    """Who has one of the identifiers or is like that, by identity key; whether there were too many."""
    wanted = mpi.matcher.wanted(traits)
    if not wanted.tokens and not view.asked:
        text = "too little is told of the person: give an identifier, or names and birth date"
        raise refused(Meaning.TOO_WIDE, text, QUERY)
    named = [await mpi.store.held(each) for each in sorted(view.asked)]
    persons = {each.identity.person for each in named if each is not None and not each.identity.merged}
    found = {each.identity.key: each for each in await mpi.store.members(persons)}
    like = await mpi.store.like(wanted)
    found |= {each.identity.key: each for each in await mpi.store.persons_of(like, mpi.most)}
    return found, len(set(like)) > mpi.most


async def _graded(mpi: Mpi, view: View, traits: Traits, held: dict[int, Held]) -> list[_Graded]:
    population = await mpi.population()
    graded = []
    for members in by_person(held.values()).values():
        shown = visible(view, members)
        if not shown:
            continue
        compared = [mpi.matcher.held(held[each.identity.key]) for each in shown]
        judgement = of_cluster(traits, compared, mpi.matcher.model, population)
        if judgement.grade is Grade.NONE or (judgement.zone is Zone.NONE and judgement.deterministic):
            continue
        graded.append(_grade(shown, judgement))
    return sorted(graded, key=lambda each: (-each.probability, each.shown[0].identity.person))


def _grade(shown: Sequence[Shown], judgement: Judgement) -> _Graded:
    proved = judgement.zone is Zone.LINK and judgement.deterministic
    grade = judgement.grade
    if grade is Grade.CERTAIN and any(each.identity.state is State.FROZEN for each in shown):
        grade, proved = Grade.PROBABLE, False
    probability = 1.0 if proved else min(round(judgement.probability, 4), _HIGHEST)
    return _Graded(shown, grade, probability, proved)


def _certain(graded: Sequence[_Graded], *, capped: bool) -> list[_Graded]:
    certain = [each for each in graded if each.grade is Grade.CERTAIN]
    if len(certain) != 1 or (capped and not certain[0].proved):
        return []
    return certain


def _person(mpi: Mpi, view: View, graded: _Graded) -> Person | None:
    person = person_of(mpi, view, graded.shown)
    if person is None:
        return None
    return replace(
        person,
        score=round(graded.probability * _PERCENT),
        probability=graded.probability,
        grade=graded.grade.value,
    )
