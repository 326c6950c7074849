"""Emergency accesses, sealed under the key of the patient's record, with their uses, notices and reviews."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Row, bindparam, insert, select, update

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.errors import Defect, Outdated
from gateway.record.emergencies import Claim, Claimant, Emergency, EmergencyNotice, Judgement, Use
from gateway.record.people import PatientId
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

_E, _N, _U = tables.emergency.c, tables.patient_notice.c, tables.emergency_use.c
_K, _P = tables.record_key.c, tables.patient.c
_MOST_CLAIMS = 500
_INSERT, _INSERT_USE = insert(tables.emergency), insert(tables.emergency_use)
_INSERT_NOTICE = insert(tables.patient_notice)
_KEY = select(_K.wrapped).where(_K.patient_key == bindparam("key"))
_CLAIMS = (
    select(_E.key, _E.number, _E.patient_key, _E.at, _E.until, _E.stopped_at, _P.root, _P.extension)
    .join(tables.patient, _P.key == _E.patient_key)
    .where(_E.subject == bindparam("subject"))
    .order_by(_E.number.desc())
    .limit(_MOST_CLAIMS)
)
_ROWS = (
    select(*tables.emergency.c, _K.wrapped, _P.root, _P.extension)
    .join(tables.record_key, _K.patient_key == _E.patient_key)
    .join(tables.patient, _P.key == _E.patient_key)
)
_LISTED = (
    _ROWS.where(_E.judgement.in_(bindparam("states", expanding=True)), _E.key > bindparam("after"))
    .order_by(_E.key)
    .limit(bindparam("most"))
)
_BY_KEY = _ROWS.where(_E.key == bindparam("key"))
_RUN_OUT = _ROWS.where(_E.stopped_at.is_(None), _E.until <= bindparam("now")).limit(bindparam("most"))
_USES = select(*tables.emergency_use.c).where(_U.emergency == bindparam("key")).order_by(_U.key)
_COUNTED = select(_E.organisation, _E.role, _E.at, _E.judgement, _E.deadline).where(
    _E.at >= bindparam("since")
)
_NOTICES = (
    select(_N.key, _N.patient_key, _N.content, _N.at, _K.wrapped)
    .join(tables.record_key, _K.patient_key == _N.patient_key)
    .where(_N.patient_key.in_(bindparam("keys", expanding=True)))
    .order_by(_N.key)
)
_STOP = (
    update(tables.emergency)
    .where(_E.key == bindparam("b_key"), _E.stopped_at.is_(None))
    .values(stopped_at=bindparam("b_at"), stop=bindparam("b_stop"))
)
_JUDGE = (
    update(tables.emergency)
    .where(_E.key == bindparam("b_key"), _E.judgement == Judgement.OPEN.value)
    .values(
        judgement=bindparam("b_judgement"),
        judged_at=bindparam("b_at"),
        judged_by=bindparam("b_by"),
        judged_why=bindparam("b_why"),
    )
)


@dataclass(frozen=True, slots=True)
class Counted:
    """What statistics may know of one emergency."""

    organisation: str | None
    role: str
    at: datetime
    judgement: Judgement
    deadline: datetime


class EmergencyStore:
    """Reads at once; changes are noted in the unit of work. An emergency is never deleted."""

    def __init__(self, database: Database, keys: KeyTree, new_key: Callable[[], int]) -> None:
        self._database = database
        self._keys = keys
        self._new_key = new_key

    async def claims(self, subject: str) -> list[Claim]:
        """The emergencies of a person, the newest first; those before the last 500 are left out."""
        return [_claim(row) for row in await self._database.fetch(_CLAIMS, {"subject": subject})]

    async def open(
        self,
        work: UnitOfWork,
        *,
        number: int,
        patient_key: int,
        claimant: Claimant,
        at: datetime,
        until: datetime,
        deadline: datetime,
        trace_id: str,
    ) -> int:
        """Notes a new emergency; Outdated when the person began another one at the same moment."""
        key, record_key = self._new_key(), await self._record_key(patient_key)
        facts = {
            "name": claimant.name,
            "role_name": claimant.role_name,
            "organisation_name": claimant.organisation_name,
            "reason": claimant.reason,
        }
        row = {
            "key": key,
            "patient_key": patient_key,
            "subject": claimant.subject,
            "number": number,
            "role": claimant.role,
            "organisation": claimant.organisation,
            "facts": seal_text(record_key, _context("facts", key), orjson.dumps(facts)),
            "at": millis(at),
            "until": millis(until),
            "deadline": millis(deadline),
            "trace_id": trace_id,
        }
        work.write(_INSERT, row, otherwise=Outdated("another emergency of the same person began meanwhile"))
        return key

    def use(self, work: UnitOfWork, key: int, transaction: str, trace_id: str, at: datetime) -> None:
        """Notes a request that belongs to an emergency."""
        row = {"key": self._new_key(), "emergency": key, "at": millis(at)}
        work.write(_INSERT_USE, {**row, "trace_id": trace_id, "transaction": transaction})

    async def notify(
        self, work: UnitOfWork, key: int, patient: PatientId, patient_key: int, who: Claimant, at: datetime
    ) -> EmergencyNotice:
        """Notes what the patient is told of an emergency."""
        notice = EmergencyNotice(
            key=self._new_key(),
            patient=patient,
            at=at,
            name=who.name,
            role_name=who.role_name,
            organisation=who.organisation,
            organisation_name=who.organisation_name,
        )
        told = {
            "patient": [patient.extension, patient.root],
            "name": who.name,
            "role_name": who.role_name,
            "organisation": who.organisation,
            "organisation_name": who.organisation_name,
        }
        record_key = await self._record_key(patient_key)
        sealed = seal_text(record_key, _context("notice", notice.key), orjson.dumps(told))
        row = {"key": notice.key, "patient_key": patient_key, "emergency": key, "at": millis(at)}
        work.write(_INSERT_NOTICE, {**row, "content": sealed})
        return notice

    def stop(self, work: UnitOfWork, key: int, stop: str, at: datetime, *, once: bool = True) -> None:
        """Notes that an emergency ended; Outdated when it had ended already, if it may end `once` only."""
        row = {"b_key": key, "b_at": millis(at), "b_stop": stop}
        ended = Outdated("the emergency ended meanwhile")
        work.write(_STOP, row, otherwise=ended, expect=1 if once else None)

    async def run_out(self, now: datetime, most: int) -> list[Emergency]:
        """Emergencies whose time is over and that nobody has ended."""
        rows = await self._database.fetch(_RUN_OUT, {"now": millis(now), "most": most})
        return [self._emergency(row) for row in rows]

    async def listed(self, states: Iterable[Judgement], after: int, most: int) -> list[Emergency]:
        """Emergencies by what the review said, in the order they began, from one on."""
        given = {"states": [each.value for each in states], "after": after, "most": most}
        return [self._emergency(row) for row in await self._database.fetch(_LISTED, given)]

    async def find(self, key: int) -> Emergency | None:
        """One emergency."""
        rows = await self._database.fetch(_BY_KEY, {"key": key})
        return self._emergency(rows[0]) if rows else None

    async def uses(self, key: int) -> list[Use]:
        """The requests of an emergency, oldest first."""
        rows = await self._database.fetch(_USES, {"key": key})
        return [Use(at=_instant(row.at), trace_id=row.trace_id, transaction=row.transaction) for row in rows]

    async def judge(
        self, work: UnitOfWork, key: int, judgement: Judgement, by: str, why: str, at: datetime
    ) -> None:
        """Notes what the review said; Outdated when somebody else has said it meanwhile."""
        found = await self.find(key)
        if found is None:
            raise Defect("there is no such emergency")
        record_key = await self._record_key(found.patient_key)
        row = {
            "b_key": key,
            "b_judgement": judgement.value,
            "b_at": millis(at),
            "b_by": by,
            "b_why": seal_text(record_key, _context("review", key), why.encode()),
        }
        work.write(_JUDGE, row, expect=1, otherwise=Outdated("the emergency was reviewed meanwhile"))

    async def counted(self, since: datetime) -> list[Counted]:
        """All emergencies since a time, without anything about patients or persons."""
        rows = await self._database.fetch(_COUNTED, {"since": millis(since)})
        return [
            Counted(
                row.organisation, row.role, _instant(row.at), Judgement(row.judgement), _instant(row.deadline)
            )
            for row in rows
        ]

    async def notices(self, keys: Sequence[int]) -> list[EmergencyNotice]:
        """What some patients were told, by record key; oldest first."""
        rows = await self._database.fetch(_NOTICES, {"keys": list(keys)}) if keys else ()
        return [self._notice(row) for row in rows]

    async def _record_key(self, patient_key: int) -> bytes:
        found = await self._database.fetch(_KEY, {"key": patient_key})
        if not found:
            raise Defect("a patient has no record key; the record was erased")
        return self._keys.record_key(found[0].wrapped)

    def _emergency(self, row: Row[Any]) -> Emergency:
        record_key = self._keys.record_key(row.wrapped)
        facts = orjson.loads(open_text(record_key, _context("facts", row.key), row.facts))
        why = b""
        if row.judged_why is not None:
            why = open_text(record_key, _context("review", row.key), row.judged_why)
        return Emergency(
            key=row.key,
            patient=PatientId(row.extension, row.root),
            patient_key=row.patient_key,
            claimant=Claimant(subject=row.subject, role=row.role, organisation=row.organisation, **facts),
            at=_instant(row.at),
            until=_instant(row.until),
            deadline=_instant(row.deadline),
            trace_id=row.trace_id,
            stopped_at=_instant(row.stopped_at) if row.stopped_at is not None else None,
            stop=row.stop,
            judgement=Judgement(row.judgement),
            judged_at=_instant(row.judged_at) if row.judged_at is not None else None,
            judged_by=row.judged_by,
            judged_why=why.decode(),
        )

    def _notice(self, row: Row[Any]) -> EmergencyNotice:
        sealed = open_text(self._keys.record_key(row.wrapped), _context("notice", row.key), row.content)
        told = orjson.loads(sealed)
        extension, root = told.pop("patient")
        return EmergencyNotice(key=row.key, patient=PatientId(extension, root), at=_instant(row.at), **told)


def _claim(row: Row[Any]) -> Claim:
    return Claim(
        key=row.key,
        number=row.number,
        patient_key=row.patient_key,
        patient=PatientId(row.extension, row.root),
        at=_instant(row.at),
        until=_instant(row.until),
        stopped=row.stopped_at is not None,
    )


def _instant(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


def _context(kind: str, key: int) -> bytes:
    return f"emergency|{kind}|{key}".encode()
