"""Consents of patients, sealed under the key of the patient's record, and what they come to (append only)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.errors import Defect, Outdated
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.work import UnitOfWork

_C, _K, _P, _R = tables.consent.c, tables.record_key.c, tables.patient.c, tables.patient_rights.c
_ROWS = (
    select(*tables.consent.c, _K.wrapped, _P.root, _P.extension)
    .join(tables.record_key, _K.patient_key == _C.patient_key)
    .join(tables.patient, _P.key == _C.patient_key)
)
_OF_PATIENTS = _ROWS.where(_C.patient_key.in_(bindparam("keys", expanding=True))).order_by(_C.key)
_OF_ID = _ROWS.where(_C.id == bindparam("id")).order_by(_C.version)
_KEYS = select(_K.patient_key, _K.wrapped).where(_K.patient_key == bindparam("key"))
_RIGHTS = select(_R.rights, _R.version).where(_R.patient_key == bindparam("key"))
_VERSION = select(tables.rights_version.c.rights).where(
    tables.rights_version.c.patient_key == bindparam("key"),
    tables.rights_version.c.version == bindparam("version"),
)
_PAST = (
    select(tables.rights_version.c.version, tables.rights_version.c.rights)
    .where(
        tables.rights_version.c.patient_key == bindparam("key"),
        tables.rights_version.c.changed_at <= bindparam("at"),
    )
    .order_by(tables.rights_version.c.version.desc())
    .limit(1)
)
_INSERT = insert(tables.consent)
_FIRST = insert(tables.patient_rights)
_HISTORY = insert(tables.rights_version)
_CHANGE = (
    update(tables.patient_rights)
    .where(_R.patient_key == bindparam("key"), _R.version == bindparam("known"))
    .values(rights=bindparam("new"), changed_at=bindparam("at"), version=bindparam("next"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    """One stored version; `content` is opened. Times are epoch milliseconds."""

    id: str
    version: int
    patient_key: int
    root: str
    extension: str
    status: str
    content: bytes
    at: int
    trace_id: str


class ConsentStore:
    """Reads versions, and notes new ones; nothing is ever changed but what all of them come to."""

    def __init__(self, database: Database, keys: KeyTree, new_key: Callable[[], int]) -> None:
        self._database = database
        self._keys = keys
        self._new_key = new_key

    async def of_patients(self, keys: Sequence[int]) -> list[ConsentRow]:
        """Every version of every consent of some patients, by record key; oldest first."""
        return await self._read(_OF_PATIENTS, {"keys": list(keys)}) if keys else []

    async def versions(self, identifier: str) -> list[ConsentRow]:
        """All versions of one consent, oldest first."""
        return await self._read(_OF_ID, {"id": identifier})

    async def rights(self, key: int) -> tuple[str, int] | None:
        """What a patient's consents come to, as text, and its version."""
        rows = await self._database.fetch(_RIGHTS, {"key": key})
        return (rows[0].rights, rows[0].version) if rows else None

    async def rights_version(self, key: int, version: int) -> str | None:
        """What they came to in an earlier version."""
        rows = await self._database.fetch(_VERSION, {"key": key, "version": version})
        return rows[0].rights if rows else None

    async def rights_at(self, key: int, at: datetime) -> tuple[str, int] | None:
        """What they came to at an instant (aware UTC), and which version that is."""
        rows = await self._database.fetch(_PAST, {"key": key, "at": int(at.timestamp() * 1000)})
        return (rows[0].rights, rows[0].version) if rows else None

    async def add(self, work: UnitOfWork, row: ConsentRow) -> None:
        """Notes a version; Outdated at the commit if another one came first."""
        found = await self._database.fetch(_KEYS, {"key": row.patient_key})
        if not found:
            raise Defect("a patient has no record key; the record was erased")
        record_key = self._keys.record_key(found[0].wrapped)
        values = {
            "key": self._new_key(),
            "id": row.id,
            "version": row.version,
            "patient_key": row.patient_key,
            "status": row.status,
            "content": seal_text(record_key, _context(row.id, row.version, row.patient_key), row.content),
            "at": row.at,
            "trace_id": row.trace_id,
        }
        work.write(_INSERT, values, otherwise=_outdated())

    def keep_rights(self, work: UnitOfWork, key: int, rights: str, known: int, at: datetime) -> int:
        """Notes what all consents come to now; `known` is the version before (0: none). Gives the new one."""
        now, version = int(at.timestamp() * 1000), known + 1
        row = {"patient_key": key, "rights": rights, "changed_at": now, "version": version}
        if known:
            change = {"key": key, "known": known, "new": rights, "at": now, "next": version}
            work.write(_CHANGE, change, otherwise=_outdated(), expect=1)
        else:
            work.write(_FIRST, row, otherwise=_outdated())
        work.write(_HISTORY, row, otherwise=_outdated())
        return version

    async def _read(self, query: object, values: dict[str, object]) -> list[ConsentRow]:
        rows = await self._database.fetch(query, values)  # type: ignore[arg-type]
        return [
            ConsentRow(
                id=row.id,
                version=row.version,
                patient_key=row.patient_key,
                root=row.root,
                extension=row.extension,
                status=row.status,
                content=open_text(
                    self._keys.record_key(row.wrapped),
                    _context(row.id, row.version, row.patient_key),
                    row.content,
                ),
                at=row.at,
                trace_id=row.trace_id,
            )
            for row in rows
        ]


def _outdated() -> Outdated:
    return Outdated("the patient's decisions were changed meanwhile; try again")


def _context(identifier: str, version: int, key: int) -> bytes:
    return f"consent|{identifier}|{version}|{key}".encode()
