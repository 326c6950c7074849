"""Incidents and their steps: rows that are added; only the state of an incident moves on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam, func, insert, select, update

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.errors import Outdated
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.work import UnitOfWork

_I, _S = tables.incident.c, tables.incident_step.c
_INSERT, _INSERT_STEP = insert(tables.incident), insert(tables.incident_step)
_ONE = select(tables.incident).where(_I.number == bindparam("number"))
_LISTED = select(tables.incident).order_by(_I.number.desc())
_STEPS = select(tables.incident_step).where(_S.incident == bindparam("number")).order_by(_S.number)
_MOVE = (
    update(tables.incident)
    .where(_I.number == bindparam("b_number"), _I.steps == bindparam("b_before"))
    .values(state=bindparam("b_state"), steps=bindparam("b_steps"))
)
_FASTER = "somebody else worked on this incident at the same time"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """An incident as it is kept; times are milliseconds since 1970."""

    number: int
    title: str
    severity: str
    state: str
    opened_at: int
    opened_by: str
    after: int | None
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A step as it is kept; its content is sealed."""

    incident: int
    number: int
    at: int
    actor: str
    kind: str
    content: Mapping[str, str]
    digest: bytes
    audit_id: int


class IncidentStore:
    """Notes and reads incidents."""

    def __init__(self, database: Database, keys: KeyTree) -> None:
        self._database = database
        self._key = keys.derived(b"steps of incidents")

    async def next_number(self) -> int:
        """The number of the next incident."""
        rows = await self._database.fetch(select(func.max(_I.number).label("last")))
        return (rows[0].last or 0) + 1

    async def one(self, number: int) -> IncidentRow | None:
        """An incident by its number."""
        rows = await self._database.fetch(_ONE, {"number": number})
        return _incident(rows[0]) if rows else None

    async def listed(self) -> Sequence[IncidentRow]:
        """The newest first."""
        return [_incident(row) for row in await self._database.fetch(_LISTED)]

    async def steps(self, number: int) -> list[StepRow]:
        """The steps of an incident, in order."""
        return [self._step(row) for row in await self._database.fetch(_STEPS, {"number": number})]

    def open(self, work: UnitOfWork, incident: IncidentRow) -> None:
        """Notes a new incident."""
        row = {name: getattr(incident, name) for name in _INCIDENT}
        work.write(_INSERT, row, otherwise=Outdated(_FASTER))

    def append(self, work: UnitOfWork, step: StepRow) -> None:
        """Notes a step."""
        row = {name: getattr(step, name) for name in _STEP}
        row["content"] = seal_text(self._key, _context(step), orjson.dumps(dict(step.content)))
        work.write(_INSERT_STEP, row, otherwise=Outdated(_FASTER))

    def move(self, work: UnitOfWork, number: int, before: int, steps: int, state: str) -> None:
        """Notes the state after some steps; Outdated unless there were `before` until now."""
        row = {"b_number": number, "b_before": before, "b_steps": steps, "b_state": state}
        work.write(_MOVE, row, expect=1, otherwise=Outdated(_FASTER))

    def _step(self, row: Any) -> StepRow:
        held = {name: getattr(row, name) for name in _STEP if name != "content"}
        step = StepRow(**held, content={})
        content = orjson.loads(open_text(self._key, _context(step), row.content))
        return StepRow(**held, content=content)


_INCIDENT = tuple(each.name for each in tables.incident.c)
_STEP = tuple(each.name for each in tables.incident_step.c)


def _incident(row: Any) -> IncidentRow:
    return IncidentRow(**{name: getattr(row, name) for name in _INCIDENT})


def _context(step: StepRow) -> bytes:
    return b"%d|%d" % (step.incident, step.number)
