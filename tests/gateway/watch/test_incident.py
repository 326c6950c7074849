"""What may follow in an incident, and that a changed step shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import Denied, SettingsInvalid
from gateway.watch.incident import (
    Incident,
    Step,
    broken,
    chained,
    check_state,
    check_step,
    confirmed,
    needs_two,
    proposal,
    severity_of,
    worst,
)

OPEN = Incident(number=7, title="t", severity="high", state="open", opened_at=0, opened_by="alice")


def steps(*told: tuple[str, str, dict[str, str]]) -> list[Step]:
    found: list[Step] = []
    for number, (actor, kind, content) in enumerate(told, 1):
        step = Step(incident=7, number=number, at=number, actor=actor, kind=kind, content=content)  # type: ignore[arg-type]
        found.append(chained(step, found[-1].digest if found else None))
    return found


@pytest.mark.parametrize(
    ("state", "to"),
    [("open", "examined"), ("examined", "contained"), ("examined", "closed"), ("contained", "closed")],
)
def test_states_follow_each_other(state: str, to: str) -> None:
    assert check_state(replace(OPEN, state=state), to) == to  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "to"), [("open", "closed"), ("contained", "open"), ("closed", "examined"), ("open", "?")]
)
def test_no_state_is_left_out_or_taken_back(state: str, to: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"incident 7 is {state}"):
        check_state(replace(OPEN, state=state), to)  # type: ignore[arg-type]


def test_a_closed_incident_takes_no_step_that_changes_it() -> None:
    closed = replace(OPEN, state="closed")
    for kind in ("note", "state", "contain", "lift", "closed"):
        with pytest.raises(Denied, match="open another one after it"):
            check_step(closed, kind)  # type: ignore[arg-type]
    check_step(closed, "breach-list")
    check_step(OPEN, "note")


def test_a_changed_left_out_or_added_step_shows() -> None:
    told = steps(("a", "opened", {"text": "x"}), ("a", "note", {"text": "y"}), ("b", "note", {"text": "z"}))
    assert broken(told) == []
    assert broken([told[0], replace(told[1], content={"text": "w"}), told[2]]) == [2]
    assert broken([told[0], told[2]]) == [2]
    assert broken([replace(told[0], actor="b"), *told[1:]]) == [1]
    assert broken([told[0], told[1], replace(told[2], at=9)]) == [3]


def test_who_proposed_may_not_confirm() -> None:
    switch = {"kind": "node", "name": "hospital"}
    told = steps(("alice", "contain", switch), ("alice", "lift-proposed", {**switch, "text": "over"}))
    found = proposal(told, "lift-proposed", switch)
    assert confirmed(found, "bob")
    with pytest.raises(Denied, match="another person must"):
        confirmed(found, " Alice ")
    assert not confirmed(proposal(told, "lift-proposed", {"kind": "node", "name": "other"}), "bob")


def test_a_proposal_is_void_once_something_else_has_happened() -> None:
    switch = {"kind": "node", "name": "hospital"}
    closing = steps(("alice", "close-proposed", {}), ("bob", "breach-list", {}))
    assert proposal(closing, "close-proposed", {}) is not None
    assert proposal([*closing, *steps(("bob", "note", {}))], "close-proposed", {}) is None
    lifting = steps(("alice", "lift-proposed", switch), ("bob", "contain", switch))
    assert proposal(lifting, "lift-proposed", switch) is None


def test_severities() -> None:
    assert worst("low", "high", "medium") == "high"
    assert needs_two(replace(OPEN, severity="low"), OPEN)
    assert not needs_two(replace(OPEN, severity="medium"))
    with pytest.raises(SettingsInvalid, match="low, medium, high"):
        severity_of("dire")
