"""Finds audit events by time, patient, agent and object; they stand elsewhere (our trail, or blocks)."""

from __future__ import annotations

import asyncio
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    Row,
    bindparam,
    delete,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import insert as insert_once

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.errors import Defect
from gateway.record.events import AuditRecord
from gateway.stores import tables
from gateway.stores.database import Database, PostgresDatabase
from gateway.stores.event_queries import ENDS, SLOTS, lateral, of_units, present
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

OWN, USE, SYSTEM = 0, 1, 2
"""Trails: our own exchanges, the use of the record as other systems told it, and what systems say of
themselves (which is not found here, but in the system store)."""

INVALID, OTHER_SENDER = 1, 2
"""Flags: no valid audit message; the message names another sender than the certificate."""

SLOT_MS = 7 * 86_400_000
_EVENT, _TERM = tables.event.c, tables.event_term.c
_INSERT_EVENT = insert(tables.event)
_INSERT_TERM = insert(tables.event_term)
_ADD_EVENT = insert_once(tables.event).on_conflict_do_nothing()
_ADD_TERM = insert_once(tables.event_term).on_conflict_do_nothing()
"""Words that SQLite takes, too."""
_ONE = select(*_EVENT).where(
    _EVENT.slot == bindparam("slot"), _EVENT.at == bindparam("at"), _EVENT.id == bindparam("id")
)
_AT_PLACE = select(*_EVENT).where(
    _EVENT.slot == bindparam("slot"),
    _EVENT.at == bindparam("at"),
    _EVENT.place == bindparam("place"),
    _EVENT.item == bindparam("item"),
)
_TYPE, _SUBTYPE = 32, 64
_LARGEST = 2**63 - 1
_NO_SLOT, _LAST_SLOT = -(2**31), 2**31 - 1
_STEPS = (1, 4, 16, 64)
_LATERAL_STEPS = (4, 64, 512)
"""Weeks looked at with one question: events asked for are often new ones."""
_UNITS = (1, 4, 16)
"""Weeks, or terms of weeks, whose rows are fetched with one statement of SQLite."""
_TOGETHER, _STATEMENTS = 96, 4
"""So many of PostgreSQL, and at most so many statements at once: each waits for the disk by itself."""
_WINDOW, _WIDE_WINDOW = 64, 512
"""Rows fetched with one question; more where some of them will not fit."""


@dataclass(frozen=True, slots=True)
class Found:
    """A row of `event`. `at` is milliseconds since 1970 in UTC."""

    slot: int
    at: int
    id: int
    trail: int
    place: int
    item: int
    type: str
    subtype: str
    action: str
    outcome: int
    flags: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which events are looked for, the newest first.

    `since` and `until` are milliseconds, both included. `terms` are names as `AuditRecord.terms` gives them;
    one of them must fit, and of `types`, `subtypes` and `outcomes` likewise. `before` is (at, id) of the last
    one seen.
    """

    since: int
    until: int
    terms: frozenset[str] | None = None
    types: frozenset[str] | None = None
    subtypes: frozenset[str] | None = None
    outcomes: frozenset[int] | None = None
    trails: frozenset[int] | None = None
    before: tuple[int, int] | None = None
    limit: int = 100

    @property
    def chosen(self) -> bool:
        """Whether more is asked of an event than its time and a term."""
        return any(each is not None for each in (self.types, self.subtypes, self.outcomes, self.trails))

    def fits(self, found: Found) -> bool:
        """Whether an event is what the question asks for beside its time and its terms."""
        return (
            (self.types is None or found.type in self.types)
            and (self.subtypes is None or found.subtype in self.subtypes)
            and (self.outcomes is None or found.outcome in self.outcomes)
            and (self.trails is None or found.trail in self.trails)
        )


@dataclass(frozen=True, slots=True)
class Scanned:
    """Events that fit, the newest first. `place` is how far was looked, (at, id); None at the end.

    `looked` is the number of rows that were looked at.
    """

    found: list[Found]
    place: tuple[int, int] | None
    looked: int


def slot_of(at: int) -> int:
    """The week of an event."""
    return at // SLOT_MS


class EventStore:
    """Notes events for being found, and finds them."""

    def __init__(self, database: Database, keys: KeyTree) -> None:
        self._database = database
        self._lateral = isinstance(database, PostgresDatabase)
        self._keyed = blake2b(digest_size=8, key=keys.derived(b"event terms"))
        self._places = keys.derived(b"event places")

    def note(
        self,
        work: UnitOfWork,
        record: AuditRecord,
        *,
        key: int,
        trail: int,
        place: int,
        item: int = 0,
        flags: int = 0,
        again: bool = False,
    ) -> None:
        """Notes one event; `place` is its audit row or its block. `again`: it may be noted already."""
        at = millis(record.at)
        where = {"slot": slot_of(at), "at": at, "id": key}
        row = {
            **where,
            "trail": trail,
            "place": place,
            "item": item,
            "type": record.event.code[:_TYPE],
            "subtype": (record.transaction or (record.types[0].code if record.types else ""))[:_SUBTYPE],
            "action": (record.action or "")[:1],
            "outcome": record.outcome,
            "flags": flags,
        }
        terms = [{**where, "term": each} for each in self.digests(record.terms())]
        work.record(_ADD_EVENT if again else _INSERT_EVENT, row)
        work.record(_ADD_TERM if again else _INSERT_TERM, *terms)

    def digests(self, terms: Iterable[str]) -> list[int]:
        """What terms are stored as: keyed, so that the index tells no identifiers."""
        return sorted({self._digest(each) for each in terms})

    async def find(self, question: Question) -> list[Found]:
        """The newest events that fit, at most `limit`; by its digest a term may be taken for another."""
        found: list[Found] = []
        while True:
            scanned = await self.scan(replace(question, limit=question.limit - len(found)), _WIDE_WINDOW)
            found += scanned.found
            if scanned.place is None or len(found) >= question.limit:
                return found
            question = replace(question, before=scanned.place)
            await asyncio.sleep(0)

    async def scan(self, question: Question, most: int) -> Scanned:
        """The same, looking through about `most` rows only, then telling how far it came."""
        terms = self.digests(question.terms) if question.terms is not None else [None]
        found: list[Found] = []
        place, looked, step = question.before, 0, 0
        slots = await self._slots(question) if terms else []
        steps = _LATERAL_STEPS if self._lateral else _STEPS
        while slots:
            size = steps[min(step, len(steps) - 1)]
            rows, reached = await self._window(question, slots[:size], terms, place)
            found += [each for each in rows if question.fits(each)]
            looked += len(rows)
            if reached is None:
                slots, step = slots[size:], step + 1
                place = ((slots[0] + 1) * SLOT_MS, -_LARGEST) if slots else place
            else:
                place, slots = reached, [each for each in slots if each <= slot_of(reached[0])]
            if len(found) >= question.limit:
                last = found[question.limit - 1]
                return Scanned(found[: question.limit], (last.at, last.id), looked)
            if looked >= most and slots:
                return Scanned(found, place, looked)
        return Scanned(found, None, looked)

    async def one(self, at: int, key: int) -> Found | None:
        """The event of this time and key."""
        rows = await self._database.fetch(_ONE, {"slot": slot_of(at), "at": at, "id": key})
        return Found(*tuple(rows[0])) if rows else None

    async def placed(self, at: int, place: int, item: int) -> Found | None:
        """The event of this time that stands in a place."""
        rows = await self._database.fetch(
            _AT_PLACE, {"slot": slot_of(at), "at": at, "place": place, "item": item}
        )
        return Found(*tuple(rows[0])) if rows else None

    def pointer(self, place: tuple[int, int], about: bytes) -> str:
        """A place sealed for whoever goes on from it; `about` is what it belongs to."""
        sealed = seal_text(self._places, about, struct.pack(">qq", *place))
        return urlsafe_b64encode(sealed).decode("ascii")

    def place(self, pointer: str, about: bytes) -> tuple[int, int] | None:
        """The place again; None for what we did not seal, or for something else."""
        try:
            sealed = urlsafe_b64decode(pointer)
            at, key = struct.unpack(">qq", open_text(self._places, about, sealed))
        except (ValueError, Defect):
            return None
        return at, key

    async def first_slot(self) -> int | None:
        """The oldest week that has events."""
        rows = await self._database.fetch(select(_EVENT.slot).order_by(_EVENT.slot).limit(1))
        return rows[0].slot if rows else None

    def forget(self, work: UnitOfWork, trail: int, slot: int) -> None:
        """Notes that the events of a trail and week are not found any more."""
        gone = select(_EVENT.id).where(_EVENT.slot == slot, _EVENT.trail == trail)
        work.write(delete(tables.event_term).where(_TERM.slot == slot, _TERM.id.in_(gone)))
        work.write(delete(tables.event).where(_EVENT.slot == slot, _EVENT.trail == trail))

    async def _slots(self, question: Question) -> list[int]:
        """The weeks in question that have events, the newest first."""
        until = question.until if question.before is None else min(question.until, question.before[0])
        first, last = max(slot_of(question.since), _NO_SLOT + 1), min(slot_of(until), _LAST_SLOT)
        if not self._lateral and question.terms is None:
            return [row.slot for row in await self._database.fetch(SLOTS, {"first": first, "last": last})]
        # To see which weeks have none would cost more than to look for events in them.
        (ends,) = await self._database.fetch(ENDS, {})
        if ends.first is None:
            return []
        return list(range(min(last, ends.last), max(first, ends.first) - 1, -1))

    async def _window(
        self,
        question: Question,
        slots: Sequence[int],
        terms: Sequence[int | None],
        place: tuple[int, int] | None,
    ) -> tuple[list[Found], tuple[int, int] | None]:
        """The next rows of some weeks in order, each once; where there are more, how far they go."""
        window = _WIDE_WINDOW if question.chosen else min(max(question.limit, _WINDOW), _WIDE_WINDOW)
        units = await self._units(slots, terms)
        answers = await self._answers(question, units, place, window)
        cut = [min((row.at, row.id) for row in rows) for rows in answers if len(rows) >= window]
        reached = max(cut) if cut else None
        events = {(row.at, row.id): row for rows in answers for row in rows if row.trail is not None}
        ordered = sorted((key for key in events if reached is None or key >= reached), reverse=True)
        return [Found(*tuple(events[key])) for key in ordered], reached

    async def _units(self, slots: Sequence[int], terms: Sequence[int | None]) -> list[tuple[int, int | None]]:
        """The weeks, each with each term; in SQLite, where many would be none, those that stand there."""
        if self._lateral or terms == [None] or len(slots) * len(terms) == 1:
            return [(slot, term) for slot in slots for term in terms]
        given = {"slots": f"{list(slots)}", "terms": f"{list(terms)}"}
        return [(row.slot, row.term) for row in await self._database.fetch(present(), given)]

    async def _answers(
        self,
        question: Question,
        units: Sequence[tuple[int, int | None]],
        place: tuple[int, int] | None,
        window: int,
    ) -> list[Sequence[Row[Any]]]:
        """The newest rows of the units, of some with each statement: what it gives, up to a window."""
        end = (min(question.until, _LARGEST - 1) + 1, -_LARGEST)
        then, key = min(place, end) if place is not None else end
        given: dict[str, Any] = {
            "since": question.since,
            "then": then,
            "key": key,
            "window": window,
        }
        if self._lateral:
            size = max(_TOGETHER, -(-len(units) // _STATEMENTS))
            chunks = (units[start : start + size] for start in range(0, len(units), size))
            return await asyncio.gather(*(self._of_chunk(question, each, given) for each in chunks))
        answers = []
        for start in range(0, len(units), _UNITS[-1]):
            chunk = units[start : start + _UNITS[-1]]
            size = next(each for each in _UNITS if each >= len(chunk))
            padded = [*chunk, *((_NO_SLOT, 0),) * (size - len(chunk))]
            values = dict(given)
            for at, (slot, term) in enumerate(padded):
                values[f"slot_{at}"] = slot
                if question.terms is not None:
                    values[f"term_{at}"] = term
            answers.append(await self._database.fetch(of_units(size, question.terms is not None), values))
        return answers

    async def _of_chunk(
        self, question: Question, units: Sequence[tuple[int, int | None]], given: dict[str, Any]
    ) -> Sequence[Row[Any]]:
        given = given | {"slots": [slot for slot, _ in units]}
        if question.terms is not None:
            given["terms"] = [term for _, term in units]
        return await self._database.fetch(lateral(question.terms is not None), given)

    def _digest(self, term: str) -> int:
        found = self._keyed.copy()
        found.update(term.encode("utf-8", "replace"))
        return int.from_bytes(found.digest(), "big", signed=True)
