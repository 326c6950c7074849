"""How identities became who they are: events, and what somebody said of two of them (append only)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, or_, select

from gateway.errors import Outdated
from gateway.record.patients import Identity, State
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

_E, _A = tables.patient_event.c, tables.patient_assertion.c
_INSERT = insert(tables.patient_event)
_INSERT_ASSERTION = insert(tables.patient_assertion)
_DROP_ASSERTION = delete(tables.patient_assertion).where(
    _A.first == bindparam("b_first"), _A.second == bindparam("b_second")
)
_DROP_OF = delete(tables.patient_assertion).where(_A.operation == bindparam("b_operation"))
_ABOUT = select(tables.patient_assertion).where(
    or_(_A.first.in_(bindparam("keys", expanding=True)), _A.second.in_(bindparam("others", expanding=True)))
)
_OF_OPERATION = select(tables.patient_event).where(_E.operation == bindparam("operation")).order_by(_E.key)
_OF_OPERATIONS = (
    select(tables.patient_event)
    .where(_E.operation.in_(bindparam("operations", expanding=True)))
    .order_by(_E.key)
)
_OF_PATIENTS = (
    select(tables.patient_event).where(_E.patient_key.in_(bindparam("keys", expanding=True))).order_by(_E.key)
)
_OF_PERSON = select(tables.patient_event).where(_E.person_before == bindparam("person")).order_by(_E.key)
_LEFT = (
    select(_E.person_after).where(_E.person_before == bindparam("person")).order_by(_E.key.desc()).limit(1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one identity. `before` is None where it came into being."""

    key: int
    operation: int
    kind: str
    at: int
    trace_id: str
    actor: str
    patient: int
    head_before: int | None
    head_after: int
    person_before: int | None
    person_after: int
    state_before: str | None
    state_after: str
    undoes: int | None = None
    decision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """Somebody said of two identities (`first` < `second`, record keys) that they are the same, or not."""

    first: int
    second: int
    same: bool
    operation: int
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one request does to identities: by whom, when, in which exchange. `key` names it for undoing."""

    key: int
    kind: str
    actor: str
    trace_id: str
    at: datetime
    undoes: int | None = None


class IdentityHistory:
    """Reads at once; what is added is noted in the unit of work."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def moved(
        self,
        work: UnitOfWork,
        operation: Operation,
        key: int,
        before: Identity | None,
        after: Identity,
        decision: str | None = None,
    ) -> None:
        """Notes an event; `before` is None for an identity that was not there."""
        work.write(
            _INSERT,
            {
                "key": key,
                "operation": operation.key,
                "kind": operation.kind,
                "at": millis(operation.at),
                "trace_id": operation.trace_id,
                "actor": operation.actor,
                "patient_key": after.key,
                "head_before": before.head if before else None,
                "head_after": after.head,
                "person_before": before.person if before else None,
                "person_after": after.person,
                "state_before": before.state.value if before else None,
                "state_after": after.state.value,
                "undoes": operation.undoes,
                "decision": decision,
            },
        )

    async def of_operation(self, operation: int) -> list[Event]:
        """The events of one operation, in order."""
        return _events(await self._database.fetch(_OF_OPERATION, {"operation": operation}))

    async def of_operations(self, operations: Iterable[int]) -> list[Event]:
        """The events of some operations, in order."""
        return _events(await self._database.fetch(_OF_OPERATIONS, {"operations": sorted(set(operations))}))

    async def of_patients(self, keys: Iterable[int]) -> list[Event]:
        """Everything that happened to some identities, in order."""
        return _events(await self._database.fetch(_OF_PATIENTS, {"keys": sorted(set(keys))}))

    async def of_person(self, person: int) -> list[Event]:
        """Everything by which an identity left a person, in order."""
        return _events(await self._database.fetch(_OF_PERSON, {"person": person}))

    async def successor(self, person: int) -> int | None:
        """The person whom the last identity of a person that is no more went to."""
        rows = await self._database.fetch(_LEFT, {"person": person})
        return int(rows[0].person_after) if rows else None

    async def assertions(self, keys: Iterable[int]) -> list[Assertion]:
        """What was said of some identities and any other."""
        given = sorted(set(keys))
        if not given:
            return []
        rows = await self._database.fetch(_ABOUT, {"keys": given, "others": given})
        return [
            Assertion(
                first=row.first,
                second=row.second,
                same=bool(row.same),
                operation=row.operation,
                actor=row.actor,
                reason=row.reason,
            )
            for row in rows
        ]

    def assert_pair(
        self,
        work: UnitOfWork,
        operation: Operation,
        key: int,
        pair: tuple[int, int],
        *,
        same: bool,
        reason: str,
    ) -> None:
        """Notes what is said of two identities; `retract` first what was said before."""
        first, second = sorted(pair)
        work.write(
            _INSERT_ASSERTION,
            {
                "key": key,
                "first": first,
                "second": second,
                "same": same,
                "at": millis(operation.at),
                "operation": operation.key,
                "actor": operation.actor,
                "reason": reason,
            },
            otherwise=Outdated("the same is being said of these identities by another request"),
        )

    def retract(self, work: UnitOfWork, pair: tuple[int, int]) -> None:
        """Notes that nothing is said any more of two identities."""
        first, second = sorted(pair)
        work.write(_DROP_ASSERTION, {"b_first": first, "b_second": second})

    def retract_of(self, work: UnitOfWork, operation: int) -> None:
        """Notes that what an operation said holds no more."""
        work.write(_DROP_OF, {"b_operation": operation})


def _events(rows: Sequence[Row[Any]]) -> list[Event]:
    return [
        Event(
            key=row.key,
            operation=row.operation,
            kind=row.kind,
            at=row.at,
            trace_id=row.trace_id,
            actor=row.actor,
            patient=row.patient_key,
            head_before=row.head_before,
            head_after=row.head_after,
            person_before=row.person_before,
            person_after=row.person_after,
            state_before=row.state_before,
            state_after=row.state_after,
            undoes=row.undoes,
            decision=row.decision,
        )
        for row in rows
    ]


def came_from(event: Event, after: Identity) -> Identity:
    """The identity as it was before an event."""
    return Identity(
        key=after.key,
        head=event.head_before if event.head_before is not None else after.key,
        person=event.person_before if event.person_before is not None else after.key,
        id=after.id,
        state=State(event.state_before or State.ACTIVE.value),
        version=after.version,
    )
