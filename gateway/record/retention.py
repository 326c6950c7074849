"""What retention speaks of: classes of the trail, and legal holds on what they would erase."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, unique


@unique
class Kept(Enum):
    """A class of what is kept, with a time of its own."""

    OWN = "own"
    RECEIVED = "received"
    SYSTEM = "system"
    ALERTS = "alerts"
    INCIDENTS = "incidents"


@unique
class HoldKind(Enum):
    """What is held: all about a patient, one exchange, or all of a time in which something happened."""

    PATIENT = "patient"
    TRACE = "trace"
    INCIDENT = "incident"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A legal hold. `since` and `until` (milliseconds, both included) bound one of an incident.

    `name` is a patient identifier in CX with the OID of its authority, a trace, or the name of an incident.
    """

    number: int
    kind: HoldKind
    name: str
    since: int | None
    until: int | None
    reason: str
    actor: str
    at: int
    released_at: int | None = None
    released_by: str | None = None

    def covers(self, at: int) -> bool:
        """Whether a moment is within the time of an incident that was given with its days."""
        return (
            self.kind is HoldKind.INCIDENT
            and self.since is not None
            and self.until is not None
            and self.since <= at <= self.until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What one person would do; `subject` is `release` with the number of a hold, or `run`."""

    subject: str
    actor: str
    reason: str
    at: int

    def confirmed_by(self, actor: str) -> bool:
        """Whether this is another person, who may do what was proposed."""
        return self.actor.strip().casefold() != actor.strip().casefold()


@dataclass(frozen=True, slots=True)
class Holds:
    """Holds in force. `events` are ids of audit rows and events of incidents that are held by number.

    `aliases` are further identifiers of the persons who are held.
    """

    holds: tuple[Hold, ...]
    events: frozenset[int] = frozenset()
    aliases: frozenset[str] = frozenset()

    @property
    def patients(self) -> frozenset[str]:
        """Identifiers of patients that are held."""
        return self.aliases.union(each.name for each in self.holds if each.kind is HoldKind.PATIENT)

    def holds_trace(self, trace_id: str) -> bool:
        """Whether an exchange is held by its trace."""
        return any(each.kind is HoldKind.TRACE and each.name == trace_id for each in self.holds)

    def holds_time(self, at: int) -> bool:
        """Whether a moment lies within an incident that is held."""
        return any(each.covers(at) for each in self.holds)

    @property
    def incidents(self) -> frozenset[int]:
        """Numbers of incidents that are held."""
        named = [each.name for each in self.holds if each.kind is HoldKind.INCIDENT]
        return frozenset(int(name) for name in named if name.isascii() and name.isdigit())

    def holds_patients(self, patients: Collection[str]) -> bool:
        """Whether one of these patients is held."""
        return not self.patients.isdisjoint(patients)
