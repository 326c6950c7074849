"""Rule P10: how many patients an emergency may reach, and what no emergency ever passes (hypothesis)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.declare.actions import Action
from gateway.policy.case import claims_emergency
from gateway.policy.engine import SWITCHED_OFF, TOO_MANY, decide
from gateway.policy.model import Policy
from gateway.record.access import Decision, Listing, Opposition, PatientRights, Period, Standing
from gateway.record.people import Code, PatientId, Principal

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PATIENT = PatientId("P-1", "2.999.3.1")
Ask, Person = Callable[..., Decision], Callable[..., Principal]

TIMES = st.sampled_from([None, AT - timedelta(days=1), AT, AT + timedelta(days=1)])
PERIODS = st.builds(Period, TIMES, TIMES)
SUBJECTS = st.sampled_from(["dr-1", "2.999.5.1", "*", "dr-2", "2.999.5.2"])
OPPOSITIONS = st.lists(
    st.builds(Opposition, st.sampled_from([None, "TREAT", "ETREAT", "BTG"]), PERIODS), max_size=3
)
LISTS = st.lists(
    st.builds(Listing, SUBJECTS, PERIODS, st.sampled_from([frozenset(), frozenset({"d1"})])), max_size=3
)


@pytest.mark.parametrize(("reached", "permitted"), [(0, True), (4, True), (5, False), (99, False)])
def test_of_more_patients_than_the_policy_allows_the_next_is_refused(
    policy: Policy, person: Person, reached: int, *, permitted: bool
) -> None:
    decision = decide(
        policy=policy,
        principal=person(purpose="ETREAT", emergency_reason="unconscious"),
        action=Action.DOCUMENT_QUERY,
        rights=PatientRights(),
        patient=PATIENT,
        at=AT,
        standing=Standing(emergencies=reached),
    )
    assert (decision.permitted, decision.reason) == (permitted, "EMERGENCY")
    assert (decision.path[-1] == TOO_MANY) is not permitted


def test_the_path_tells_whose_doing_a_refused_emergency_is(ask: Ask, person: Person) -> None:
    who = person(purpose="ETREAT", emergency_reason="unconscious")
    assert ask(principal=who, rights=PatientRights(emergency_allowed=False)).path[-1] == SWITCHED_OFF
    assert ask(principal=replace(who, emergency_reason=" ")).path[-1] == "P10 deny EMERGENCY"


@pytest.mark.parametrize(
    ("purpose", "reason", "claimed"),
    [
        ("TREAT", None, False),
        ("TREAT", "", True),
        ("ETREAT", None, True),
        ("BTG", "x", True),
        (None, None, False),
    ],
)
def test_what_claims_an_emergency(
    policy: Policy, person: Person, purpose: str | None, reason: str | None, *, claimed: bool
) -> None:
    assert claims_emergency(policy, person(purpose=purpose, emergency_reason=reason)) is claimed


@settings(max_examples=400, deadline=None)
@given(
    oppositions=OPPOSITIONS,
    blacklist=LISTS,
    whitelist=LISTS,
    role=st.sampled_from(["PHYSICIAN", "NURSE", "PHARMACIST", "LABORATORY", "AUDITOR", "NOBODY"]),
    purpose=st.sampled_from(["TREAT", "ETREAT", "BTG"]),
    action=st.sampled_from([each for each in Action if each.of_record]),
    reached=st.integers(0, 8),
    allowed=st.booleans(),
)
def test_no_emergency_passes_opposition_black_list_or_matrix(
    policy: Policy,
    person: Person,
    oppositions: list[Opposition],
    blacklist: list[Listing],
    whitelist: list[Listing],
    role: str,
    purpose: str,
    action: Action,
    reached: int,
    *,
    allowed: bool,
) -> None:
    """Against what the rules say in words, not against the engine's own steps."""
    who: Any = person(role=role, purpose=purpose, emergency_reason="unconscious")
    decision = decide(
        policy=policy,
        principal=who,
        action=action,
        rights=PatientRights(
            oppositions=tuple(oppositions),
            blacklist=tuple(blacklist),
            whitelist=tuple(whitelist),
            emergency_allowed=allowed,
        ),
        patient=PATIENT,
        at=AT,
        standing=Standing(emergencies=reached),
    )
    meant = {None, purpose, "ETREAT" if purpose != "TREAT" else "TREAT"}
    opposed = any(each.purpose in meant and each.period.holds(AT) for each in oppositions)
    listed = any(
        not each.documents and each.subject in {"dr-1", "2.999.5.1", "*"} and each.period.holds(AT)
        for each in blacklist
    )
    rule = policy.roles.get(("2.999.1.1", role))
    barred = rule is None or action not in rule.may
    if opposed or listed or barred or not allowed or reached >= policy.emergency.most:
        assert not decision.permitted
        assert not decision.obligations
    if decision.permitted:
        assert decision.reason == "EMERGENCY"
        assert rule is not None
        assert rule.may_emergency
        assert "notify-patient" in decision.obligations


def test_codes_of_one_purpose_are_one_purpose(policy: Policy) -> None:
    etreat, btg = (policy.purposes["2.16.840.1.113883.5.8", each] for each in ("ETREAT", "BTG"))
    assert etreat is btg
    assert policy.relation_length(Code("PHARMACIST", "2.999.1.1")) == timedelta(days=3)
    assert policy.relation_length(None) == timedelta(days=90)
