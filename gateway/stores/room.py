"""How much room the audit trail has, and whether there is enough of it to go on (ITI TF-2 3.20)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from gateway.errors import NoRoom
from gateway.stores.database import Database

_SQLITE = "sqlite:///"
_BESIDE = ("", "-wal", "-shm")
"""Files of a SQLite database: itself, its log, the index of the log."""
_BACK = 1.0
"""Percent below the limit at which work is taken again, so that it does not come and go with each row."""
_SIZE = text("SELECT pg_database_size(current_database())")


async def filled(database: Database, url: str, space_bytes: int) -> float | None:
    """Percent of the room that is used: of `space_bytes` where given, and of the volume where it is seen.

    None where nothing can be measured: PostgreSQL without a given space. Busy while it does not answer.
    """
    if url.startswith(_SQLITE):
        path = Path(url.removeprefix(_SQLITE))
        used = sum(_size(path.with_name(path.name + each)) for each in _BESIDE)
        return max(_of_volume(path.parent), used / space_bytes * 100 if space_bytes else 0.0)
    if not space_bytes:
        return None
    rows = await database.fetch(_SIZE)
    return int(rows[0][0]) / space_bytes * 100


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _of_volume(folder: Path) -> float:
    """As df counts it: what is kept for the superuser is not there for us."""
    told = os.statvfs(folder)
    used = told.f_blocks - told.f_bfree
    return used / max(1, used + told.f_bavail) * 100


@dataclass(slots=True)
class Room:
    """Whether there is room; looked at by every request, measured each second.

    `turned_away` counts what was refused since the recording of the audit stopped.
    """

    refuse_percent: float
    percent: float | None = None
    refusing: bool = False
    turned_away: int = 0

    def take(self, percent: float | None) -> bool:
        """A new measurement; tells whether the answer to requests changed by it."""
        self.percent = percent
        before = self.refusing
        if percent is not None:
            limit = self.refuse_percent - (_BACK if before else 0.0)
            self.refusing = percent >= limit
        return self.refusing is not before

    def check(self) -> None:
        """NoRoom where an audit row could soon not be written any more."""
        if self.refusing:
            raise NoRoom("the audit trail has no room; nothing was done, try again later")

    def turn_away(self) -> None:
        """One request more was refused for it, and no row tells of it."""
        self.turned_away += 1
