"""The directory of health professionals in the database: entries, values, memberships, history (ITI HPD)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import (
    BindParameter,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    literal,
    select,
    text,
    true,
    update,
)

from gateway.errors import Outdated
from gateway.record.directory import Attribute, Attributes, Entry, Place, Unit, read_place
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

CALLED = "#"
"""The name under which `directory_value` holds what an assertion may call somebody."""
CERTIFIED = "#x5t"
"""The name under which it holds the SHA-256 of certificates that name a person (DER, in hex)."""
OWNER, MEMBER = "owner", "member"
_ALL = 1 << 31

_E, _V, _L = tables.directory_entry.c, tables.directory_value.c, tables.directory_link.c
_BY_NAME = select(tables.directory_entry).where(_E.name.in_(bindparam("names", expanding=True)))
_BY_KEY = select(tables.directory_entry).where(_E.key.in_(bindparam("keys", expanding=True)))
_BY_VALUE = (
    select(tables.directory_entry)
    .join(tables.directory_value, _V.entry_key == _E.key)
    .where(_E.unit == bindparam("unit"), _V.name == bindparam("attribute"), _V.value == bindparam("value"))
    .order_by(_E.name)
)
_IN_UNIT_BY_VALUE = (
    select(tables.directory_entry)
    .join(tables.directory_value, _V.entry_key == _E.key)
    .where(
        _E.suffix == bindparam("suffix"),
        _E.unit == bindparam("unit"),
        _V.name == bindparam("attribute"),
        _V.value == bindparam("value"),
    )
    .order_by(_E.name)
    .limit(bindparam("most"))
)
_IN_UNIT = select(_E.key).where(_E.suffix == bindparam("suffix")).limit(1)
_OF_GROUPS = (
    select(_L.group_key, _L.kind, _L.entry_key, _E.dn)
    .join(tables.directory_entry, _E.key == _L.entry_key)
    .where(_L.group_key.in_(bindparam("keys", expanding=True)))
    .order_by(_E.name)
    .limit(bindparam("most"))
)
_GROUPS_OF = (
    select(_L.entry_key, _L.kind, _E.dn)
    .join(tables.directory_entry, _E.key == _L.group_key)
    .where(_L.entry_key.in_(bindparam("keys", expanding=True)))
    .order_by(_E.name)
)
_HISTORY = (
    select(tables.directory_change)
    .where(tables.directory_change.c.entry_key == bindparam("key"))
    .order_by(tables.directory_change.c.key)
)
_THERE = select(literal(1)).where(_E.key == bindparam("key"))
_ADD, _ADD_VALUE, _ADD_LINK = (
    insert(each) for each in (tables.directory_entry, tables.directory_value, tables.directory_link)
)
_ADD_CHANGE = insert(tables.directory_change)
_CHANGE = (
    update(tables.directory_entry)
    .where(_E.key == bindparam("b_key"), _E.version == bindparam("b_known"))
    .values({name: bindparam(f"b_{name}") for name in (
        "name", "dn", "attributes", "standing", "active", "blocked", "version", "changed_at",
    )})
)  # fmt: skip
_DROP = delete(tables.directory_entry).where(_E.key == bindparam("b_key"), _E.version == bindparam("b_known"))
_DROP_VALUE = delete(tables.directory_value).where(
    _V.name == bindparam("b_name"), _V.value == bindparam("b_value"), _V.entry_key == bindparam("b_key")
)
_DROP_VALUES = delete(tables.directory_value).where(_V.entry_key == bindparam("b_key"))
_DROP_LINK = delete(tables.directory_link).where(
    _L.group_key == bindparam("b_group"), _L.kind == bindparam("b_kind"), _L.entry_key == bindparam("b_key")
)
_DROP_LINKS = delete(tables.directory_link).where(
    (_L.group_key == bindparam("b_key")) | (_L.entry_key == bindparam("b_key"))
)
_FASTER = Outdated("the directory was changed by another request meanwhile")


def _who() -> Any:
    """Professionals by what they are called, and whether the organisation is theirs, itself or above it."""
    value = tables.directory_value
    called: BindParameter[str] = bindparam("names", expanding=True)
    found = select(_V.entry_key, _V.value).where(_V.name == CALLED, _V.value.in_(called)).cte("found")
    into, out = (tables.directory_link.alias(name) for name in ("into", "out"))
    up = (
        select(into.c.entry_key.label("person"), out.c.entry_key.label("place"))
        .join(out, and_(out.c.group_key == into.c.group_key, out.c.kind == OWNER))
        .where(into.c.kind == MEMBER, into.c.entry_key.in_(select(found.c.entry_key)))
        .cte("up", recursive=True)
    )
    again, over = (tables.directory_link.alias(name) for name in ("again", "over"))
    up = up.union(
        select(up.c.person, over.c.entry_key)
        .join(again, and_(again.c.entry_key == up.c.place, again.c.kind == MEMBER))
        .join(over, and_(over.c.group_key == again.c.group_key, over.c.kind == OWNER))
    )
    named, place = value.alias("named"), tables.directory_entry.alias("place")
    member = exists(
        select(1)
        .select_from(up)
        .join(named, named.c.entry_key == up.c.place)
        .join(place, place.c.key == up.c.place)
        .where(
            up.c.person == _E.key,
            named.c.name == CALLED,
            named.c.value == bindparam("organisation"),
            place.c.active == true(),
        )
    )
    return (
        select(found.c.value, _E.key, _E.active, _E.standing, member.label("member"))
        .join(tables.directory_entry, _E.key == found.c.entry_key)
        .where(_E.unit == Unit.PROFESSIONAL.name)
    )


_WHO = _who()
_WHO_KEPT = 8_192

_TURN = select(tables.meta.c.value).where(tables.meta.c.name == bindparam("called"))
_TURNED = text(
    "INSERT INTO meta (name, value) VALUES (:name, '1')"
    " ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS VARCHAR(20))"
)
"""Counts the changes, so that what was read can be kept until there is one. All writers meet here."""
_CHANGES = "directory-changes"


def _places() -> Any:
    """Keys of the active organisations of an entry: its own, and those above them."""
    into, out = (tables.directory_link.alias(name) for name in ("into", "out"))
    up = (
        select(out.c.entry_key.label("place"))
        .join(into, and_(into.c.group_key == out.c.group_key, out.c.kind == OWNER))
        .where(into.c.kind == MEMBER, into.c.entry_key == bindparam("key"))
        .cte("up", recursive=True)
    )
    again, over = (tables.directory_link.alias(name) for name in ("again", "over"))
    up = up.union(
        select(over.c.entry_key)
        .join(again, and_(again.c.group_key == over.c.group_key, over.c.kind == OWNER))
        .join(up, again.c.entry_key == up.c.place)
        .where(again.c.kind == MEMBER)
    )
    return select(_E.key).where(_E.key.in_(select(up.c.place)), _E.active == true()).order_by(_E.name)


_PLACES = _places()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """By whom, why and under which trace a change is made."""

    actor: str
    at: datetime
    trace_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """An entry as it is written: what it is found by, and what a decision needs of it."""

    entry: Entry
    values: frozenset[tuple[str, str]]
    standing: Mapping[str, Sequence[str]]
    active: bool


class DirectoryStore:
    """Reads at once; writes are noted in the unit of work, Outdated where another one was faster."""

    def __init__(self, database: Database, new_key: Callable[[], int]) -> None:
        self._database = database
        self.new_key = new_key
        self._who: dict[tuple[str, ...], tuple[str, Sequence[Any]]] = {}

    async def named(self, names: Sequence[str]) -> dict[str, Entry]:
        """Entries by the distinguished name in the form in which it is compared."""
        rows = await self._database.fetch(_BY_NAME, {"names": list(names)}) if names else []
        return {row.name: _entry(row) for row in rows}

    async def keyed(self, keys: Sequence[int]) -> list[Entry]:
        """Entries by key."""
        rows = await self._database.fetch(_BY_KEY, {"keys": list(keys)}) if keys else []
        return [_entry(row) for row in rows]

    async def valued(self, unit: Unit, attribute: str, value: str) -> list[Entry]:
        """Entries of a unit with this value, in the form in which it is compared."""
        told = {"unit": unit.name, "attribute": attribute, "value": value}
        return [_entry(row) for row in await self._database.fetch(_BY_VALUE, told)]

    async def below(self, place: Place, attribute: str, value: str, most: int) -> list[Entry]:
        """Entries of a unit of a suffix with this value, in the form in which it is compared."""
        told = {"suffix": place.suffix, "unit": place.unit.name if place.unit else ""}
        told_more = {"attribute": attribute, "value": value, "most": most}
        return [_entry(row) for row in await self._database.fetch(_IN_UNIT_BY_VALUE, told | told_more)]

    async def has_suffix(self, suffix: str) -> bool:
        """Whether anything stands below a suffix."""
        return bool(await self._database.fetch(_IN_UNIT, {"suffix": suffix}))

    async def empty(self) -> bool:
        """Whether nothing was ever written here."""
        return not await self._database.fetch(select(tables.directory_change.c.key).limit(1))

    async def search(self, query: Select[Any], most: int, seconds: float | None) -> list[Entry] | None:
        """Entries of a search, one more than `most` where there are more; None when it took too long."""
        limited = query.limit(most + 1)
        if seconds is None:
            rows = await self._database.fetch(limited)
        else:
            found = await self._database.fetch_within(limited, {}, seconds)
            if found is None:
                return None
            rows = found
        return [_entry(row) for row in rows]

    async def links(self, groups: Sequence[int], most: int = _ALL) -> list[tuple[int, str, int, str]]:
        """Group, kind, entry and its name, for owners and members of groups; `most` of them."""
        told = {"keys": list(groups), "most": most}
        rows = await self._database.fetch(_OF_GROUPS, told) if groups else []
        return [(row.group_key, row.kind, row.entry_key, row.dn) for row in rows]

    async def groups(self, entries: Sequence[int]) -> list[tuple[int, str, str]]:
        """Entry, kind and name of the group, for entries that own groups or are in them."""
        rows = await self._database.fetch(_GROUPS_OF, {"keys": list(entries)}) if entries else []
        return [(row.entry_key, row.kind, row.dn) for row in rows]

    async def who(self, names: Sequence[str], organisation: str) -> Sequence[Any]:
        """Professionals by name: value, key, active, standing (JSON), member of the organisation.

        Every request asks: the answer is kept as long as nothing in the directory changes, in any process.
        """
        turn = await self._database.fetch(_TURN, {"called": _CHANGES})
        changes = turn[0].value if turn else ""
        asked = (organisation, *names)
        kept = self._who.get(asked)
        if kept is not None and kept[0] == changes:
            return kept[1]
        rows = await self._database.fetch(_WHO, {"names": list(names), "organisation": organisation})
        if len(self._who) >= _WHO_KEPT:
            self._who.clear()
        self._who[asked] = (changes, rows)
        return rows

    async def places(self, key: int) -> list[Entry]:
        """The active organisations an entry belongs to: its own, and those above them."""
        rows = await self._database.fetch(_PLACES, {"key": key})
        return await self.keyed([row.key for row in rows])

    async def history(self, key: int) -> Sequence[Any]:
        """Every change of an entry, the oldest first."""
        return await self._database.fetch(_HISTORY, {"key": key})

    # --- what is to be written -------------------------------------------------------------------

    def add(self, work: UnitOfWork, row: EntryRow) -> None:
        """Notes a new entry."""
        entry = row.entry
        told = {**_told(row), "key": entry.key, "created_at": millis(entry.created)}
        place = entry.place
        told |= {"suffix": place.suffix, "unit": place.unit.name if place.unit else ""}
        work.write(_ADD, told, otherwise=_FASTER)
        self._values(work, entry.key, row.values, frozenset())

    def change(self, work: UnitOfWork, row: EntryRow, known: int, before: frozenset[tuple[str, str]]) -> None:
        """Notes an entry as it is now; `known` is the version, `before` the values that were read."""
        told = {f"b_{name}": value for name, value in _told(row).items()}
        told |= {"b_key": row.entry.key, "b_known": known}
        work.write(_CHANGE, told, expect=1, otherwise=_FASTER)
        self._values(work, row.entry.key, row.values, before)

    def remove(self, work: UnitOfWork, entry: Entry) -> None:
        """Notes that an entry goes, out of all its groups too."""
        work.lock([entry.key])
        work.write(_DROP, {"b_key": entry.key, "b_known": entry.version}, expect=1, otherwise=_FASTER)
        work.write(_DROP_VALUES, {"b_key": entry.key})
        work.write(_DROP_LINKS, {"b_key": entry.key})

    def link(
        self,
        work: UnitOfWork,
        group: int,
        added: Iterable[tuple[str, int]],
        dropped: Iterable[tuple[str, int]],
    ) -> None:
        """Notes owners and members of a group; each must still be there when it is written."""
        fresh = sorted(added)
        if fresh:
            work.lock([key for _, key in fresh])
            rows = [{"group_key": group, "kind": kind, "entry_key": key} for kind, key in fresh]
            work.write(_ADD_LINK, *rows, otherwise=_FASTER)
        for _, key in fresh:
            work.check(_THERE, _FASTER, {"key": key})
        gone = [{"b_group": group, "b_kind": kind, "b_key": key} for kind, key in sorted(dropped)]
        if gone:
            work.write(_DROP_LINK, *gone)

    def record(self, work: UnitOfWork, key: int, operation: str, dn: str, told: object, trail: Trail) -> None:
        """Notes a change in the history."""
        row = {
            "key": self.new_key(),
            "entry_key": key,
            "operation": operation,
            "dn": dn,
            "told": orjson.dumps(told).decode(),
            "at": millis(trail.at),
            "actor": trail.actor,
            "reason": trail.reason,
            "trace_id": trail.trace_id,
        }
        work.write(_ADD_CHANGE, row)
        work.write(_TURNED, {"name": _CHANGES})

    @staticmethod
    def _values(
        work: UnitOfWork, key: int, now: frozenset[tuple[str, str]], before: frozenset[tuple[str, str]]
    ) -> None:
        if lost := sorted(before - now):
            work.write(_DROP_VALUE, *({"b_name": n, "b_value": v, "b_key": key} for n, v in lost))
        if fresh := sorted(now - before):
            rows = [{"name": name, "value": value, "entry_key": key} for name, value in fresh]
            work.write(_ADD_VALUE, *rows, otherwise=_FASTER)


def _told(row: EntryRow) -> dict[str, Any]:
    entry = row.entry
    return {
        "name": entry.place.key,
        "dn": entry.place.dn,
        "attributes": orjson.dumps(
            [[each.name, list(each.values), each.binary] for each in entry.attributes.values()]
        ).decode(),
        "standing": orjson.dumps(row.standing).decode(),
        "active": row.active,
        "blocked": entry.blocked,
        "version": entry.version,
        "changed_at": millis(entry.changed),
    }


def _entry(row: Any) -> Entry:
    return Entry(
        key=row.key,
        place=read_place(row.dn),
        attributes=_attributes(row.attributes),
        version=row.version,
        blocked=bool(row.blocked),
        created=datetime.fromtimestamp(row.created_at / 1000, UTC),
        changed=datetime.fromtimestamp(row.changed_at / 1000, UTC),
    )


def _attributes(text: str) -> Attributes:
    return {
        name.lower(): Attribute(name, tuple(values), binary) for name, values, binary in orjson.loads(text)
    }
