"""Finds audit events by time, patient, agent and object; they stand elsewhere (our trail, or blocks)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import ColumnElement, Select, insert, or_, select

from gateway.crypto.envelope import KeyTree
from gateway.record.events import AuditRecord
from gateway.stores import tables
from gateway.stores.database import Database
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
_TYPE, _SUBTYPE = 32, 64


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


def slot_of(at: int) -> int:
    """The week of an event."""
    return at // SLOT_MS


class EventStore:
    """Notes events for being found, and finds them."""

    def __init__(self, database: Database, keys: KeyTree) -> None:
        self._database = database
        self._secret = keys.derived(b"event terms")

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
    ) -> None:
        """Notes one event; `place` is its audit row or its block."""
        at = millis(record.at)
        where = {"slot": slot_of(at), "at": at, "id": key}
        work.write(
            _INSERT_EVENT,
            {
                **where,
                "trail": trail,
                "place": place,
                "item": item,
                "type": record.event.code[:_TYPE],
                "subtype": (record.transaction or (record.types[0].code if record.types else ""))[:_SUBTYPE],
                "action": (record.action or "")[:1],
                "outcome": record.outcome,
                "flags": flags,
            },
        )
        terms = [{**where, "term": each} for each in self.digests(record.terms())]
        if terms:
            work.write(_INSERT_TERM, *terms)

    def digests(self, terms: Iterator[str] | frozenset[str]) -> list[int]:
        """What terms are stored as: keyed, so that the index tells no identifiers."""
        return sorted({self._digest(each) for each in terms})

    async def find(self, question: Question) -> list[Found]:
        """The newest events that fit, at most `limit`; by its digest a term may be taken for another."""
        found: list[Found] = []
        last = question.before[0] if question.before is not None else question.until
        for slot in range(slot_of(min(last, question.until)), slot_of(question.since) - 1, -1):
            query = self._query(question, slot).limit(question.limit - len(found))
            found += [Found(*tuple(row)) for row in await self._database.fetch(query)]
            if len(found) >= question.limit:
                break
        return found

    async def first_slot(self) -> int | None:
        """The oldest week that has events."""
        rows = await self._database.fetch(select(_EVENT.slot).order_by(_EVENT.slot).limit(1))
        return rows[0].slot if rows else None

    def _query(self, question: Question, slot: int) -> Select[tuple[object, ...]]:
        at, key = _EVENT.at, _EVENT.id
        query = select(*_EVENT).where(*_narrowed(question))
        if question.terms is None:
            query = query.where(_EVENT.slot == slot)
        else:
            at, key = _TERM.at, _TERM.id
            same = (_TERM.slot == _EVENT.slot) & (_TERM.at == _EVENT.at) & (_TERM.id == _EVENT.id)
            query = query.join(tables.event_term, same).distinct()
            query = query.where(_TERM.slot == slot, _TERM.term.in_(self.digests(question.terms)))
        query = query.where(at >= question.since, at <= question.until)
        if question.before is not None:
            then, row = question.before
            query = query.where(or_(at < then, (at == then) & (key < row)))
        return query.order_by(_EVENT.at.desc(), _EVENT.id.desc())

    def _digest(self, term: str) -> int:
        data = term.encode("utf-8", "replace")
        return int.from_bytes(blake2b(data, digest_size=8, key=self._secret).digest(), "big", signed=True)


def _narrowed(question: Question) -> Iterator[ColumnElement[bool]]:
    """Conditions on the row of the event itself."""
    if question.types is not None:
        yield _EVENT.type.in_(question.types)
    if question.subtypes is not None:
        yield _EVENT.subtype.in_(question.subtypes)
    if question.outcomes is not None:
        yield _EVENT.outcome.in_(question.outcomes)
    if question.trails is not None:
        yield _EVENT.trail.in_(question.trails)
