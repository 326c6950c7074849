"""Writes the index of a whole trail into the database as the server would have, a hundred times as fast.

PostgreSQL takes each quarter by COPY into a table of its own, which gets its keys when it is full and
becomes a partition then; SQLite takes each week in the order of the keys.
"""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import asyncpg
from happened import AGENTS, ENDPOINT, NODES, QUERY, Happened, agent, node

from gateway.stores.events import OWN, EventStore
from gateway.stores.partitions import WEEKS

EVENT_COLUMNS = (
    "slot", "at", "id", "trail", "place", "item", "type", "subtype", "action", "outcome", "flags"
)  # fmt: skip
TERM_COLUMNS = ("slot", "term", "at", "id")
KEYS = {"event": "slot, at, id", "event_term": "slot, term, at, id"}
_TYPE, _SUBTYPE, _ACTION = "110112", "ITI-18", "E"
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_CHUNK = 2_000

Event = tuple[int, int, int, int, int, int, str, str, str, int, int]


@dataclass(slots=True)
class Rows:
    """The rows of events, as `EventStore.note` writes those of their audit messages."""

    happened: Happened
    store: EventStore
    _same: tuple[int, ...] = ()
    _nodes: list[int] = field(default_factory=list)
    _agents: list[int] = field(default_factory=list)
    _patients: dict[int, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._same = (self._digest(f"agent|{ENDPOINT}"), self._digest(f"entity|{QUERY}"))
        self._nodes = [self._digest(f"agent|{node(each)}") for each in range(NODES)]
        self._agents = [self._digest(f"agent|{agent(each)}") for each in range(AGENTS)]

    def event(self, slot: int, number: int) -> Event:
        """The row of `event`, its columns in the order of EVENT_COLUMNS."""
        key, at = self.happened.key(number), self.happened.at(number)
        outcome = 8 if self.happened.failed(number) else 0
        return (slot, at, key, OWN, key, 0, _TYPE, _SUBTYPE, _ACTION, outcome, 0)

    def terms(self, number: int, key: int) -> tuple[int, ...]:
        """What the event is found by."""
        happened = self.happened
        patient = happened.patient_number(number)
        known = self._patients.get(patient)
        if known is None:
            name = str(happened.patient(patient))
            known = (self._digest(f"patient|{name}"), self._digest(f"entity|{name}"))
            self._patients[patient] = known
        return (
            *known,
            *self._same,
            self._nodes[number % NODES],
            self._agents[happened.agent_number(number)],
            self._digest(f"entity|{key:032x}"),
        )

    def _digest(self, term: str) -> int:
        return self.store.digests((term,))[0]


# --- SQLite --------------------------------------------------------------------------------------


def fill_sqlite(path: str, rows: Rows, tell: Callable[[int], None]) -> None:
    """All weeks, each in the order of its keys; a file of its own that nobody else uses meanwhile."""
    happened = rows.happened
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=DELETE", "synchronous=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        for slot in range(happened.first, happened.last + 1):
            connection.execute("BEGIN")
            events = [rows.event(slot, number) for number in happened.week(slot)]
            connection.executemany(_insert("event", EVENT_COLUMNS), events)
            connection.executemany(_insert("event_term", TERM_COLUMNS), _in_order(rows, slot))
            connection.execute("COMMIT")
            tell(len(events))
        connection.execute("PRAGMA locking_mode=NORMAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("ANALYZE event")


def _insert(table: str, columns: tuple[str, ...]) -> str:
    marks = ",".join("?" * len(columns))
    return f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})"  # noqa: S608 - our names


def _in_order(rows: Rows, slot: int) -> Iterator[tuple[int, int, int, int]]:
    """The terms of a week; what has one term is in the order of time already."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    happened = rows.happened
    for number in happened.week(slot):
        key = happened.key(number)
        place = (happened.at(number), key)
        for term in rows.terms(number, key):
            found[term].append(place)
    for term in sorted(found):
        for at, key in found[term]:
            yield (slot, term, at, key)


# --- PostgreSQL ----------------------------------------------------------------------------------


async def fill_postgresql(url: str, rows: Rows, tell: Callable[[int], None]) -> None:
    """All quarters, each in a transaction; then what the database does by itself in time (VACUUM)."""
    happened = rows.happened
    connection = await asyncpg.connect(url)
    try:
        for quarter in range(happened.first // WEEKS, happened.last // WEEKS + 1):
            start, end = quarter * WEEKS, (quarter + 1) * WEEKS
            weeks = range(max(start, happened.first), min(end, happened.last + 1))
            async with connection.transaction():
                for table in KEYS:
                    await connection.execute(f"CREATE TABLE {table}_{quarter} (LIKE {table})")
                for slot in weeks:
                    tell(await _copy_week(connection, quarter, rows, slot))
                for table in KEYS:
                    await _attach(connection, table, quarter)
            for table in KEYS:
                await connection.execute(f"VACUUM ANALYZE {table}_{quarter}")
        for table in KEYS:
            await connection.execute(f"ANALYZE {table}")
    finally:
        await connection.close()


async def _attach(connection: asyncpg.Connection, table: str, quarter: int) -> None:
    name, start = f"{table}_{quarter}", quarter * WEEKS
    await connection.execute(f"ALTER TABLE {name} ADD CONSTRAINT {name}_pkey PRIMARY KEY ({KEYS[table]})")
    await connection.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({start + WEEKS})"
    )


async def _copy_week(connection: asyncpg.Connection, quarter: int, rows: Rows, slot: int) -> int:
    events = [rows.event(slot, number) for number in rows.happened.week(slot)]
    await connection.copy_to_table(
        f"event_{quarter}", source=_events(events), columns=EVENT_COLUMNS, format="binary"
    )
    await connection.copy_to_table(
        f"event_term_{quarter}", source=_terms(rows, slot), columns=TERM_COLUMNS, format="binary"
    )
    return len(events)


async def _events(events: list[Event]) -> AsyncIterator[bytes]:
    text = [f"{len(each)}s" for each in (_TYPE, _SUBTYPE, _ACTION)]
    layout = struct.Struct(f">hiiiqiqihiqihi{text[0]}i{text[1]}i{text[2]}ihih")
    of_type, of_subtype, of_action = (each.encode() for each in (_TYPE, _SUBTYPE, _ACTION))
    yield _HEADER
    for start in range(0, len(events), _CHUNK):
        yield b"".join(
            layout.pack(
                11, 4, slot, 8, at, 8, key, 2, trail, 8, place, 2, item,
                len(of_type), of_type, len(of_subtype), of_subtype, len(of_action), of_action,
                2, outcome, 2, flags,
            )
            for slot, at, key, trail, place, item, _, _, _, outcome, flags in events[start : start + _CHUNK]
        )  # fmt: skip
    yield b"\xff\xff"


async def _terms(rows: Rows, slot: int) -> AsyncIterator[bytes]:
    """In the order in which the events happened, as the server writes them."""
    head = struct.pack(">hiii", 4, 4, slot, 8)
    place, term = struct.Struct(">iqiq").pack, struct.Struct(">q").pack
    happened, numbers = rows.happened, rows.happened.week(slot)
    yield _HEADER
    for start in range(0, len(numbers), _CHUNK):
        parts: list[bytes] = []
        for number in numbers[start : start + _CHUNK]:
            key = happened.key(number)
            tail = place(8, happened.at(number), 8, key)
            for each in rows.terms(number, key):
                parts += (head, term(each), tail)
        yield b"".join(parts)
    yield b"\xff\xff"
