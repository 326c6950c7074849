"""The review queue: what matching left to people, who proposed what, and who confirmed it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, unique
from typing import Any

from sqlalchemy import Row, bindparam, insert, or_, select, update

from gateway.errors import Outdated
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork


@unique
class ReviewState(Enum):
    """Of a review: nobody said anything, one person proposed, a second confirmed, or it came to nothing."""

    OPEN = "open"
    PROPOSED = "proposed"
    DECIDED = "decided"
    OBSOLETE = "obsolete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One question: is the identity (record key `patient`) one person with the identities of `person`?

    `explanation` is JSON without patient data. `proposed` and `decided` are same, different or undecided.
    """

    key: int
    kind: str
    patient: int
    person: int
    state: ReviewState
    priority: int
    explanation: str
    created_at: int
    proposed: str | None = None
    proposed_by: str | None = None
    proposed_at: int | None = None
    proposed_reason: str | None = None
    decided: str | None = None
    decided_by: str | None = None
    decided_at: int | None = None
    decided_reason: str | None = None
    operation: int | None = None


_R = tables.patient_review.c
_COLUMNS = tuple(column for column in tables.patient_review.columns if column.name != "patient_key")
_ROWS = select(*_COLUMNS, _R.patient_key.label("patient"))
_INSERT = insert(tables.patient_review)
_ABOUT = _ROWS.where(
    _R.decided.is_(None),
    or_(
        _R.patient_key.in_(bindparam("keys", expanding=True)),
        _R.person.in_(bindparam("persons", expanding=True)),
    ),
)
_BY_KEY = _ROWS.where(_R.key == bindparam("key"))
_LISTED = (
    _ROWS.where(_R.state.in_(bindparam("states", expanding=True)), _R.key > bindparam("after"))
    .order_by(_R.key)
    .limit(bindparam("most"))
)
_UNCHANGED = update(tables.patient_review).where(
    _R.key == bindparam("b_key"), _R.state == bindparam("b_state")
)
_PROPOSE = _UNCHANGED.values(
    state=ReviewState.PROPOSED.value,
    proposed=bindparam("b_outcome"),
    proposed_by=bindparam("b_by"),
    proposed_at=bindparam("b_at"),
    proposed_reason=bindparam("b_reason"),
)
_DECIDE = _UNCHANGED.values(
    state=bindparam("b_next"),
    decided=bindparam("b_outcome"),
    decided_by=bindparam("b_by"),
    decided_at=bindparam("b_at"),
    decided_reason=bindparam("b_reason"),
    operation=bindparam("b_operation"),
)


class ReviewStore:
    """Reads at once; changes are noted in the unit of work."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_about(self, keys: Iterable[int], persons: Iterable[int]) -> list[Review]:
        """Undecided reviews about identities or persons."""
        given = {"keys": sorted(set(keys)), "persons": sorted(set(persons))}
        return [_review(row) for row in await self._database.fetch(_ABOUT, given)]

    async def find(self, key: int) -> Review | None:
        """One review."""
        rows = await self._database.fetch(_BY_KEY, {"key": key})
        return _review(rows[0]) if rows else None

    async def listed(self, states: Iterable[ReviewState], after: int, most: int) -> list[Review]:
        """Reviews in some states, in the order they came, from one on."""
        given = {"states": [each.value for each in states], "after": after, "most": most}
        return [_review(row) for row in await self._database.fetch(_LISTED, given)]

    def open(self, work: UnitOfWork, review: Review) -> None:
        """Notes a new question."""
        work.write(
            _INSERT,
            {
                "key": review.key,
                "kind": review.kind,
                "patient_key": review.patient,
                "person": review.person,
                "state": review.state.value,
                "priority": review.priority,
                "explanation": review.explanation,
                "created_at": review.created_at,
            },
            otherwise=Outdated("the same question is being asked by another request"),
        )

    def propose(
        self, work: UnitOfWork, review: Review, outcome: str, by: str, reason: str, at: datetime
    ) -> Review:
        """Notes what one person says, which a second must confirm; gives the review as it will be."""
        self._settle(work, _PROPOSE, review, b_outcome=outcome, b_by=by, b_reason=reason, b_at=millis(at))
        return replace(
            review,
            state=ReviewState.PROPOSED,
            proposed=outcome,
            proposed_by=by,
            proposed_at=millis(at),
            proposed_reason=reason,
        )

    def decide(
        self,
        work: UnitOfWork,
        review: Review,
        outcome: str,
        by: str,
        reason: str,
        at: datetime,
        *,
        state: ReviewState = ReviewState.DECIDED,
        operation: int | None = None,
    ) -> Review:
        """Notes what was decided, and the operation that put it into effect; gives it as it will be."""
        self._settle(
            work,
            _DECIDE,
            review,
            b_next=state.value,
            b_outcome=outcome,
            b_by=by,
            b_reason=reason,
            b_at=millis(at),
            b_operation=operation,
        )
        return replace(
            review,
            state=state,
            decided=outcome,
            decided_by=by,
            decided_at=millis(at),
            decided_reason=reason,
            operation=operation,
        )

    def _settle(self, work: UnitOfWork, statement: Any, review: Review, **values: Any) -> None:
        row = {"b_key": review.key, "b_state": review.state.value, **values}
        work.write(
            statement, row, expect=1, otherwise=Outdated("somebody else has worked on this review meanwhile")
        )


def _review(row: Row[Any]) -> Review:
    values = row._mapping if hasattr(row, "_mapping") else row._asdict()  # noqa: SLF001 - the documented way
    return Review(**{**values, "state": ReviewState(values["state"])})
