"""The published cases POL-01 to POL-11, at the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.declare.actions import Action
from gateway.policy.engine import EMERGENCY_OBLIGATIONS
from gateway.policy.model import Policy
from gateway.record.access import (
    AccessLevel,
    Decision,
    Grant,
    Listing,
    Mandate,
    Opposition,
    PatientRights,
    Period,
)
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.rights.rights_json import listed_twice
from gateway.stores.granted import visible

Ask = Callable[..., Decision]
Person = Callable[..., Principal]

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PATIENT = PatientId("P-1", "2.999.3.1")


def proxy(person: Person, **changes: Any) -> Principal:
    given = {"kind": SubjectKind.PATIENT, "role": "REPRESENTATIVE", "purpose": "PATRQT", "organisation": None}
    return person(**{**given, "subject": "mother", "on_behalf_of": str(PATIENT), **changes})


def grant_of(decision: Decision) -> Grant:
    assert decision.grant is not None
    return decision.grant


def sees(grant: Grant, document: str, rank: int = 1, code: str = "11502-2") -> bool:
    return visible(grant, rank=rank, document_class=code, unique_id=document, organisation="2.999.5.9")


def test_pol_01_a_black_listed_user_with_a_valid_mandate(ask: Ask, person: Person) -> None:
    rights = PatientRights(blacklist=(Listing("mother"),), mandates=(Mandate("mother", Period(), "patient"),))
    decision = ask(principal=proxy(person), rights=rights)
    assert (decision.permitted, decision.reason) == (False, "BLACKLIST")


def test_pol_02_a_black_listed_user_on_the_white_list(ask: Ask) -> None:
    rights = PatientRights(blacklist=(Listing("dr-1"),), whitelist=(Listing("dr-1"),))
    assert ask(rights=rights).reason == "BLACKLIST"


@pytest.mark.parametrize(
    ("period", "permitted"),
    [
        (Period(AT - 9 * SECOND, AT - SECOND), False),
        (Period(AT + SECOND, AT + 9 * SECOND), False),
        (Period(AT - SECOND, AT), False),
        (Period(AT, AT + SECOND), True),
    ],
    ids=["expired a second ago", "starts in a second", "ends now", "starts now"],
)
def test_pol_03_the_window_of_a_mandate(ask: Ask, person: Person, period: Period, *, permitted: bool) -> None:
    decision = ask(
        principal=proxy(person), rights=PatientRights(mandates=(Mandate("mother", period, "patient"),))
    )
    assert decision.permitted is permitted
    assert permitted or decision.reason == "MANDATE"


@pytest.mark.parametrize(
    ("action", "actions", "reason"),
    [
        (Action.MANDATE_GIVE, frozenset(), "MANDATE"),
        (Action.MANDATE_GIVE, frozenset({"mandate:give"}), "MANDATE"),
        (Action.RIGHTS_CHANGE, frozenset(), "MANDATE"),
        (Action.RIGHTS_CHANGE, frozenset({"document:read"}), "MANDATE"),
        (Action.RIGHTS_CHANGE, frozenset({"rights:change"}), "PERMIT"),
    ],
)
def test_pol_04_a_holder_stays_inside_the_mandate(
    ask: Ask, person: Person, action: Action, actions: frozenset[str], reason: str
) -> None:
    rights = PatientRights(mandates=(Mandate("mother", Period(), "patient", actions),))
    assert ask(principal=proxy(person), action=action, rights=rights).reason == reason


def test_pol_05_an_emergency_with_a_reason(ask: Ask, person: Person, strict: Policy) -> None:
    decision = ask(policy=strict, principal=person(purpose="ETREAT", emergency_reason="unconscious"))
    assert (decision.permitted, decision.reason) == (True, "EMERGENCY")
    assert decision.obligations == EMERGENCY_OBLIGATIONS
    assert {"notify-patient", "audit-emergency"} <= set(decision.obligations)
    assert sees(grant_of(decision), "d", rank=2)
    assert not sees(grant_of(decision), "d", rank=3)


@pytest.mark.parametrize(
    ("who", "rights"),
    [
        ({"emergency_reason": None}, PatientRights()),
        ({"emergency_reason": "unconscious", "role": "PHARMACIST"}, PatientRights()),
        ({"emergency_reason": "unconscious"}, PatientRights(emergency_allowed=False)),
    ],
    ids=["no reason", "role not allowed", "disabled by the patient"],
)
def test_pol_06_an_emergency_that_is_not_one(
    ask: Ask, person: Person, who: dict[str, Any], rights: PatientRights
) -> None:
    decision = ask(principal=person(**{"purpose": "ETREAT", **who}), rights=rights)
    assert (decision.permitted, decision.reason) == (False, "EMERGENCY")


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"emergency_allowed": False}, "EMERGENCY"), ({"blacklist": (Listing("2.999.5.1"),)}, "BLACKLIST")],
)
def test_pol_07_the_next_request_of_an_open_emergency(
    ask: Ask, person: Person, change: dict[str, Any], reason: str
) -> None:
    who, rights = person(purpose="ETREAT", emergency_reason="unconscious"), PatientRights()
    assert ask(principal=who, rights=rights).permitted
    assert ask(principal=who, rights=replace(rights, **change), at=AT + SECOND).reason == reason


def test_pol_08_confidentiality_raised_between_two_pages(ask: Ask, policy: Policy) -> None:
    scheme = "2.16.840.1.113883.5.25"
    normal, restricted = (policy.rank_of([Code(code, scheme)]) for code in ("N", "R"))
    grant = grant_of(ask())
    assert sees(grant, "d", rank=normal)
    assert not sees(grant, "d", rank=restricted)


def test_pol_09_a_white_listed_document_of_a_forbidden_class(ask: Ask, person: Person) -> None:
    pharmacist = person(role="PHARMACIST")
    rights = PatientRights(whitelist=(Listing("dr-1", documents=frozenset({"d"})),))
    named = ask(principal=pharmacist, rights=rights, document_class=frozenset({"11502-2"}))
    assert (named.permitted, named.reason) == (False, "PROFILE")
    grant = grant_of(ask(principal=pharmacist, rights=rights))
    assert not sees(grant, "d", code="11502-2")
    assert sees(grant, "d", rank=3, code="57833-6")


def test_pol_10_a_document_on_both_lists(ask: Ask) -> None:
    documents = frozenset({"d", "e"})
    rights = PatientRights(
        blacklist=(Listing("*", documents=frozenset({"d"})),),
        whitelist=(Listing("dr-1", documents=documents),),
    )
    grant = grant_of(ask(rights=rights))
    assert not sees(grant, "d")
    assert sees(grant, "e", rank=3)
    assert listed_twice(rights) == {"d"}
    assert listed_twice(replace(rights, blacklist=())) == frozenset()


def test_pol_11_an_opposed_patient_still_reads_the_own_record(ask: Ask, person: Person) -> None:
    rights = PatientRights(
        oppositions=(Opposition(),),
        mandates=(Mandate("mother", Period(), "law"),),
        levels=(AccessLevel("dr-1", 3),),
    )
    patient = person(
        kind=SubjectKind.PATIENT, role="PAT", purpose="PATRQT", subject=str(PATIENT), patient=PATIENT
    )
    assert ask(principal=patient, rights=rights).permitted
    for other in (person(), proxy(person), person(purpose="ETREAT", emergency_reason="unconscious")):
        assert ask(principal=other, rights=rights).reason == "CONSENT"
