"""Entries of the directory from a file, and what an empty directory of integration begins with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from gateway.config import Settings
from gateway.directory import ldif
from gateway.directory.desk import Desk
from gateway.errors import Malformed
from gateway.record.directory import Add, Declined, Unit
from gateway.stores.database import open_database
from gateway.stores.directory import DirectoryStore, Trail
from gateway.stores.keys import key_maker
from gateway.stores.work import UnitOfWork

_NO_TRACE = "0" * 32


def read_entries(path: Path) -> list[Add]:
    """The entries of an LDIF file."""
    if path.stat().st_size > ldif.MOST_BYTES:
        raise Malformed(f"the file has more than {ldif.MOST_BYTES} bytes")
    try:
        return list(ldif.read(path.read_text(encoding="utf-8")))
    except UnicodeDecodeError as error:
        raise Malformed("the file is no UTF-8", location=str(path)) from error


async def put_all(desk: Desk, entries: Iterable[Add]) -> None:
    """Puts entries in their order; Malformed names the one that is refused."""
    for each in entries:
        try:
            await desk.put(each)
        except Declined as error:
            raise Malformed(f"{error.code.value[1]}: {error.detail}", location=each.place.dn) from error


def furnish(settings: Settings) -> None:
    """Fills an empty directory with the test entries of the settings; nothing outside integration."""
    path = settings.directories.test_entries
    if settings.environment == "integration" and path is not None and path.is_file():
        asyncio.run(_furnish(settings, path))


async def _furnish(settings: Settings, path: Path) -> None:
    database = open_database(settings.database.url)
    try:
        store = DirectoryStore(database, key_maker())
        if not await store.empty():
            return
        entries = sorted(read_entries(path), key=lambda each: each.place.unit is Unit.RELATIONSHIP)
        trail = Trail(actor="passerelle", at=datetime.now(UTC), trace_id=_NO_TRACE, reason="test entries")
        desk, work = Desk(store, trail), UnitOfWork()
        await put_all(desk, entries)
        desk.note(work)
        await database.apply([work])
    finally:
        await database.close()
