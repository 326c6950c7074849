"""Policies in words: no difference between two of them stays untold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.declare.actions import Action
from gateway.policy.matrix import compile_policy, read_files
from gateway.policy.model import Policy, Purpose, RoleRule
from gateway.policy.words import DOES, changes_between, roles_by_name
from gateway.record.people import Code, SubjectKind
from tests.gateway.policy.conftest import FOLDER

FILES = read_files(FOLDER)


def changed(name: str, old: str, new: str) -> Policy:
    text = FILES[name].decode()
    assert old in text
    files = {**FILES, name: text.replace(old, new, 1).encode()}
    return compile_policy(files, environment="integration")


SENTENCES: dict[str, tuple[str, str, str, list[str]]] = {
    "a class more": (
        "matrix.toml",
        '"document:read" = ["@medication"]',
        '"document:read" = ["@medication", "11502-2"]',
        ["pharmacist may now read documents of class 11502-2"],
    ),
    "an action less": (
        "matrix.toml",
        '"document:publish" = ["@laboratory"]\n',
        "",
        ["laboratory may no longer publish documents"],
    ),
    "every class": (
        "matrix.toml",
        '"document:query" = ["@laboratory"]',
        '"document:query" = ["*"]',
        ["laboratory may find documents: every class, before 11502-2, 26436-6"],
    ),
    "a switch": (
        "settings.toml",
        "blacklist_beats_emergency = true",
        "blacklist_beats_emergency = false",
        ["an emergency passes a black list"],
    ),
    "a length": (
        "settings.toml",
        "pharmacist = 3",
        "pharmacist = 7",
        ["a care relation of pharmacist lasts 7 days, before 3"],
    ),
    "a rank": (
        "confidentiality.toml",
        "R = 2 # restricted",
        "R = 3",
        ["new documents of the confidentiality R^^2.16.840.1.113883.5.25 have rank 3, before 2"],
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_change_is_a_sentence(policy: Policy, name: str) -> None:
    file, old, new, sentences = SENTENCES[name]
    assert changes_between(policy, changed(file, old, new)) == sentences


def test_what_another_role_inherits_is_told_of_both(policy: Policy) -> None:
    after = changed("matrix.toml", '["@summaries", "@medication", "@laboratory"]', '["@medication"]')
    told = changes_between(policy, after)
    assert [line.partition(" ")[0] for line in told] == ["nurse", "midwife"]


def test_roles_come_and_go(policy: Policy) -> None:
    fresh = '[roles.inspector]\ninherits = "auditor"\ncode = "INSPECTOR"\n[roles.auditor]'
    after = changed("matrix.toml", "[roles.auditor]", fresh)
    assert "inspector may read audit records: every class" in changes_between(policy, after)
    assert changes_between(after, policy) == ["role inspector is gone"]


def test_two_that_decide_alike_differ_in_nothing(policy: Policy) -> None:
    assert changes_between(policy, replace(policy, version="another")) == []


def test_every_action_has_its_words() -> None:
    assert set(DOES) == set(Action)
    assert len(set(DOES.values())) == len(DOES)


OTHER_RULE: Mapping[str, Any] = {
    "code": Code("OTHER", "2.999"),
    "kinds": frozenset({SubjectKind.OPERATOR}),
    "may": {},
    "may_emergency": False,
    "rank": 3,
    "needs_relation": False,
    "own_record": True,
    "purposes": frozenset({"PATRQT"}),
}


@pytest.mark.parametrize("field", [each.name for each in fields(RoleRule) if each.name != "name"])
def test_every_field_of_a_role_is_told(policy: Policy, field: str) -> None:
    """A new field must be told, too: who approves sees nothing else."""
    rule = roles_by_name(policy)["physician"]
    other = replace(rule, **{field: OTHER_RULE[field]})
    roles = {key: other if each is rule else each for key, each in policy.roles.items()}
    told = changes_between(policy, replace(policy, roles=roles))
    assert told
    assert all("physician" in line for line in told)


ADDED: Mapping[str, Any] = {
    "purposes": {("2.999", "X"): Purpose(name="X")},
    "ranks": {("2.999", "X"): 3},
    "relation_days": {"default": 1},
    "consents": {"2.999.5": ()},
}


def other_value(policy: Policy, field: str) -> Any:
    value = getattr(policy, field)
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return "other"
        case Mapping():
            return {**value, **ADDED[field]} if field in ADDED else {}
    first = fields(value)[0].name
    was = getattr(value, first)
    return replace(value, **{first: was + timedelta(days=1) if isinstance(was, timedelta) else not was})


@pytest.mark.parametrize("field", [each.name for each in fields(Policy) if each.name != "version"])
def test_every_field_of_a_policy_is_told(policy: Policy, field: str) -> None:
    """As above, for what does not hang on a role."""
    told = changes_between(policy, replace(policy, **{field: other_value(policy, field)}))
    assert told
    assert not any(re.search(r"Code\(|frozenset", line) for line in told)
