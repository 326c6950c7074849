"""All rules over a stream of events, with what they remember of each subject."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.config.trail import Watch as Limits
from gateway.config.trail import WatchRule
from gateway.watch.bursts import Burst, EachEmergency, EmergenciesRefused, ManyPatients
from gateway.watch.event import Seen, Subject, SubjectKind, What
from gateway.watch.kinship import OwnRecord, Relatives
from gateway.watch.past import Dormant, TwoPlaces, UnusualHour, UnusualVolume
from gateway.watch.rule import Memory, Raised, Rule

HELD = 2_000
"""Subjects that are held in memory; others are read again when they act."""

Memories = dict[str, Memory]
"""What all rules remember of one subject, by part."""
Concern = tuple[Seen, Sequence[tuple[Rule, Subject]]]
"""An event, the rules that look at it, and whom it concerns under each."""


def rules_of(limits: Limits) -> tuple[Rule, ...]:
    """The rules of the settings."""
    every = (*_refusals(limits), *_failures(limits), *_emergencies(limits), *_volumes(limits), *_past(limits))
    return tuple(each for each in every if each.name not in limits.off)


def _refusals(limits: Limits) -> Iterator[Rule]:
    of_kind: tuple[tuple[SubjectKind, int], ...] = (
        ("person", limits.refusals_person),
        ("node", limits.refusals_node),
        ("organisation", limits.refusals_organisation),
    )
    for kind, limit in of_kind:
        yield Burst(
            name="refusals",
            kind=kind,
            words="refusals",
            weight=lambda seen: int(seen.refused),
            limit=limit,
            minutes=limits.burst_minutes,
        )
    yield Burst(
        name="guessing",
        kind="person",
        words="documents asked for in vain",
        weight=lambda seen: seen.missed,
        limit=limits.guesses,
        minutes=limits.burst_minutes,
        severity="high",
    )


def _failures(limits: Limits) -> Iterator[Rule]:
    of_kind: tuple[tuple[WatchRule, str, What, int], ...] = (
        ("assertion-failures", "refused assertions or tokens", What.ASSERTION, limits.assertion_failures),
        ("message-failures", "broken, unsigned or abusive messages", What.MESSAGE, limits.message_failures),
        ("node-failures", "refused certificates or nodes", What.NODE, limits.node_failures),
    )
    for name, words, what, limit in of_kind:
        yield Burst(
            name=name,
            kind="node",
            words=words,
            weight=_is(what),
            limit=limit,
            minutes=limits.burst_minutes,
        )


def _is(what: What) -> Callable[[Seen], int]:
    return lambda seen: int(seen.what is what)


def _emergencies(limits: Limits) -> Iterator[Rule]:
    yield EachEmergency()
    yield EmergenciesRefused()
    yield ManyPatients(
        name="emergencies",
        kind="person",
        words="emergency access to the records",
        counts=lambda seen: seen.emergency and not seen.refused,
        limit=limits.emergency_patients,
        hours=limits.emergency_hours,
    )


def _volumes(limits: Limits) -> Iterator[Rule]:
    of_kind: tuple[tuple[SubjectKind, int], ...] = (
        ("person", limits.query_person),
        ("organisation", limits.query_organisation),
    )
    for kind, limit in of_kind:
        yield ManyPatients(
            name="mass-query",
            kind=kind,
            words="queries or reads",
            counts=lambda seen: seen.reads,
            limit=limit,
        )
        yield UnusualVolume(kind=kind, least=limits.own_past_least, times=limits.own_past_times)


def _past(limits: Limits) -> Iterator[Rule]:
    yield OwnRecord()
    yield Relatives(limit=limits.relatives)
    yield Dormant(days=limits.dormant_days)
    yield TwoPlaces(minutes=limits.two_places_minutes)
    yield UnusualHour(days=limits.usual_days)


@dataclass(slots=True)
class Watch:
    """Applies the rules. Memories are handed in before the events of their subjects, and taken to be kept."""

    rules: Sequence[Rule]
    known: OrderedDict[str, Memories] = field(default_factory=OrderedDict)
    touched: dict[str, int] = field(default_factory=dict)
    """Subjects whose memory has changed since it was last kept, each with the time of its last event."""

    def concerned(self, events: Iterable[Seen]) -> list[Concern]:
        """Each event with the rules that it is something to."""
        return [
            (seen, [(rule, subject) for rule in self.rules if (subject := rule.subject(seen)) is not None])
            for seen in events
        ]

    def unknown(self, concerns: Iterable[Concern]) -> set[str]:
        """Keys of subjects whose memories must be handed in before these events."""
        keys = {subject.key for _, rules in concerns for _, subject in rules}
        return {key for key in keys if key not in self.known}

    def remember(self, kept: Mapping[str, Memories], wanted: Iterable[str]) -> None:
        """Takes the memories of subjects; of whom there is none it is the first time."""
        for key in wanted:
            self.known[key] = kept.get(key, {})

    def look(self, concern: Concern) -> list[Raised]:
        """What the rules find with one event."""
        (seen, rules), found = concern, []
        for rule, subject in rules:
            key = subject.key
            memories = self.known[key]
            self.known.move_to_end(key)
            self.touched[key] = max(seen.at, self.touched.get(key, 0))
            raised = rule.look(memories.setdefault(rule.part, {}), seen, subject)
            if raised is not None:
                found.append(raised)
        return found

    def kept(self) -> None:
        """All changes were written; the subjects that were not seen for longest may go."""
        self.touched.clear()
        while len(self.known) > HELD:
            self.known.popitem(last=False)
