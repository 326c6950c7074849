"""Patients as the registry knows them: records, what was merged into them, what they decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, bindparam, select

from gateway.crypto.envelope import KeyTree, open_text
from gateway.errors import Defect
from gateway.record.access import Scope
from gateway.record.demographics import Demographics, load
from gateway.record.patients import PatientRecord, State
from gateway.record.people import PatientId
from gateway.stores import tables
from gateway.stores.database import Database


def _find() -> Any:
    """One row for every identity of the record that the asked identifier belongs to."""
    asked, head, member = (tables.patient.alias(name) for name in ("asked", "head", "member"))
    return (
        select(
            asked.c.key,
            asked.c.head,
            asked.c.state,
            head.c.root,
            head.c.extension,
            member.c.key.label("member"),
            tables.patient_rights.c.rights,
            tables.patient_rights.c.version,
        )
        .join(head, head.c.key == asked.c.head)
        .join(member, member.c.head == asked.c.head)
        .outerjoin(tables.patient_rights, tables.patient_rights.c.patient_key == member.c.key)
        .where(asked.c.root == bindparam("root"), asked.c.extension == bindparam("extension"))
    )


def _sealed() -> Any:
    return (
        select(tables.patient.c.demographics, tables.record_key.c.wrapped)
        .join(tables.record_key, tables.record_key.c.patient_key == tables.patient.c.key)
        .where(tables.patient.c.key == bindparam("key"))
    )


def _context(key: int) -> bytes:
    return b"demographics|%d" % key


def _by_keys() -> Any:
    """As `_find`, for record keys; one row for every identity of each record."""
    asked, head, member = (tables.patient.alias(name) for name in ("asked", "head", "member"))
    return (
        select(
            head.c.key,
            head.c.key.label("head"),
            head.c.root,
            head.c.extension,
            member.c.key.label("member"),
            tables.patient_rights.c.rights,
            tables.patient_rights.c.version,
        )
        .distinct()
        .join(head, head.c.key == asked.c.head)
        .join(member, member.c.head == asked.c.head)
        .outerjoin(tables.patient_rights, tables.patient_rights.c.patient_key == member.c.key)
        .where(asked.c.key.in_(bindparam("keys", expanding=True)))
    )


def _record(rows: Sequence[Row[Any]]) -> PatientRecord:
    first = rows[0]
    shown = PatientId(extension=first.extension, root=first.root)
    return PatientRecord(
        key=first.key,
        head=first.head,
        identity=shown,
        shown=shown,
        keys=(first.head, *(row.member for row in rows if row.member != first.head)),
        rights=tuple(row.rights for row in rows if row.rights),
        versions=tuple((row.member, row.version) for row in rows if row.rights),
    )


_FIND = _find()
_BY_KEYS = _by_keys()
_SEALED = _sealed()
_OF_PERSONS = select(tables.patient.c.key).where(
    tables.patient.c.person.in_(bindparam("persons", expanding=True))
)


class PatientStore:
    """Reads only; the index of patients changes them (`gateway.mpi`)."""

    def __init__(self, database: Database, keys: KeyTree) -> None:
        self._database = database
        self._keys = keys

    async def find(self, identity: PatientId) -> PatientRecord | None:
        """The record an identifier belongs to; None when no feed made it known."""
        rows = await self._database.fetch(_FIND, {"root": identity.root, "extension": identity.extension})
        if not rows:
            return None
        return replace(_record(rows), identity=identity, removed=rows[0].state == State.REMOVED.value)

    async def owners(self, keys: Sequence[int]) -> list[PatientRecord]:
        """The records that some record keys belong to, each once, under its surviving identifier."""
        rows = await self._database.fetch(_BY_KEYS, {"keys": list(keys)})
        members: dict[int, list[Row[Any]]] = {}
        for row in rows:
            members.setdefault(row.head, []).append(row)
        return [_record(each) for each in members.values()]

    async def of_persons(self, persons: Sequence[int]) -> list[PatientRecord]:
        """The records of some persons, under every identifier they have."""
        rows = await self._database.fetch(_OF_PERSONS, {"persons": list(persons)})
        return await self.owners([row.key for row in rows])

    async def demographics(self, scope: Scope, record: PatientRecord) -> Demographics:
        """What the feeds told about the person."""
        if not scope.unrestricted and record.key not in scope.grants:
            return Demographics()
        rows = await self._database.fetch(_SEALED, {"key": record.head})
        if not rows:
            raise Defect("a patient has no record key; the record was erased")
        record_key = self._keys.record_key(rows[0].wrapped)
        return load(open_text(record_key, _context(record.head), rows[0].demographics))
