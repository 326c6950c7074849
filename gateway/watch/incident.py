"""Incidents: open → examined → contained → closed; steps are added only, each chained to the one before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal, get_args

import orjson

from gateway.errors import Denied, SettingsInvalid
from gateway.watch.rule import Severity

State = Literal["open", "examined", "contained", "closed"]
StepKind = Literal[
    "opened",
    "alert",
    "note",
    "state",
    "contain",
    "lift-proposed",
    "lift",
    "close-proposed",
    "closed",
    "breach-list",
    "continued",
]
CLOSED: State = "closed"
FOUR_EYES, IS_CLOSED = "FOUR_EYES", "INCIDENT_CLOSED"
_FOLLOWS: Mapping[State, tuple[State, ...]] = {
    "open": ("examined",),
    "examined": ("contained", "closed"),
    "contained": ("closed",),
    "closed": (),
}
_BESIDE: frozenset[StepKind] = frozenset({"breach-list", "continued"})
"""Steps that change nothing about an incident; they may come after its end."""
_FIRST = bytes(32)
Content = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as it stands. `after` is the closed one that it continues, `steps` their number."""

    number: int
    title: str
    severity: Severity
    state: State
    opened_at: int
    opened_by: str
    after: int | None = None
    steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an incident. `at` is milliseconds since 1970, `digest` chains it to those before."""

    incident: int
    number: int
    at: int
    actor: str
    kind: StepKind
    content: Content
    digest: bytes = b""
    audit_id: int = 0


def chained(step: Step, previous: bytes | None) -> Step:
    """The step with its digest: SHA-256 over the digest before it and its canonical JSON (sorted keys)."""
    told = {
        "incident": step.incident,
        "number": step.number,
        "at": step.at,
        "actor": step.actor,
        "kind": step.kind,
        "content": dict(step.content),
    }
    data = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    return replace(step, digest=sha256((previous or _FIRST) + data).digest())


def broken(steps: Sequence[Step]) -> list[int]:
    """Numbers of steps that are not what their digest was made of, or that do not follow the one before."""
    found, previous = [], None
    for place, step in enumerate(steps, 1):
        if step.number != place or chained(step, previous).digest != step.digest:
            found.append(place)
        previous = step.digest
    return found


def check_step(incident: Incident, kind: StepKind) -> None:
    """Denied where an incident is closed and the step would change it."""
    if incident.state == CLOSED and kind not in _BESIDE:
        text = f"incident {incident.number} is closed; open another one after it"
        raise Denied(text, reason=IS_CLOSED)


def check_state(incident: Incident, state: str) -> State:
    """The state, where it may follow the one of the incident; SettingsInvalid otherwise."""
    follow = _FOLLOWS[incident.state]
    found = next((each for each in follow if each == state), None)
    if found is None:
        text = f"incident {incident.number} is {incident.state}; next it may be {' or '.join(follow)}"
        raise SettingsInvalid(text)
    return found


def severity_of(text: str) -> Severity:
    """A severity by its name; SettingsInvalid for another one."""
    found: Severity | None = next((each for each in get_args(Severity) if each == text), None)
    if found is None:
        raise SettingsInvalid(f"{text} is no severity; expected {', '.join(get_args(Severity))}")
    return found


def worst(*severities: Severity) -> Severity:
    """The highest of some severities: an incident is no less than the alerts it was opened from."""
    return max(severities, key=get_args(Severity).index)


def needs_two(*incidents: Incident) -> bool:
    """Whether lifting what contains them, and closing them, take a second person (dual control)."""
    return any(each.severity == "high" for each in incidents)


def proposal(steps: Iterable[Step], kind: StepKind, content: Content) -> Step | None:
    """The proposal that a second person may confirm now.

    One to close is void after any step that changes the incident; one to lift a switch after that switch was
    set or lifted.
    """
    found: Step | None = None
    for step in steps:
        if step.kind in _BESIDE:
            continue
        same = all(step.content.get(name) == text for name, text in content.items())
        if step.kind == kind and same:
            found = step
        elif kind == "close-proposed" or (step.kind in {"contain", "lift"} and same):
            found = None
    return found


def confirmed(step: Step | None, actor: str) -> bool:
    """Whether somebody may do now what was proposed; Denied to the one who proposed it."""
    if step is None:
        return False
    if step.actor.strip().casefold() == actor.strip().casefold():
        raise Denied("who proposed this may not confirm it; another person must", reason=FOUR_EYES)
    return True
