"""What retention needs of the trail: places in the tree, what is over, holds, records of erasure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, literal, or_, select, tuple_, update

from gateway.errors import GatewayError, Outdated
from gateway.record.retention import Hold, HoldKind, Holds, Kept
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.events import OWN, SLOT_MS, SYSTEM, USE
from gateway.stores.keys import first_key
from gateway.stores.work import UnitOfWork

_LEAF, _AUDIT = tables.audit_leaf.c, tables.audit.c
_EVENT, _TERM, _BLOCK = tables.event.c, tables.event_term.c, tables.event_block.c
_ERASED, _HOLD, _KEY = tables.erasure.c, tables.retention_hold.c, tables.slot_key.c
_SYSTEM, _ALERT, _INCIDENT = tables.system_block.c, tables.alert.c, tables.incident.c
_STEP = tables.incident_step.c
NOWHERE = -1
"""The position of what has no place in the tree."""

_ADD_ERASURE = insert(tables.erasure)
_ADD_HOLD = insert(tables.retention_hold)
_TERMS = 20_000
"""Terms of the index that are looked at in one step of sweeping."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a row or a block stands in the tree."""

    position: int
    leaf: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """A sealed row of our trail whose time is over, or a block of what was received, without content."""

    id: int
    at: int
    slot: int
    position: int
    leaf: bytes
    trace_id: str = ""
    transaction: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that is over and has no place in the tree, with what is digested of it."""

    id: int
    slot: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """A row of `erasure`: the audit row that records it, and what it says."""

    audit_id: int
    kind: str
    slot: int
    first: int
    last: int
    count: int
    at: int


class RetentionStore:
    """Reads at once; changes are noted in a unit of work."""

    def __init__(self, database: Database, new_key: Callable[[], int]) -> None:
        self._database = database
        self._new_key = new_key

    # --- places in the tree ---

    async def leaves(self, keys: Sequence[int]) -> dict[int, Leaf]:
        """The leaves of rows or blocks by their ids; what is not sealed yet has none."""
        query = select(_LEAF.audit_id, _LEAF.position, _LEAF.leaf).where(_LEAF.audit_id.in_(keys))
        rows = await self._database.fetch(query)
        return {row.audit_id: Leaf(row.position, bytes(row.leaf)) for row in rows}

    # --- what is over ---

    async def own_over(self, since: int, slot: int, before: int, limit: int, *, but: str) -> list[Over]:
        """Sealed rows with an id from `since` on, of weeks before `slot`, at positions before `before`.

        `but` are rows of a transaction that is never over.
        """
        end = slot * SLOT_MS
        query = (
            select(*_AUDIT, _LEAF.position, _LEAF.leaf)
            .join(tables.audit_leaf, _LEAF.audit_id == _AUDIT.id)
            .where(_AUDIT.id >= since, _AUDIT.id < first_key(_moment(end)), _AUDIT.at < end)
            .where(_LEAF.position < before, _AUDIT.transaction != but)
            .order_by(_AUDIT.id)
            .limit(limit)
        )
        return [_over(row) for row in await self._database.fetch(query)]

    async def received_over(self, slot: int, but: Sequence[int], limit: int) -> list[Over]:
        """Sealed blocks of one week that are not among those held."""
        query = (
            select(_BLOCK.id, _BLOCK.slot, _BLOCK.at, _LEAF.position, _LEAF.leaf)
            .join(tables.audit_leaf, _LEAF.audit_id == _BLOCK.id)
            .where(_BLOCK.trail == USE, _BLOCK.slot == slot)
            .order_by(_BLOCK.id)
            .limit(limit)
        )
        if but:
            query = query.where(_BLOCK.id.not_in(but))
        return [
            Over(id=row.id, at=row.at, slot=row.slot, position=row.position, leaf=bytes(row.leaf))
            for row in await self._database.fetch(query)
        ]

    async def count_over(self, kind: Kept, slot: int) -> int:
        """How many of a class of messages are of weeks before `slot`, held or not."""
        end = slot * SLOT_MS
        query = {
            Kept.OWN: select(func.count(_AUDIT.id)).where(
                _AUDIT.id < first_key(_moment(end)), _AUDIT.at < end
            ),
            Kept.RECEIVED: select(func.count(_BLOCK.id)).where(_BLOCK.trail == USE, _BLOCK.slot < slot),
            Kept.SYSTEM: select(func.count(_SYSTEM.id)).where(_SYSTEM.slot < slot),
        }[kind]
        return int((await self._database.fetch(query))[0][0])

    async def received_slots(self, slot: int) -> list[int]:
        """Weeks before `slot` of which something received is still here, oldest first."""
        query = select(_BLOCK.slot).where(_BLOCK.trail == USE, _BLOCK.slot < slot).distinct()
        return sorted(row.slot for row in await self._database.fetch(query))

    async def blocks_with(self, slot: int, terms: Sequence[int]) -> list[int]:
        """Blocks of a week with an event that is found by one of the terms."""
        same = (_TERM.slot == _EVENT.slot) & (_TERM.at == _EVENT.at) & (_TERM.id == _EVENT.id)
        query = (
            select(_EVENT.place)
            .join(tables.event_term, same)
            .where(_TERM.slot == slot, _TERM.term.in_(terms), _EVENT.trail == USE)
            .distinct()
        )
        return [row.place for row in await self._database.fetch(query)] if terms else []

    async def blocks_between(self, slot: int, since: int | None, until: int | None) -> list[int]:
        """Blocks of a week with an event within a time."""
        query = select(_EVENT.place).where(_EVENT.slot == slot, _EVENT.trail == USE).distinct()
        if since is not None:
            query = query.where(_EVENT.at >= since)
        if until is not None:
            query = query.where(_EVENT.at <= until)
        return [row.place for row in await self._database.fetch(query)]

    async def blocks_of(self, slot: int, events: Collection[int]) -> list[int]:
        """Blocks of a week with one of some events."""
        query = select(_EVENT.place).where(_EVENT.slot == slot, _EVENT.trail == USE, _EVENT.id.in_(events))
        return [row.place for row in await self._database.fetch(query.distinct())] if events else []

    async def blocks_left(self, slot: int) -> int:
        """How many blocks of a week are here."""
        query = select(func.count()).select_from(tables.event_block)
        rows = await self._database.fetch(query.where(_BLOCK.trail == USE, _BLOCK.slot == slot))
        return int(rows[0][0])

    async def system_over(self, slot: int, limit: int) -> list[Outside]:
        """Blocks of what systems said, of the oldest week before `slot`."""
        oldest = select(func.min(_SYSTEM.slot)).where(_SYSTEM.slot < slot).scalar_subquery()
        query = select(_SYSTEM.id, _SYSTEM.slot, _SYSTEM.root).where(_SYSTEM.slot == oldest)
        rows = await self._database.fetch(query.order_by(_SYSTEM.id).limit(limit))
        return [Outside(row.id, row.slot, bytes(row.root)) for row in rows]

    # --- erasing ---

    def erase_own(self, work: UnitOfWork, over: Sequence[Over]) -> None:
        """Notes the end of rows and of their events, whose times may differ by a millisecond."""
        gone = Outdated("somebody else erased a part of the trail meanwhile")
        work.write(
            delete(tables.audit).where(_AUDIT.id.in_([each.id for each in over])),
            expect=len(over),
            otherwise=gone,
        )
        events = [(at // SLOT_MS, at, each.id) for each in over for at in range(each.at - 1, each.at + 2)]
        work.write(delete(tables.event).where(tuple_(_EVENT.slot, _EVENT.at, _EVENT.id).in_(events)))

    def erase_received(self, work: UnitOfWork, over: Sequence[Over]) -> None:
        """Notes the end of blocks."""
        gone = Outdated("somebody else erased a part of what was received meanwhile")
        work.write(
            delete(tables.event_block).where(_BLOCK.id.in_([each.id for each in over])),
            expect=len(over),
            otherwise=gone,
        )

    def erase_system(self, work: UnitOfWork, over: Sequence[Outside], *, last: bool) -> None:
        """Notes the end of blocks of what systems said, of one week; with the last ones, of its key."""
        keys, slot = [each.id for each in over], over[0].slot
        gone = Outdated("somebody else erased a part of what systems said meanwhile")
        work.write(delete(tables.system_block).where(_SYSTEM.id.in_(keys)), expect=len(keys), otherwise=gone)
        found = tables.system_event.c
        work.write(delete(tables.system_event).where(found.slot == slot, found.place.in_(keys)))
        if last:
            work.write(delete(tables.slot_key).where(_KEY.trail == SYSTEM, _KEY.slot == slot))

    def destroy_key(self, work: UnitOfWork, slot: int) -> None:
        """Notes the end of the key of a week: what is left of its blocks anywhere cannot be read again."""
        seen = tables.event_seen.c
        work.write(delete(tables.slot_key).where(_KEY.trail == USE, _KEY.slot == slot))
        work.write(delete(tables.event_seen).where(seen.slot == slot))

    def record(self, work: UnitOfWork, erased: Erased) -> None:
        """Notes which audit row records an erasure."""
        row = {name: getattr(erased, name) for name in Erased.__dataclass_fields__}
        work.write(_ADD_ERASURE, {**row, "swept": int(erased.first == NOWHERE)})

    async def erasures(self, since: int = 0, limit: int | None = None) -> list[Erased]:
        """Records with an id from `since` on, oldest first."""
        fields = [_ERASED[name] for name in Erased.__dataclass_fields__]
        query = select(*fields).where(_ERASED.audit_id >= since).order_by(_ERASED.audit_id).limit(limit)
        return [Erased(**row._asdict()) for row in await self._database.fetch(query)]

    async def erasures_over(self, first: int, last: int) -> list[Erased]:
        """Records of what lay between two positions, both included; perhaps of more."""
        fields = [_ERASED[name] for name in Erased.__dataclass_fields__]
        query = select(*fields).where(_ERASED.first <= last, _ERASED.last >= first).order_by(_ERASED.audit_id)
        return [Erased(**row._asdict()) for row in await self._database.fetch(query)]

    # --- sweeping the index ---

    async def unswept(self) -> int | None:
        """A week whose index still has what is gone."""
        query = select(_ERASED.slot).where(_ERASED.swept == 0).order_by(_ERASED.slot).limit(1)
        rows = await self._database.fetch(query)
        return rows[0].slot if rows else None

    async def sweep(self, work: UnitOfWork, slot: int, after: int | None) -> int | None:
        """Notes the end of some terms of a week whose content is gone; where to go on, None at the end."""
        here = _TERM.slot == slot
        if after is not None:
            here &= _TERM.term > after
        query = select(_TERM.term).where(here).order_by(_TERM.term).offset(_TERMS).limit(1)
        rows = await self._database.fetch(query)
        last = rows[0].term if rows else None
        found = (_EVENT.slot == slot) & (_EVENT.at == _TERM.at) & (_EVENT.id == _TERM.id)
        stays = select(_EVENT.id).where(found, or_(_EVENT.trail == OWN, _in_block())).exists()
        chosen = here if last is None else here & (_TERM.term <= last)
        work.write(delete(tables.event_term).where(chosen, ~stays))
        if last is None:
            gone = (_EVENT.slot == slot) & (_EVENT.trail == USE) & ~_in_block()
            work.write(delete(tables.event).where(gone))
            work.write(update(tables.erasure).where(_ERASED.slot == slot).values(swept=1))
        return last

    # --- holds ---

    async def holds(self, *, every: bool = False) -> Holds:
        """Holds in force, or all that ever were, oldest first."""
        query = select(tables.retention_hold).order_by(_HOLD.number)
        if not every:
            query = query.where(_HOLD.released_at.is_(None))
        found = Holds(tuple(_hold(row) for row in await self._database.fetch(query)))
        return replace(found, events=await self._of_incidents(found.incidents))

    async def _of_incidents(self, numbers: Collection[int]) -> frozenset[int]:
        """Audit rows of the steps of incidents, and the events of their alerts."""
        if not numbers:
            return frozenset()
        steps = select(_STEP.audit_id).where(_STEP.incident.in_(numbers))
        alerts = select(_ALERT.events).where(_ALERT.incident.in_(numbers))
        names = [each for row in await self._database.fetch(alerts) for each in row.events.split()]
        events = {int(name.rpartition("-")[2], 16) for name in names}
        return frozenset(events | {row.audit_id for row in await self._database.fetch(steps)})

    async def knows_incident(self, number: int) -> bool:
        """Whether there is an incident of this number."""
        query = select(_INCIDENT.number).where(_INCIDENT.number == number)
        return bool(await self._database.fetch(query))

    def unchanged(self, work: UnitOfWork, holds: Holds) -> None:
        """Notes that nothing was held since these were read, else Outdated."""
        last = max((each.number for each in holds.holds), default=0)
        newer = select(_HOLD.number).where(_HOLD.number > last, _HOLD.released_at.is_(None)).exists()
        work.check(select(literal(1)).where(~newer), Outdated("something was held meanwhile"))

    def hold(self, work: UnitOfWork, hold: Hold) -> None:
        """Notes a hold; its number is `number`."""
        row = {name: getattr(hold, name) for name in Hold.__dataclass_fields__}
        work.write(_ADD_HOLD, {**row, "kind": hold.kind.value})

    def new_number(self) -> int:
        """A number for a hold."""
        return self._new_key()

    def release(self, work: UnitOfWork, number: int, actor: str, at: int, otherwise: GatewayError) -> None:
        """Notes the end of a hold; `otherwise` if there is none in force."""
        work.write(
            update(tables.retention_hold)
            .where(_HOLD.number == number, _HOLD.released_at.is_(None))
            .values(released_at=at, released_by=actor),
            expect=1,
            otherwise=otherwise,
        )


def _in_block() -> Any:
    return select(_BLOCK.id).where(_BLOCK.id == _EVENT.place).correlate(tables.event).exists()


def _over(row: Row[Any]) -> Over:
    return Over(
        id=row.id,
        at=row.at,
        slot=row.at // SLOT_MS,
        position=row.position,
        leaf=bytes(row.leaf),
        trace_id=row.trace_id,
        transaction=row.transaction,
        message=row.message,
    )


def _hold(row: Row[Any]) -> Hold:
    told = {name: getattr(row, name) for name in Hold.__dataclass_fields__}
    return Hold(**{**told, "kind": HoldKind(row.kind)})


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
