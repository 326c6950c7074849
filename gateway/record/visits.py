"""A patient's visit as messages tell it, step by step; a cancel leads one step back (ITI TF-2 3.31).

Locations, doctors and times are text as HL7 v2 writes them (PL, XCN, TS), with the recommended delimiters.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import orjson

CANCELLED = "cancelled"
"""State of a visit of which every movement was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFacts:
    """What one message tells of a visit. None: it was not sent (what is stored stays); empty: deleted."""

    patient_class: str | None = None
    location: str | None = None
    temporary_location: str | None = None
    attending: tuple[str, ...] | None = None
    referring: tuple[str, ...] | None = None
    consulting: tuple[str, ...] | None = None
    admitting: tuple[str, ...] | None = None
    service: str | None = None
    admitted_at: str | None = None
    discharged_at: str | None = None

    def over(self, stored: VisitFacts) -> VisitFacts:
        """What is known after this message."""
        known: dict[str, Any] = {}
        for each in fields(VisitFacts):
            sent = getattr(self, each.name)
            known[each.name] = getattr(stored, each.name) if sent is None else (sent or None)
        return VisitFacts(**known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visit after a step. `number` is PV1-19 (or PID-18) as CX text with value and authority.

    `state` is planned, active, away, finished or cancelled. `movement` is the id (ZBE-1) and `trigger` the
    event of the movement that made it so; `back` is the step to which a cancel of this movement leads.
    """

    number: str
    facts: VisitFacts = VisitFacts()
    state: str = "active"
    movement: str = ""
    trigger: str = ""
    step: int = 0
    back: int | None = None

    def moved(self, told: VisitFacts, state: str | None, trigger: str, movement: str) -> Visit:
        """After a further movement."""
        return replace(
            self,
            facts=told.over(self.facts),
            state=state or self.state,
            movement=movement,
            trigger=trigger,
            step=self.step + 1,
            back=self.step or None,
        )

    def corrected(self, told: VisitFacts) -> Visit:
        """After an update, which is no movement."""
        return replace(self, facts=told.over(self.facts), step=self.step + 1)

    def undone(self, before: Visit | None) -> Visit:
        """After the cancel of the last movement; `before` is the visit at the step `back`."""
        if before is not None:
            return replace(before, step=self.step + 1)
        return replace(self, state=CANCELLED, movement="", trigger="", step=self.step + 1, back=None)


def dump(visit: Visit) -> bytes:
    """JSON without what is not known; number and step stand in columns of their own."""
    facts = {each.name: told for each in fields(VisitFacts) if (told := getattr(visit.facts, each.name))}
    return orjson.dumps(
        {
            "facts": facts,
            "state": visit.state,
            "movement": visit.movement,
            "trigger": visit.trigger,
            "back": visit.back,
        }
    )


def load(data: bytes, number: str, step: int) -> Visit:
    """What `dump` wrote."""
    kept: dict[str, Any] = orjson.loads(data)
    facts: dict[str, Any] = {
        name: tuple(told) if isinstance(told, list) else told for name, told in kept.pop("facts").items()
    }
    return Visit(number=number, step=step, facts=VisitFacts(**facts), **kept)
