"""What a rule of the watch is, and what it tells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from gateway.config.trail import WatchRule
from gateway.watch.event import Seen, Subject, SubjectKind

Severity = Literal["low", "medium", "high"]
Memory = dict[str, Any]
"""What a rule remembers of one subject; JSON can hold it.

Every rule bounds its own: by a number of events or patients that is reached when it tells of something,
and by a time after which it forgets.
"""
EVENTS = 10
"""Events that an alert names; the newest ones."""
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """What a rule found. `explanation` holds the facts in words, and nothing of any patient."""

    rule: WatchRule
    subject: Subject
    severity: Severity
    explanation: str
    at: int
    events: tuple[str, ...]


class Rule(Protocol):
    """Looks at one event and at what it remembers of the subject; reads no clock and nothing else."""

    @property
    def name(self) -> WatchRule:
        """As the settings call it; several rules may be parts of one."""
        ...

    @property
    def part(self) -> str:
        """Its name in the memory of a subject."""
        ...

    def subject(self, seen: Seen) -> Subject | None:
        """Whom the event concerns under this rule; None where it is nothing to it."""
        ...

    def look(self, memory: Memory, seen: Seen, subject: Subject) -> Raised | None:
        """Remembers the event; tells what it found with it."""
        ...


def raised(
    rule: Rule,
    seen: Seen,
    subject: Subject,
    severity: Severity,
    explanation: str,
    events: Iterable[str] = (),
) -> Raised:
    """What a rule found at an event; `events` names them where it is not this one alone."""
    return Raised(
        rule=rule.name,
        subject=subject,
        severity=severity,
        explanation=explanation,
        at=seen.at,
        events=tuple(events) or (seen.name,),
    )


def subject_of(kind: SubjectKind, seen: Seen) -> Subject | None:
    """The person, node, organisation or address of an event; a patient who acts counts as a person."""
    if kind == "person":
        return seen.person
    if kind == "organisation":
        return Subject(kind, seen.organisation) if seen.organisation else None
    if kind == "node":
        return Subject(kind, seen.node) if seen.node else subject_of("address", seen)
    return Subject("address", seen.address) if seen.address else None


def clock(at: int) -> str:
    """A time as alerts say it."""
    return f"{datetime.fromtimestamp(at / 1_000, UTC):%Y-%m-%d %H:%M:%S}Z"
