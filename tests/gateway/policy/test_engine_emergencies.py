"""What an emergency lifts, and where it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.policy.engine import EMERGENCY_OBLIGATIONS
from gateway.policy.model import Policy
from gateway.record.access import AccessLevel, Listing, PatientRights
from tests.gateway.policy.questions import Ask, Person


def test_an_emergency_lifts_relation_and_level(ask: Ask, person: Person, strict: Policy) -> None:
    decision = ask(policy=strict, principal=person(emergency_reason="unconscious", purpose="ETREAT"))
    assert (decision.permitted, decision.reason, decision.rule) == (True, "EMERGENCY", "P10")
    assert decision.obligations == EMERGENCY_OBLIGATIONS
    assert decision.path[-4:] == ("P7 left to P10", "P8 level 0", "P9 up to 2", "P10 permit EMERGENCY")
    assert decision.grant is not None
    assert decision.grant.rank == 2


@pytest.mark.parametrize(("ceiling", "rank"), [(1, 1), (2, 2), (3, 2)])
def test_an_emergency_ends_at_the_ceiling_of_the_patient(
    ask: Ask, person: Person, ceiling: int, rank: int
) -> None:
    grant = ask(
        principal=person(emergency_reason="unconscious"), rights=PatientRights(emergency_rank=ceiling)
    ).grant
    assert grant is not None
    assert grant.rank == rank


@pytest.mark.parametrize("reason", [None, "", "  \t"])
def test_an_emergency_purpose_needs_a_reason(ask: Ask, person: Person, reason: str | None) -> None:
    decision = ask(principal=person(purpose="ETREAT", emergency_reason=reason))
    assert (decision.permitted, decision.reason, decision.rule) == (False, "EMERGENCY", "P10")


def test_an_emergency_takes_nothing_away(ask: Ask, person: Person) -> None:
    rights = PatientRights(levels=(AccessLevel("dr-1", 2),), emergency_rank=1)
    grant = ask(principal=person(emergency_reason="unconscious"), rights=rights).grant
    assert grant is not None
    assert grant.rank == 2


def test_the_black_list_beats_an_emergency_unless_switched(ask: Ask, person: Person, policy: Policy) -> None:
    rights = PatientRights(blacklist=(Listing("dr-1"), Listing("dr-1", documents=frozenset({"a"}))))
    who = person(emergency_reason="unconscious")
    assert ask(principal=who, rights=rights).reason == "BLACKLIST"
    lenient = replace(policy, blacklist_beats_emergency=False)
    lifted = ask(policy=lenient, principal=who, rights=rights)
    assert lifted.permitted
    assert "P4 left to P10" in lifted.path
    assert lifted.grant is not None
    assert lifted.grant.hidden == frozenset()
    off = ask(policy=lenient, principal=who, rights=replace(rights, emergency_allowed=False))
    assert (off.permitted, off.reason) == (False, "EMERGENCY")
