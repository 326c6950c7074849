"""One interface over SQLite (in process) and PostgreSQL (asyncpg): reads, and all-or-nothing batches.

SQLite reads run in the event loop's thread: a query takes less time there than a hand-over to another
thread. Its writes run in one writer thread, so that waiting for the disk stops nobody.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, cast

import asyncpg
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Engine,
    Executable,
    Insert,
    Row,
    Select,
    bindparam,
    column,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from gateway.stores.outage import LOST, outages, refusal
from gateway.stores.prepared import Preparer
from gateway.stores.work import Check, UnitOfWork, Values, Write

Rows = Sequence[Row[Any]]
_STEPS = 10_000
"""Instructions of SQLite between two looks at the clock: well below a millisecond."""
_QUERY_CANCELLED = "57014"
_OURS = (sqlite3.OperationalError, sqlite3.IntegrityError)  # of the driver, called without SQLAlchemy
_BEGIN = "BEGIN IMMEDIATE"
_LOCKS = 2_048
_SESSION = (("jit", "off"),)
"""PostgreSQL would compile some plans to machine code for 100 ms that then run for 2."""
_LOCK = select(func.pg_advisory_xact_lock(column("place"))).select_from(
    func.unnest(bindparam("places", type_=ARRAY(BigInteger))).table_valued("place").render_derived()
)


class Database(Protocol):
    """What the stores need of a database."""

    async def fetch(self, query: Executable, values: Values | None = None) -> Rows:
        """All rows of a query, outside any transaction; Busy while the database is away."""
        ...

    async def fetch_within(self, query: Executable, values: Values, seconds: float) -> Rows | None:
        """All rows of a query that may be a long one; None when it was given up after some seconds."""
        ...

    async def apply(self, units: Sequence[UnitOfWork]) -> None:
        """Writes all units in one transaction; raises the error of the first that cannot be written."""
        ...

    async def close(self) -> None:
        """Gives connections back."""
        ...


def open_database(url: str) -> Database:
    """The database for `sqlite:///path` or `postgresql://user@host/name`."""
    if url.startswith("sqlite"):
        return SqliteDatabase(url)
    return PostgresDatabase(async_url(url))


def async_url(url: str) -> str:
    """The SQLAlchemy URL of a plain one; PostgreSQL is spoken through asyncpg."""
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


def _write_all(
    connection: Connection,
    units: Sequence[UnitOfWork],
    holds: Callable[[Check], bool] | None = None,
    insert: Callable[[Insert, Sequence[Values]], None] | None = None,
) -> None:
    """The same sequence for both databases; PostgreSQL runs it inside SQLAlchemy's greenlet bridge.

    First what is added, the rows of all units together; then changes that must find what they expect; then
    conditions that must hold now. Nothing added by one unit is changed by another.
    """
    _take_locks(connection, units)
    steps = [step for unit in units for step in unit.steps]
    added: dict[int, list[Write]] = {}
    for step in steps:
        if isinstance(step, Write) and step.rows and step.expect is None:
            added.setdefault(id(step.statement), []).append(step)
    for group in added.values():
        _add(connection, group)
    for step in steps:
        if isinstance(step, Write) and not (step.rows and step.expect is None):
            _change(connection, step)
    for step in steps:
        if isinstance(step, Check) and not (holds or partial(_holds, connection))(step):
            raise step.otherwise
    _write_journal(units, insert or partial(_insert, connection))


def _holds(connection: Connection, check: Check) -> bool:
    return connection.execute(check.query, check.values).first() is not None


def _take_locks(connection: Connection, units: Sequence[UnitOfWork]) -> None:
    """In ascending order, so that two transactions never wait for each other.

    SQLite has one writer, who needs none. The server's table of locks has room for some thousands of all
    transactions together, so the numbers share so many places.
    """
    if connection.dialect.name != "postgresql":
        return
    places = sorted({number % _LOCKS for unit in units for number in unit.locks})
    if places:
        connection.execute(_LOCK, {"places": places})


def _add(connection: Connection, group: Sequence[Write]) -> None:
    """Rows for one statement. A group of several units is taken apart by the committer if it fails."""
    try:
        connection.execute(group[0].statement, [row for step in group for row in step.rows])
    except IntegrityError:
        if group[0].otherwise is None:
            raise
        raise group[0].otherwise from None


def _change(connection: Connection, step: Write) -> None:
    try:
        rows = step.rows or ({},)
        touched = sum(connection.execute(step.statement, row).rowcount for row in rows)
    except IntegrityError:
        if step.otherwise is None:
            raise
        raise step.otherwise from None
    if step.expect is not None and touched != step.expect and step.otherwise is not None:
        raise step.otherwise


def _insert(connection: Connection, statement: Insert, rows: Sequence[Values]) -> None:
    connection.execute(statement, rows)


def _write_journal(
    units: Sequence[UnitOfWork], insert_all: Callable[[Insert, Sequence[Values]], None]
) -> None:
    """Audit rows and replay memory of all units."""
    journal: dict[int, tuple[Any, list[Values]]] = {}
    for unit in units:
        for statement, row in unit.journal:
            journal.setdefault(id(statement), (statement, []))[1].append(row)
    for statement, rows in journal.values():
        try:
            insert_all(statement, rows)
        except (IntegrityError, sqlite3.IntegrityError):
            clash = units[0].clashes.get(statement)
            if clash is None:
                raise
            raise clash from None


class SqliteDatabase:
    """SQLite in WAL mode with memory-mapped reads; durable at each commit (synchronous=FULL)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._read = _sqlite_engine(url)
        self._write = _sqlite_engine(url)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._lock = os.open(f"{url.partition('///')[2]}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._connection = self._read.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._driver = _driver(self._connection)
        self._preparer = Preparer(self._read.dialect)
        self._checks = Preparer(self._write.dialect)
        with self._write.connect() as connection:
            self._writing = _driver(connection)
        event.listen(self._write, "begin", _take_write_lock)
        self._inserts: dict[Insert, tuple[str, tuple[str, ...]]] = {}

    async def fetch(self, query: Executable, values: Values | None = None) -> Rows:
        """All rows of a query. One with values is one that comes often, and is prepared."""
        with outages():
            if values is None or not isinstance(query, Select):
                return self._connection.execute(query, values).fetchall()
            return self._preparer.prepare(query, values).run(self._driver, values)

    async def fetch_within(self, query: Executable, values: Values, seconds: float) -> Rows | None:
        """In a thread with a connection of its own: only a query that comes rarely may take long."""
        with outages():
            return await asyncio.to_thread(self._fetch_within, query, values, seconds)

    def _fetch_within(self, query: Executable, values: Values, seconds: float) -> Rows | None:
        engine, until = _sqlite_engine(self._url), time.monotonic() + seconds
        try:
            with engine.connect() as connection:
                driver = _driver(connection)
                driver.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
                return connection.execute(query, values).fetchall()
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                return None
            raise
        finally:
            engine.dispose()

    async def apply(self, units: Sequence[UnitOfWork]) -> None:
        """One transaction in the writer thread."""
        await asyncio.get_running_loop().run_in_executor(self._writer, self._apply, units)

    def _apply(self, units: Sequence[UnitOfWork]) -> None:
        write = self._apply_all if any(unit.steps for unit in units) else self._apply_journal
        try:
            with self._turn():
                write(units)
        except (OperationalError, IntegrityError, *_OURS) as error:
            raise refusal(error) from error

    def _apply_all(self, units: Sequence[UnitOfWork]) -> None:
        with self._write.connect() as connection, connection.begin():
            _write_all(connection, units, partial(self._check, connection), self._insert)

    def _apply_journal(self, units: Sequence[UnitOfWork]) -> None:
        """Queries leave rows of the journal alone: the same transaction, without SQLAlchemy's part in it."""
        self._writing.execute(_BEGIN)
        try:
            _write_journal(units, self._insert)
            self._writing.execute("COMMIT")
        except BaseException:
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
            raise

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Workers write in turn. SQLite would let one who waits sleep and look again, longer each time."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _insert(self, statement: Insert, rows: Sequence[Values]) -> None:
        """Rows of the journal come with every request: their text is made once."""
        text, names = self._inserts.get(statement) or self._inserted(statement, rows[0])
        self._writing.executemany(text, [[row[name] for name in names] for row in rows])

    def _inserted(self, statement: Insert, row: Values) -> tuple[str, tuple[str, ...]]:
        compiled = statement.compile(dialect=self._write.dialect, column_keys=list(row))
        made = self._inserts[statement] = (compiled.string, tuple(compiled.positiontup or ()))
        return made

    def _check(self, connection: Connection, check: Check) -> bool:
        """With prepared text where the check is one that comes often."""
        if check.values is None:
            return _holds(connection, check)
        return bool(self._checks.prepare(check.query, check.values).run(_driver(connection), check.values))

    async def close(self) -> None:
        """Closes both connections and the writer."""
        self._connection.close()
        self._read.dispose()
        self._writer.shutdown()
        self._write.dispose()
        os.close(self._lock)


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=StaticPool,
        connect_args={"check_same_thread": False, "isolation_level": None, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=10000",
            "mmap_size=1073741824",
            "cache_size=-16384",
            "temp_store=MEMORY",
            "secure_delete=ON",
            "wal_autocheckpoint=8000",
            "case_sensitive_like=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _take_write_lock(connection: Connection) -> None:
    # Taking the lock at once avoids a deadlock between two readers that both want to write.
    connection.exec_driver_sql(_BEGIN)


def _driver(connection: Connection) -> sqlite3.Connection:
    """What SQLAlchemy drives; it is the same for all connections of one engine (StaticPool)."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


class PostgresDatabase:
    """PostgreSQL through asyncpg; reads in autocommit save two round trips.

    Reads that come often go to the driver as prepared text, over connections of their own.
    """

    def __init__(self, url: str, pool_size: int = 8) -> None:
        self._engine: AsyncEngine = create_async_engine(
            url, pool_size=pool_size, max_overflow=4, connect_args={"server_settings": dict(_SESSION)}
        )
        self._reads = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._preparer = Preparer(self._engine.dialect)
        self._readers: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self._size = pool_size

    async def fetch(self, query: Executable, values: Values | None = None) -> Rows:
        """All rows of a query. One with values is one that comes often, and is prepared."""
        if values is None or not isinstance(query, Select):
            with outages():
                async with self._reads.connect() as connection:
                    return (await connection.execute(query, values)).fetchall()
        prepared = self._preparer.prepare(query, values)
        try:
            readers = self._readers or await self._open_readers()
            rows = await readers.fetch(prepared.text, *prepared.given(values))
        except LOST as error:
            raise refusal(error) from error
        except asyncpg.PostgresError as error:
            raise OperationalError(prepared.text, None, error) from error
        return [prepared.row(row) for row in rows]

    async def _open_readers(self) -> asyncpg.Pool:
        """Made at the first read: a pool belongs to the event loop that uses it."""
        async with self._opening:
            if self._readers is None:
                told = self._engine.dialect.create_connect_args(self._engine.url)[1]
                self._readers = await asyncpg.create_pool(
                    min_size=1, max_size=self._size, reset=_kept, server_settings=dict(_SESSION), **told
                )
            return self._readers

    async def fetch_within(self, query: Executable, values: Values, seconds: float) -> Rows | None:
        """All rows of a query that the server gives up by itself."""
        try:
            async with self._engine.begin() as connection:
                await connection.execute(text(f"SET LOCAL statement_timeout = {int(seconds * 1_000)}"))
                return (await connection.execute(query, values)).fetchall()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == _QUERY_CANCELLED:
                return None
            with outages():
                raise

    async def apply(self, units: Sequence[UnitOfWork]) -> None:
        """One transaction."""
        try:
            async with self._engine.begin() as connection:
                await connection.run_sync(_write_all, units)
        except (DBAPIError, *LOST) as error:
            raise refusal(error) from error

    async def close(self) -> None:
        """Closes the pools."""
        if self._readers is not None:
            await self._readers.close()
        await self._engine.dispose()


async def _kept(connection: object) -> None:
    """Reads leave nothing on a connection that would have to be put back, so no round trip is spent."""


async def scalar(database: Database, query: str) -> Any:
    """The first column of the first row of a plain query, or None."""
    rows = await database.fetch(text(query))
    return rows[0][0] if rows else None
