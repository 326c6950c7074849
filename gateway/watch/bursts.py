"""Rules about many events in a short time: refusals, failed logins, broken messages, many patients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.config.trail import WatchRule
from gateway.watch.event import Seen, Subject, SubjectKind, What
from gateway.watch.rule import EVENTS, HOUR, MINUTE, Memory, Raised, Severity, clock, raised, subject_of

NEXT = 24
"""Hours after which a further emergency access to the same record is told again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """`limit` events of a kind within some minutes; counted anew after it was told.

    `weight` is what one event counts, 0 for nothing.
    """

    name: WatchRule
    kind: SubjectKind
    words: str
    weight: Callable[[Seen], int]
    limit: int
    minutes: int
    severity: Severity = "medium"

    @property
    def part(self) -> str:
        """One memory for each kind of subject."""
        return self.name

    def subject(self, seen: Seen) -> Subject | None:
        """Of the events it counts, the person, node or organisation."""
        return subject_of(self.kind, seen) if self.weight(seen) else None

    def look(self, memory: Memory, seen: Seen, subject: Subject) -> Raised | None:
        """Remembers at most `limit` times and events."""
        since = seen.at - self.minutes * MINUTE
        events = [each for each in memory.get("events", ()) if each[0] > since]
        events.append([seen.at, seen.name, self.weight(seen)])
        memory["events"], total = events, sum(each[2] for each in events)
        if total < self.limit:
            return None
        memory["events"] = []
        first = min(each[0] for each in events)
        words = (
            f"{total} {self.words} within {self.minutes} minutes, from {clock(first)} to "
            f"{clock(seen.at)}; {self.limit} are told"
        )
        return raised(self, seen, subject, self.severity, words, (each[1] for each in events[-EVENTS:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyPatients:
    """More different patients within some hours than a limit; counted anew after it was told."""

    name: WatchRule
    kind: SubjectKind
    words: str
    counts: Callable[[Seen], bool]
    limit: int
    hours: int = 1
    severity: Severity = "high"

    @property
    def part(self) -> str:
        """One memory for each kind of subject."""
        return self.name

    def subject(self, seen: Seen) -> Subject | None:
        """Who looks at patients."""
        return subject_of(self.kind, seen) if seen.patients and self.counts(seen) else None

    def look(self, memory: Memory, seen: Seen, subject: Subject) -> Raised | None:
        """Remembers at most `limit` digests of patients, each with the time it was first seen."""
        since, known = seen.at - self.hours * HOUR, memory.setdefault("patients", {})
        while known and (oldest := next(iter(known))) and known[oldest] <= since:
            del known[oldest]
        fresh = [text for each in seen.patients if (text := str(each)) not in known]
        if not fresh:
            return None
        known.update(dict.fromkeys(fresh, seen.at))
        events = [*memory.get("events", ()), seen.name][-EVENTS:]
        memory["events"] = events
        if len(known) < self.limit:
            return None
        memory.clear()
        words = (
            f"{self.words} of {len(known)} different patients, from "
            f"{clock(min(known.values()))} to {clock(seen.at)}; {self.limit} within {self.hours} h are told"
        )
        return raised(self, seen, subject, self.severity, words, events)


@dataclass(frozen=True, slots=True)
class EachEmergency:
    """Every emergency access to a record, once a day."""

    name: WatchRule = "emergency"
    part: str = "emergency"

    def subject(self, seen: Seen) -> Subject | None:
        """Who claims the emergency."""
        return seen.person if seen.emergency and not seen.refused else None

    def look(self, memory: Memory, seen: Seen, subject: Subject) -> Raised | None:
        """Remembers the digests of the patients of a day."""
        since = seen.at - NEXT * HOUR
        known = {patient: at for patient, at in memory.get("patients", {}).items() if at > since}
        fresh = [text for each in seen.patients if (text := str(each)) not in known]
        memory["patients"] = known | dict.fromkeys(fresh, seen.at)
        if not fresh:
            return None
        words = (
            f"emergency access began at {clock(seen.at)}; "
            f"it is the number {len(memory['patients'])} within {NEXT} hours"
        )
        return raised(self, seen, subject, "low", words)


@dataclass(frozen=True, slots=True)
class EmergenciesRefused:
    """Emergency access that the policy refused for its number."""

    name: WatchRule = "emergencies"
    part: str = "emergencies-refused"

    def subject(self, seen: Seen) -> Subject | None:
        """Who claimed it, or the system it came from."""
        return (seen.person or subject_of("node", seen)) if seen.what is What.EMERGENCIES else None

    def look(self, memory: Memory, seen: Seen, subject: Subject) -> Raised | None:  # noqa: ARG002
        """Remembers nothing: the policy has counted."""
        words = (
            f"emergency access to one more record was refused at {clock(seen.at)}: "
            "there were as many as the policy allows"
        )
        return raised(self, seen, subject, "high", words)
