"""A simulation counts what a policy would show or hide, and counts it right."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.declare.actions import Action
from gateway.policy.matrix import compile_policy, read_files
from gateway.policy.model import Policy
from gateway.policy.simulate import Cell, Effect, Group, simulate
from tests.gateway.policy.conftest import FOLDER

FILES = read_files(FOLDER)
GROUPS = [Group("18842-5", 1, 10), Group("18842-5", 2, 5), Group("11502-2", 1, 7), Group(None, 1, 1)]


def effects(before: Policy, after: Policy) -> tuple[list[Effect], list[Sequence[Cell]]]:
    asked: list[Sequence[Cell]] = []

    async def patients(cells: Sequence[Cell]) -> int:
        asked.append(cells)
        return len(asked)

    return asyncio.run(simulate(before, after, GROUPS, patients)), asked


def changed(old: str, new: str) -> Policy:
    text = FILES["matrix.toml"].decode()
    assert old in text
    files = {**FILES, "matrix.toml": text.replace(old, new, 1).encode()}
    return compile_policy(files, environment="prod")


@pytest.fixture(scope="module")
def shipped() -> Policy:
    return compile_policy(FILES, environment="prod")


def test_nothing_changes_between_two_that_are_alike(shipped: Policy) -> None:
    assert effects(shipped, shipped) == ([], [])


def test_classes_that_a_role_loses_are_counted_for_who_inherits_too(shipped: Policy) -> None:
    after = changed(
        '"document:query" = ["@summaries", "@medication", "@laboratory"]', '"document:query" = []'
    )
    found, asked = effects(shipped, after)
    assert [(each.role, each.action, each.gained, each.lost) for each in found] == [
        ("midwife", Action.DOCUMENT_QUERY, 0, 17),
        ("nurse", Action.DOCUMENT_QUERY, 0, 17),
    ]
    assert asked == [(("18842-5", 1), ("11502-2", 1))], "equal questions are asked once"
    assert {each.lost_patients for each in found} == {1}
    back, _ = effects(after, shipped)
    assert [(each.gained, each.lost) for each in back] == [(17, 0), (17, 0)]


def test_a_higher_rank_shows_what_is_restricted(shipped: Policy) -> None:
    old = 'rank = 1\nneeds_relation = true\npurposes = ["TREAT", "ETREAT"]\n\n[roles.physician'
    found, _ = effects(shipped, changed(old, old.replace("rank = 1", "rank = 2")))
    assert {(each.role, each.action, each.gained) for each in found} == {
        ("physician", Action.DOCUMENT_QUERY, 5),
        ("physician", Action.DOCUMENT_READ, 5),
    }


def test_a_role_that_goes_sees_nothing(shipped: Policy) -> None:
    roles = {key: rule for key, rule in shipped.roles.items() if rule.name != "pharmacist"}
    groups = [Group("57833-6", 1, 3)]

    async def patients(_: Sequence[Cell]) -> int:
        return 2

    found = asyncio.run(simulate(shipped, replace(shipped, roles=roles), groups, patients))
    assert [(each.role, each.lost, each.lost_patients) for each in found] == [("pharmacist", 3, 2)] * 2
