"""How far our audit trail was sent to each receiver: one row of state, owned by one process at a time."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson
from sqlalchemy import bindparam, insert, select, update

from gateway.errors import Defect, Outdated
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.work import UnitOfWork

_META = tables.meta.c
_READ = select(_META.value).where(_META.name == bindparam("asked"))
_FIRST = insert(tables.meta)
_NEXT = (
    update(tables.meta)
    .where(_META.name == bindparam("asked"), _META.value == bindparam("known"))
    .values(value=bindparam("next"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Positions in the trail: all before `settled` has arrived, all before `sent` was handed over.

    `owner` sends until `until` (epoch seconds); then another process may take over.
    """

    settled: int = 0
    sent: int = 0
    owner: str = ""
    until: float = 0.0


class ForwardingStore:
    """Reads and changes the state of receivers by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, name: str) -> tuple[Sent, str | None]:
        """The state, and the text it stands in; None where nothing was ever sent."""
        rows = await self._database.fetch(_READ, {"asked": _key(name)})
        if not rows:
            return Sent(), None
        try:
            return Sent(**orjson.loads(rows[0].value)), rows[0].value
        except (TypeError, orjson.JSONDecodeError) as error:
            raise Defect("the state of a receiver of audit messages cannot be read") from error

    def write(self, work: UnitOfWork, name: str, known: str | None, state: Sent) -> str:
        """Notes a new state in place of a known one; Outdated when another process was faster."""
        text = orjson.dumps(asdict(state)).decode()
        lost = Outdated("another process sends to this receiver")
        if known is None:
            work.write(_FIRST, {"name": _key(name), "value": text}, otherwise=lost)
        else:
            values = {"asked": _key(name), "known": known, "next": text}
            work.write(_NEXT, values, otherwise=lost, expect=1)
        return text


def _key(name: str) -> str:
    return f"audit-sent:{name}"
