"""The verbs of the matrix."""

from __future__ import annotations

import pytest

from gateway.declare.actions import Action


@pytest.mark.parametrize("action", Action)
def test_every_action_says_what_it_is(action: Action) -> None:
    assert Action(action.value) is action
    assert action.code == action.value
    kind, _, verb = action.value.partition(":")
    assert kind.isalpha()
    assert verb.replace("-", "").isalpha()
    assert action.meaning.strip() == action.meaning != ""


def test_what_writes() -> None:
    writing = {action.value for action in Action if action.writes}
    assert writing == {
        "document:publish",
        "document:register",
        "document:update",
        "document:remove",
        "rights:change",
        "mandate:give",
        "patient:feed",
        "patient:link",
        "audit:record",
        "directory:write",
    }


def test_what_needs_the_record_of_one_patient() -> None:
    free = {action.value for action in Action if not action.of_record}
    of_persons = {"patient:feed", "patient:query", "patient:link"}
    assert free == of_persons | {
        "audit:record",
        "audit:read",
        "directory:read",
        "directory:write",
        "metadata:read",
    }
