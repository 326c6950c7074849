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
        "presence:redeem",
        "emergency:review",
        "patient:feed",
        "patient:link",
        "audit:record",
        "directory:write",
    }


def test_what_needs_the_record_of_one_patient() -> None:
    free = {action.value for action in Action if not action.of_record}
    of_persons = {"patient:feed", "patient:query", "patient:link"}
    about_others = {
        "emergency:review",
        "audit:record",
        "audit:read",
        "directory:read",
        "directory:write",
        "token:issue",
        "metadata:read",
    }
    assert free == of_persons | about_others


def test_what_tells_nothing_of_a_patient_when_it_is_refused() -> None:
    silent = {action for action in Action if action.silent}
    assert silent == {action for action in Action if not action.writes} | {Action.PRESENCE_REDEEM}


def test_what_a_mandate_may_be_given_for() -> None:
    entrusted = {action for action in Action if action.entrusted}
    of_record = {action for action in Action if action.of_record}
    assert entrusted == (of_record | {Action.AUDIT_READ}) - {Action.MANDATE_GIVE}
