"""Who fits a demographics query: candidates by tokens, every criterion tested (ITI-21, ITI-47, ITI-78)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from gateway.errors import Meaning
from gateway.matching.finding import identifier_token
from gateway.mpi.context import QUERY, Asking, Mpi, refused
from gateway.mpi.fitting import YES, Test, criteria_of, person_degree
from gateway.mpi.query import DemographicsQuery, Field
from gateway.mpi.selecting import MOST_TOKENS, Tokens, token_groups
from gateway.mpi.showing import Shown, View, by_person, golden_of, person_of, view_of, visible
from gateway.record.patients import Person, State
from gateway.record.people import PatientId
from gateway.stores.identities import OTHERS, Held

MOST_READ = 2_000
"""Persons that are opened for one query, or identities where nothing else narrows it."""
_FEW = 100
"""Rows of a group that are read without asking for more."""
_AT_ONCE = 64
"""Persons that are opened before others have their turn."""
_MOST_ROWS = 5_000
"""Rows of a group that are looked through for those which have a token of another group too."""


async def search(mpi: Mpi, call: Asking, query: DemographicsQuery) -> tuple[Person, ...]:
    """All persons that fit, by person key; the same rule for every wire form.

    A person fits when all criteria but identifiers are met by what one of its identities tells, or by its
    golden record, and when of each group of identifiers it has one, or one of its sources told one. Merged
    and removed identities do not count; nor do hidden ones, unless their own source asks by the identifier.
    Identifiers of domains that the caller may not see find nobody. `score` is how far the query was met.

    Refused with TOO_WIDE when the index cannot narrow the search, TOO_MANY_RESULTS when too many fit.
    """
    view = view_of(mpi, call, query.domains, chain.from_iterable(query.identifiers))
    if not view.wanted or _nobody(query):
        return ()
    criteria, found = criteria_of(query, mpi.matcher.dialling), []
    for number, members in enumerate(by_person(await _candidates(mpi, view, query)).values()):
        if number % _AT_ONCE == _AT_ONCE - 1:
            # Others are served while many are opened.
            await asyncio.sleep(0)
        person = _fitting(mpi, view, query, criteria, visible(view, members))
        if person is not None:
            found.append(person)
            if len(found) > mpi.domain.max_persons:
                text = f"more than {mpi.domain.max_persons} persons fit; name more of the person"
                raise refused(Meaning.TOO_MANY_RESULTS, text, QUERY)
    return tuple(found)


def _nobody(query: DemographicsQuery) -> bool:
    """Persons that are not active are not found: what was merged or removed is not shown."""
    return any(each.field is Field.ACTIVE and YES not in each.values for each in query.criteria)


def _fitting(
    mpi: Mpi, view: View, query: DemographicsQuery, criteria: Sequence[Test], shown: Sequence[Shown]
) -> Person | None:
    if not shown or not all(_has_one(view, shown, group) for group in query.identifiers):
        return None
    score = person_degree(criteria, [each.told for each in shown], partial(golden_of, mpi, shown))
    if not score or score < query.least:
        return None
    person = person_of(mpi, view, shown)
    return replace(person, score=score) if person is not None else None


def _has_one(view: View, shown: Iterable[Shown], group: Iterable[PatientId]) -> bool:
    wanted = view.asked.intersection(group)
    return any(
        each.identity.id in wanted or not wanted.isdisjoint(each.told.identifiers or ()) for each in shown
    )


# --- candidates ----------------------------------------------------------------------------------


async def _candidates(mpi: Mpi, view: View, query: DemographicsQuery) -> list[Held]:
    """All identities of all persons that may fit."""
    if query.person is not None:
        return await mpi.store.members([query.person])
    if query.identifiers:
        return await _identified(mpi, view, query.identifiers[0])
    groups = token_groups(query, mpi.matcher)
    return await _having(mpi, groups) if groups else await _everybody(mpi)


async def _identified(mpi: Mpi, view: View, group: Sequence[PatientId]) -> list[Held]:
    """Whoever has one of these identifiers, and those whose sources told one."""
    wanted = sorted(view.asked.intersection(group))
    if len(wanted) > MOST_TOKENS:
        raise _too_wide(f"more than {MOST_TOKENS} identifiers are given")
    if not wanted:
        return []
    held = [await mpi.store.held(each) for each in wanted]
    persons = {each.identity.person for each in held if each is not None and _in_use(each)}
    tokens = [identifier_token(each, mpi.matcher.secret) for each in wanted]
    found = {each.identity.key: each for each in await mpi.store.members(persons)}
    found |= {each.identity.key: each for each in await _read(mpi, tokens, ())}
    return list(found.values())


def _in_use(held: Held) -> bool:
    return not held.identity.merged and held.identity.state is not State.REMOVED


async def _having(mpi: Mpi, groups: Sequence[Tokens]) -> list[Held]:
    """Persons with the tokens: those of the rarest group are read, the others tested in the database.

    Few rows are not worth a further test.
    """
    counted: list[tuple[int, Tokens]] = []
    for group in groups:
        rows = await mpi.store.rows_of(group, _MOST_ROWS + 1)
        if rows <= _FEW:
            return await _read(mpi, group, ())
        counted.append((rows, group))
    counted.sort()
    rows, rarest = counted[0]
    if rows > (_MOST_ROWS if len(counted) > 1 else MOST_READ):
        raise _too_wide("too many persons are like that")
    return await _read(mpi, rarest, [group for _, group in counted[1 : OTHERS + 1]])


async def _read(mpi: Mpi, tokens: Sequence[int], others: Sequence[Tokens]) -> list[Held]:
    held = await mpi.store.having(tokens, others, MOST_READ + 1)
    if len({each.identity.person for each in held}) > MOST_READ:
        raise _too_wide("too many persons are like that")
    return held


async def _everybody(mpi: Mpi) -> list[Held]:
    """Where nothing that was asked for can be looked up: all identities, if there are few."""
    if await mpi.population() > MOST_READ:
        raise _too_wide("nothing was given that persons can be looked up by")
    held = await mpi.store.all(MOST_READ + 1)
    if len(held) > MOST_READ:
        raise _too_wide("nothing was given that persons can be looked up by")
    return held


def _too_wide(reason: str) -> Exception:
    text = f"the query is too wide: {reason}; give an identifier, a birth date or both names"
    return refused(Meaning.TOO_WIDE, text, QUERY)
