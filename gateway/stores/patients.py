"""Known patients, their merges and what they decided (ITI TF-2 3.8, 3.42.4.1.3.3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, bindparam, insert, select, update

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.errors import Defect, Meaning, Problem, Refused
from gateway.record.access import Scope
from gateway.record.patients import Demographics, PatientRecord
from gateway.record.people import PatientId
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.work import UnitOfWork

_DEMOGRAPHICS = ("family", "given", "birth_date", "sex", "address", "telephone")


def _find() -> Any:
    """One row for every identity of the record that the asked identifier belongs to."""
    asked, head, member = (tables.patient.alias(name) for name in ("asked", "head", "member"))
    return (
        select(
            asked.c.key,
            asked.c.head,
            head.c.root,
            head.c.extension,
            member.c.key.label("member"),
            tables.patient_rights.c.rights,
        )
        .join(head, head.c.key == asked.c.head)
        .join(member, member.c.head == asked.c.head)
        .outerjoin(tables.patient_rights, tables.patient_rights.c.patient_key == asked.c.head)
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
        )
        .distinct()
        .join(head, head.c.key == asked.c.head)
        .join(member, member.c.head == asked.c.head)
        .outerjoin(tables.patient_rights, tables.patient_rights.c.patient_key == asked.c.head)
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
        rights=first.rights,
    )


_FIND = _find()
_BY_KEYS = _by_keys()
_SEALED = _sealed()
_STILL_HEAD = (
    update(tables.patient)
    .where(tables.patient.c.key == bindparam("b_key"), tables.patient.c.head == bindparam("b_key"))
    .values(head=tables.patient.c.head)
)
_INSERT = insert(tables.patient)
_INSERT_KEY = insert(tables.record_key)


class PatientStore:
    """Reads at once; changes are noted in the unit of work."""

    def __init__(self, database: Database, keys: KeyTree, new_key: Callable[[], int]) -> None:
        self._database = database
        self._keys = keys
        self._new_key = new_key

    async def find(self, identity: PatientId) -> PatientRecord | None:
        """The record an identifier belongs to; None when no feed made it known."""
        rows = await self._database.fetch(_FIND, {"root": identity.root, "extension": identity.extension})
        if not rows:
            return None
        return replace(_record(rows), identity=identity)

    async def owners(self, keys: Sequence[int]) -> list[PatientRecord]:
        """The records that some record keys belong to, each once, under its surviving identifier."""
        rows = await self._database.fetch(_BY_KEYS, {"keys": list(keys)})
        members: dict[int, list[Row[Any]]] = {}
        for row in rows:
            members.setdefault(row.head, []).append(row)
        return [_record(each) for each in members.values()]

    async def demographics(self, scope: Scope, record: PatientRecord) -> Demographics:
        """What the feeds told about the person."""
        if not scope.unrestricted and record.key not in scope.grants:
            return Demographics()
        return (await self._open(record.head))[1]

    async def _open(self, key: int) -> tuple[bytes, Demographics]:
        """The record key and the demographics under it."""
        rows = await self._database.fetch(_SEALED, {"key": key})
        if not rows:
            raise Defect("a patient has no record key; the record was erased")
        record_key = self._keys.record_key(rows[0].wrapped)
        opened = open_text(record_key, _context(key), rows[0].demographics)
        return record_key, Demographics(**orjson.loads(opened))

    def add(
        self, work: UnitOfWork, scope: Scope, identity: PatientId, told: Demographics, at: datetime
    ) -> int:
        """A new patient with a record key of its own."""
        _demand(scope)
        key = self._new_key()
        record_key, wrapped = self._keys.new_record_key()
        row = {
            "key": key,
            "head": key,
            "root": identity.root,
            "extension": identity.extension,
            "demographics": seal_text(record_key, _context(key), _dump(told, Demographics())),
            "created_at": int(at.timestamp() * 1000),
        }
        clash = Refused(Problem(Meaning.BUSY, "the same patient is being fed by another message", "PID^1^3"))
        work.write(_INSERT, row, otherwise=clash)
        work.write(
            _INSERT_KEY,
            {"patient_key": key, "master_version": self._keys.version, "wrapped": wrapped},
        )
        return key

    async def change(self, work: UnitOfWork, scope: Scope, record: PatientRecord, told: Demographics) -> None:
        """New demographics; a field that was not sent keeps its value (HL7 v2: absent against null)."""
        _demand(scope)
        record_key, stored = await self._open(record.head)
        sealed = seal_text(record_key, _context(record.head), _dump(told, stored))
        statement = (
            update(tables.patient).where(tables.patient.c.key == record.head).values(demographics=sealed)
        )
        work.write(statement)

    def merge(self, work: UnitOfWork, scope: Scope, survivor: PatientRecord, subsumed: PatientRecord) -> None:
        """All identities of one record join another; refused when either was merged meanwhile."""
        _demand(scope)
        clash = Refused(
            Problem(Meaning.DUPLICATE_KEY, "one of the two identifiers is already subsumed", "MRG^1^1^1^1")
        )
        # In the order of the keys, so that two merges that cross wait for each other only one way.
        for key in sorted({survivor.head, subsumed.head}):
            work.write(_STILL_HEAD, {"b_key": key}, otherwise=clash, expect=1)
        statement = (
            update(tables.patient).where(tables.patient.c.head == subsumed.head).values(head=survivor.head)
        )
        work.write(statement, otherwise=clash, expect=len(subsumed.keys))


def _demand(scope: Scope) -> None:
    """Only a decision that lets a node feed patients gives an unrestricted scope."""
    if not scope.unrestricted:
        raise PermissionError("this scope does not allow changes of patients")


def _dump(told: Demographics, stored: Demographics) -> bytes:
    merged = {}
    for name in _DEMOGRAPHICS:
        sent = getattr(told, name)
        value = getattr(stored, name) if sent is None else (sent or None)
        if value is not None:
            merged[name] = value
    return orjson.dumps(merged)
