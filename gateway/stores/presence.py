"""Codes of presence as keyed hashes, and the wrong ones that were tried."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, insert, select

from gateway.crypto.envelope import KeyTree
from gateway.errors import Outdated
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

_C, _M = tables.presence_code.c, tables.presence_miss.c
_INSERT, _MISSED = insert(tables.presence_code), insert(tables.presence_miss)
_NUMBERS = select(_C.number, _C.expires_at).where(_C.patient_key == bindparam("key"))
_OPEN = select(_C.key, _C.digest).where(
    _C.patient_key.in_(bindparam("keys", expanding=True)), _C.expires_at > bindparam("now")
)
_SPEND = delete(tables.presence_code).where(_C.key == bindparam("b_key"))
_MISSES = (
    select(_M.name, func.count().label("misses"))
    .where(_M.name.in_(bindparam("names", expanding=True)), _M.at > bindparam("since"))
    .group_by(_M.name)
)
KEPT = timedelta(days=1)
"""How long an expired code, or a wrong one, is kept."""


class PresenceStore:
    """Nobody can read a code here, nor guess one without the key of the installation."""

    def __init__(self, database: Database, keys: KeyTree, new_key: Callable[[], int]) -> None:
        self._database = database
        self._secret = keys.derived(b"presence codes")
        self._new_key = new_key

    async def numbers(self, key: int, now: datetime) -> tuple[int, int]:
        """How many codes of a patient, by record key, are open; and the number of the next one."""
        rows = await self._database.fetch(_NUMBERS, {"key": key})
        still = sum(row.expires_at > millis(now) for row in rows)
        return still, max((row.number for row in rows), default=0) + 1

    def add(self, work: UnitOfWork, key: int, number: int, code: str, at: datetime, until: datetime) -> None:
        """Notes a code; Outdated when the patient got another one at the same moment."""
        row = {"key": self._new_key(), "patient_key": key, "number": number, "at": millis(at)}
        work.write(
            _INSERT,
            {**row, "digest": self._digest("code", code), "expires_at": millis(until)},
            otherwise=Outdated("another code was given meanwhile"),
        )

    async def open(self, keys: Sequence[int], code: str, now: datetime) -> int | None:
        """The code of a patient, by record keys, if it is right and open."""
        digest = self._digest("code", code)
        rows = await self._database.fetch(_OPEN, {"keys": [0, *keys], "now": millis(now)})
        found = [row.key for row in rows if hmac.compare_digest(row.digest, digest)]
        return found[0] if found else None

    def spend(self, work: UnitOfWork, found: int) -> None:
        """Notes that a code was used; Outdated when somebody else was faster."""
        work.write(_SPEND, {"b_key": found}, expect=1, otherwise=Outdated("the code was used meanwhile"))

    async def misses(self, subject: str, patient: str, since: datetime) -> tuple[int, int]:
        """How many wrong codes a person has tried, and how many were tried for a patient."""
        names = [self._digest("person", subject), self._digest("patient", patient)]
        rows = await self._database.fetch(_MISSES, {"names": names, "since": millis(since)})
        counted = {row.name: row.misses for row in rows}
        return counted.get(names[0], 0), counted.get(names[1], 0)

    def miss(self, work: UnitOfWork, subject: str, patient: str, at: datetime) -> None:
        """Notes a wrong code, to stand although the request is refused."""
        for name in (self._digest("person", subject), self._digest("patient", patient)):
            work.insist(_MISSED, {"key": self._new_key(), "name": name, "at": millis(at)})

    def forget(self, work: UnitOfWork, now: datetime) -> None:
        """Notes the removal of what counts no more."""
        before = millis(now - KEPT)
        work.write(delete(tables.presence_code).where(_C.expires_at < before))
        work.write(delete(tables.presence_miss).where(_M.at < before))

    def _digest(self, kind: str, value: str) -> str:
        return hmac.digest(self._secret, f"{kind}|{value}".encode(), "sha256").hex()
