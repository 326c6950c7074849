"""Questions to people: what matching, feeds and merges leave to the review queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.mpi.changes import Changes
from gateway.mpi.context import Mpi
from gateway.stores.reviews import Review, ReviewState
from gateway.stores.rows import millis

URGENT, USUAL = 1, 2
"""Priorities; the lower comes first."""


async def ask(
    mpi: Mpi,
    changes: Changes,
    key: int,
    person: int,
    kind: str,
    explanation: Mapping[str, Any],
    priority: int = USUAL,
    *,
    fresh: bool = False,
) -> None:
    """Notes a question: is this identity one human being with that person? No patient data in it.

    A question that stands is not asked again; of a `fresh` identity nothing was asked.
    """
    known = [] if fresh else await mpi.reviews.open_about([key], [])
    if any((each.patient, each.person, each.kind) == (key, person, kind) for each in known):
        return
    review = Review(
        key=mpi.store.new_key(),
        kind=kind,
        patient=key,
        person=person,
        state=ReviewState.OPEN,
        priority=priority,
        explanation=orjson.dumps(explanation).decode(),
        created_at=millis(changes.call.at),
    )
    mpi.reviews.open(changes.call.work, review)
