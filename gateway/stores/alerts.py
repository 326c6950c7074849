"""What the watch keeps: memories of its rules, and alerts (the same finding again counts in the open one)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, insert, select, text, update

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.errors import Outdated
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.work import UnitOfWork

OPEN, INCIDENT, DISMISSED = "open", "incident", "dismissed"
"""States of an alert: nobody looked at it, part of an incident, nothing in it."""

_A, _M, _S = tables.alert.c, tables.meta.c, tables.watch_state.c
_PLACE = "watch-position"
_AT_ONCE = 500
_KEEP_PLACE = text(
    "INSERT INTO meta (name, value) VALUES (:name, :value)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_KEEP_STATE = text(
    "INSERT INTO watch_state (subject, state, at) VALUES (:subject, :state, :at)"
    " ON CONFLICT (subject) DO UPDATE SET state = excluded.state, at = excluded.at"
)
_STATES = select(_S.subject, _S.state).where(_S.subject.in_(bindparam("subjects", expanding=True)))
_INSERT = insert(tables.alert)
_LISTED = select(tables.alert).order_by(_A.number.desc()).limit(bindparam("most"))
_ONE = select(tables.alert).where(_A.number == bindparam("number"))
_LIKE = (
    select(tables.alert)
    .where(
        _A.rule == bindparam("rule"),
        _A.subject == bindparam("subject"),
        _A.kind == bindparam("kind"),
        _A.state != DISMISSED,
        _A.first_at > bindparam("since"),
    )
    .order_by(_A.number.desc())
    .limit(1)
)
_AGAIN = (
    update(tables.alert)
    .where(_A.number == bindparam("b_number"))
    .values(
        count=_A.count + 1,
        last_at=bindparam("b_at"),
        explanation=bindparam("b_explanation"),
        events=bindparam("b_events"),
    )
)
_STATE = (
    update(tables.alert)
    .where(_A.number == bindparam("b_number"), _A.state == bindparam("b_before"))
    .values(
        state=bindparam("b_state"),
        state_by=bindparam("b_by"),
        state_why=bindparam("b_why"),
        incident=bindparam("b_incident"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert as it stands. Times are milliseconds since 1970; `events` are logical ids, the newest last."""

    number: int
    rule: str
    kind: str
    subject: str
    severity: str
    explanation: str
    events: tuple[str, ...]
    first_at: int
    last_at: int
    count: int = 1
    state: str = OPEN
    state_by: str | None = None
    state_why: str | None = None
    incident: int | None = None


class AlertStore:
    """Notes and reads alerts, and the memories of the rules, which are sealed."""

    def __init__(self, database: Database, keys: KeyTree) -> None:
        self._database = database
        self._key = keys.derived(b"memories of the watch")

    # --- what rules remember ---

    async def reached(self) -> int:
        """The first place in the tree whose events are not in the memories."""
        rows = await self._database.fetch(select(_M.value).where(_M.name == _PLACE))
        return int(rows[0].value) if rows else 0

    async def memories(self, subjects: Iterable[str]) -> dict[str, Any]:
        """What is remembered of some subjects, by subject."""
        wanted, found = sorted(subjects), {}
        for start in range(0, len(wanted), _AT_ONCE):
            for row in await self._database.fetch(_STATES, {"subjects": wanted[start : start + _AT_ONCE]}):
                found[row.subject] = orjson.loads(open_text(self._key, row.subject.encode(), row.state))
        return found

    def keep(
        self, work: UnitOfWork, memories: Mapping[str, object], at: Mapping[str, int], reached: int
    ) -> None:
        """Notes memories by subject, each with the time of its last event, and up to where they reach."""
        rows = [
            {
                "subject": subject,
                "state": seal_text(self._key, subject.encode(), orjson.dumps(memory)),
                "at": at[subject],
            }
            for subject, memory in memories.items()
        ]
        if rows:
            work.write(_KEEP_STATE, *rows)
        work.write(_KEEP_PLACE, {"name": _PLACE, "value": str(reached)})

    def forget(self, work: UnitOfWork, before: datetime) -> None:
        """Notes that subjects without any event since a time are forgotten."""
        work.write(delete(tables.watch_state).where(_S.at < int(before.timestamp() * 1_000)))

    # --- alerts ---

    async def next_number(self) -> int:
        """The number of the next alert."""
        rows = await self._database.fetch(select(func.max(_A.number).label("last")))
        return (rows[0].last or 0) + 1

    async def like(self, rule: str, kind: str, subject: str, since: int) -> Alert | None:
        """The newest alert of the same finding that began after a time and was not dismissed."""
        asked = {"rule": rule, "kind": kind, "subject": subject, "since": since}
        rows = await self._database.fetch(_LIKE, asked)
        return _alert(rows[0]) if rows else None

    async def one(self, number: int) -> Alert | None:
        """An alert by its number."""
        rows = await self._database.fetch(_ONE, {"number": number})
        return _alert(rows[0]) if rows else None

    async def listed(self, most: int) -> Sequence[Alert]:
        """The newest alerts first."""
        return [_alert(row) for row in await self._database.fetch(_LISTED, {"most": most})]

    def add(self, work: UnitOfWork, alert: Alert) -> None:
        """Notes a new alert."""
        row = {name: getattr(alert, name) for name in _NAMES} | {"events": " ".join(alert.events)}
        work.write(_INSERT, row, otherwise=Outdated("an alert of this number is there"))

    def again(self, work: UnitOfWork, alert: Alert) -> None:
        """Notes that a finding came once more: one to the count, and the newest facts."""
        row = {
            "b_number": alert.number,
            "b_at": alert.last_at,
            "b_explanation": alert.explanation,
            "b_events": " ".join(alert.events),
        }
        work.write(_AGAIN, row, expect=1, otherwise=Outdated("the alert is gone"))

    def settle(
        self, work: UnitOfWork, alert: Alert, state: str, actor: str, why: str, incident: int | None = None
    ) -> None:
        """Notes what became of an alert; Outdated where somebody else was faster."""
        row = {
            "b_number": alert.number,
            "b_before": alert.state,
            "b_state": state,
            "b_by": actor,
            "b_why": why,
            "b_incident": incident,
        }
        work.write(_STATE, row, expect=1, otherwise=Outdated("the alert was settled meanwhile"))


_NAMES = tuple(each.name for each in tables.alert.c)


def _alert(row: Any) -> Alert:
    held = {name: getattr(row, name) for name in _NAMES} | {"events": tuple(row.events.split())}
    return Alert(**held)


def time_of(at: int) -> datetime:
    """Milliseconds as an aware time."""
    return datetime.fromtimestamp(at / 1_000, UTC)
