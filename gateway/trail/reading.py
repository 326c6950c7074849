"""Reads the trail page by page under a scope: all of it, or the events of the patients in scope."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.record.access import Scope
from gateway.record.events import QUERY_ROLE, AuditRecord, patient_name
from gateway.stores.events import Question
from gateway.trail.book import Kept, TrailBook

ROWS, OPENED = 5_000, 600
"""So many rows are looked at and so many events opened for one page; the next page goes on from there."""
_AT_ONCE = 64

Test = Callable[[Kept], bool]


@dataclass(frozen=True, slots=True)
class Page:
    """Events that fit, the newest first. `place` is where the next page begins; None after the last one."""

    shown: tuple[Kept, ...]
    place: tuple[int, int] | None


async def read_page(
    book: TrailBook, scope: Scope, question: Question, tests: tuple[Test, ...], *, opened: int = OPENED
) -> Page:
    """At most `limit` events that pass all tests and may be read, without what in them is about others."""
    allowed = _within(scope, question)
    if allowed is None:
        return Page((), None)
    shown: list[Kept] = []
    most, place, rows = question.limit, question.before, ROWS
    while True:
        wanted = min(_AT_ONCE, opened) if tests else min(most + 1 - len(shown), opened)
        scanned = await book.events.scan(replace(allowed, before=place, limit=wanted), rows)
        kept = [each for each in await book.open(scanned.found) if _meant(each, allowed)]
        shown += [_narrowed(each, scope) for each in kept if all(test(each) for test in tests)]
        if len(shown) > most:
            last = shown[most - 1].found
            return Page(tuple(shown[:most]), (last.at, last.id))
        place, opened, rows = scanned.place, opened - len(scanned.found), rows - scanned.looked
        if place is None or opened <= 0 or rows <= 0:
            return Page(tuple(shown), place)
        await asyncio.sleep(0)


def readable(kept: Kept | None, scope: Scope) -> Kept | None:
    """The event, if it may be read, without what is about others; else None."""
    if kept is None or scope.whole_trail:
        return kept
    own = {str(each) for each in scope.events_of}
    return _narrowed(kept, scope) if not own.isdisjoint(kept.record.patients) else None


def _within(scope: Scope, question: Question) -> Question | None:
    """The question, asked of the events of the patients in scope; None where there are none."""
    if scope.whole_trail:
        return question
    if not scope.events_of:
        return None
    return replace(question, terms=frozenset(f"patient|{each}" for each in scope.events_of))


def _meant(kept: Kept, question: Question) -> bool:
    """By its digest a term can be taken for another."""
    return question.terms is None or not question.terms.isdisjoint(kept.record.terms())


def _narrowed(kept: Kept, scope: Scope) -> Kept:
    """Without other patients, and without a query that may name them."""
    if scope.whole_trail:
        return kept
    own = {str(each) for each in scope.events_of}
    if own.issuperset(kept.record.patients):
        return kept
    return replace(kept, record=_only(kept.record, own), received=None)


def _only(record: AuditRecord, own: set[str]) -> AuditRecord:
    entities = (
        each
        for each in record.entities
        if each.role != QUERY_ROLE and (not each.is_patient or patient_name(each) in own)
    )
    return replace(record, entities=tuple(entities))
