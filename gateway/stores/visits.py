"""Visits of patients, each step a row sealed under the patient's record key (ITI TF-2 3.31, 3.22)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.errors import Outdated
from gateway.record.people import PatientId
from gateway.record.visits import Visit, dump, load
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.identities import IdentityStore
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

_V, _K = tables.visit.c, tables.record_key.c
_INSERT = insert(tables.visit)
_ROWS = select(_V.patient_key, _V.number, _V.step, _V.at, _V.facts, _K.wrapped).join(
    tables.record_key, _K.patient_key == _V.patient_key
)
_OF_VISIT = _ROWS.where(_V.patient_key == bindparam("key"), _V.number == bindparam("number"))
_OF_PATIENTS = _ROWS.where(_V.patient_key.in_(bindparam("keys", expanding=True)))


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """The steps of one visit of one identity, by number; `record_key` is the identity's own."""

    patient_key: int
    record_key: bytes
    number: str
    steps: dict[int, Visit]

    @property
    def current(self) -> Visit | None:
        """How the visit stands; None when nothing was told of it."""
        return self.steps[max(self.steps)] if self.steps else None


def _context(key: int, number: str, step: int) -> bytes:
    return b"visit|%d|%d|" % (key, step) + number.encode()


class VisitStore:
    """Reads at once; a step is noted in the unit of work. Nothing is changed or deleted."""

    def __init__(self, database: Database, keys: KeyTree, identities: IdentityStore) -> None:
        self._database = database
        self._keys = keys
        self._identities = identities

    async def find(self, work: UnitOfWork, patient: PatientId, number: str) -> VisitRecord | None:
        """A visit of an identity, perhaps without any step; None when the identity is not in use."""
        record = await self._identities.record_of(work, patient)
        if record is None:
            return None
        key, record_key = record
        rows = await self._database.fetch(_OF_VISIT, {"key": key, "number": number})
        steps = {
            row.step: load(
                open_text(record_key, _context(key, number, row.step), row.facts), number, row.step
            )
            for row in rows
        }
        return VisitRecord(key, record_key, number, steps)

    async def latest(self, keys: Iterable[int]) -> list[tuple[int, Visit]]:
        """How the visits of some identities stand, each with the key of its identity, the newest first."""
        given = sorted(set(keys))
        if not given:
            return []
        rows = await self._database.fetch(_OF_PATIENTS, {"keys": given})
        last = {(row.patient_key, row.number): row for row in sorted(rows, key=lambda row: row.step)}
        newest = sorted(last.values(), key=lambda row: (row.at, row.patient_key, row.number), reverse=True)
        return [
            (
                row.patient_key,
                load(
                    open_text(
                        self._keys.record_key(row.wrapped),
                        _context(row.patient_key, row.number, row.step),
                        row.facts,
                    ),
                    row.number,
                    row.step,
                ),
            )
            for row in newest
        ]

    def note(self, work: UnitOfWork, record: VisitRecord, visit: Visit, event: str, at: datetime) -> None:
        """Notes a further step; Outdated when another message was faster."""
        context = _context(record.patient_key, record.number, visit.step)
        row = {
            "key": self._identities.new_key(),
            "patient_key": record.patient_key,
            "number": record.number,
            "step": visit.step,
            "event": event,
            "at": millis(at),
            "facts": seal_text(record.record_key, context, dump(visit)),
        }
        work.write(_INSERT, row, otherwise=Outdated("the visit was changed by another message"))
