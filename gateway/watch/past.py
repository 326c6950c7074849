"""Rules that hold an event against the subject's own past: volume, first use after long, places, hours."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config.trail import WatchRule
from gateway.watch.event import Seen, Subject, SubjectKind, What
from gateway.watch.rule import DAY, HOUR, MINUTE, Memory, Raised, clock, raised, subject_of

HOURS_KEPT, HOURS_NEEDED = 40, 10
MOST_COUNTED = 5_000
HOURS_OF_DAY = 24
UNUSUAL_AFTER_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusualVolume:
    """Several times more patients in an hour than in the busiest of the last active hours."""

    kind: SubjectKind
    least: int
    times: int
    name: WatchRule = "unusual-volume"
    part: str = "unusual-volume"

    def subject(self, seen: Seen) -> Subject | None:
        """Who looks at patients."""
        return subject_of(self.kind, seen) if seen.patients and seen.reads else None

    def look(self, memory: Memory, seen: Seen, subject: Subject) -> Raised | None:
        """Remembers the patients of this hour, as digests, and the counts of the last active hours."""
        hour, past = seen.at // HOUR, memory.setdefault("past", [])
        if hour > memory.get("hour", 0):
            if memory.get("patients"):
                past.append(len(memory["patients"]))
                del past[:-HOURS_KEPT]
            memory.update(hour=hour, patients={}, told=False)
        known = memory["patients"]
        if memory["told"] or len(known) >= MOST_COUNTED:
            return None
        known.update((str(each), 1) for each in seen.patients)
        usual = max(past, default=0)
        if len(past) < HOURS_NEEDED or len(known) < self.least or len(known) <= self.times * usual:
            return None
        memory["told"] = True
        words = (
            f"{len(known)} different patients in the hour from {clock(hour * HOUR)} on; "
            f"the busiest of the last {len(past)} active hours had {usual}"
        )
        return raised(self, seen, subject, "medium", words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dormant:
    """The first use after many days without any."""

    days: int
    name: WatchRule = "dormant"
    part: str = "dormant"

    def subject(self, seen: Seen) -> Subject | None:
        """A professional who was let in."""
        return seen.professional if seen.what is What.USE else None

    def look(self, memory: Memory, seen: Seen, subject: Subject) -> Raised | None:
        """Remembers the last use."""
        last = memory.get("last", seen.at)
        memory["last"] = max(last, seen.at)
        if seen.at - last <= self.days * DAY:
            return None
        words = (
            f"used at {clock(seen.at)} for the first time after {(seen.at - last) // DAY} days; "
            f"{self.days} are told"
        )
        return raised(self, seen, subject, "low", words)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoPlaces:
    """Use for two organisations within so few minutes that one person can hardly be at both."""

    minutes: int
    name: WatchRule = "two-places"
    part: str = "two-places"

    def subject(self, seen: Seen) -> Subject | None:
        """A professional who acts for an organisation."""
        return seen.professional if seen.organisation else None

    def look(self, memory: Memory, seen: Seen, subject: Subject) -> Raised | None:
        """Remembers the last organisation, when, and by which event."""
        before, at, name = memory.get("last", (seen.organisation, seen.at, seen.name))
        if seen.at >= at:
            memory["last"] = [seen.organisation, seen.at, seen.name]
        apart = abs(seen.at - at)
        if before == seen.organisation or apart >= self.minutes * MINUTE:
            return None
        words = (
            f"used for {before} at {clock(at)} and for {seen.organisation} at {clock(seen.at)}, "
            f"{apart // 1_000} seconds apart; less than {self.minutes} minutes are told"
        )
        return raised(self, seen, subject, "medium", words, (name, seen.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusualHour:
    """Use at an hour of the day, in UTC, at which and around which the person has not worked for long."""

    days: int
    name: WatchRule = "unusual-hour"
    part: str = "unusual-hour"

    def subject(self, seen: Seen) -> Subject | None:
        """A professional who was let in."""
        return seen.professional if seen.what is What.USE else None

    def look(self, memory: Memory, seen: Seen, subject: Subject) -> Raised | None:
        """Remembers for each hour of the day when it was last worked, and the number of active days."""
        day, hour = seen.at // DAY, seen.at // HOUR % HOURS_OF_DAY
        worked = memory.setdefault("worked", [0] * HOURS_OF_DAY)
        near = max(worked[(hour + step) % HOURS_OF_DAY] for step in (-1, 0, 1))
        active = memory.get("active", 0)
        if day > memory.get("day", 0):
            memory.update(day=day, active=active + 1)
        worked[hour] = max(worked[hour], day)
        if active < self.days or day - near <= UNUSUAL_AFTER_DAYS:
            return None
        words = (
            f"used at {clock(seen.at)}; within an hour of that time of day there was no use in "
            f"{UNUSUAL_AFTER_DAYS} days, on {active} days of use"
        )
        return raised(self, seen, subject, "low", words)
