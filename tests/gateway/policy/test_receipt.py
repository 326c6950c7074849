"""A receipt holds every input: what is decided again on it is what was decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.declare.actions import Action
from gateway.errors import Defect
from gateway.policy.model import Policy
from gateway.policy.question import Question, answer
from gateway.policy.receipt import Answered, read_receipt, write_receipt
from gateway.record.access import Decision, PatientRights, Standing
from gateway.record.people import PatientId, Principal
from tests.gateway.policy.test_engine_properties import (
    ACTIONS,
    ANY_RIGHTS,
    ANYBODY,
    AT,
    CLASSES,
    MANY,
    PATIENT,
)

STANDINGS = st.builds(
    Standing,
    missing=st.sampled_from([None, None, None, "not in the directory"]),
    names=st.frozensets(st.sampled_from(["somebody", "2.999.5.9"])),
    emergencies=st.integers(0, 3),
)
QUESTIONS = st.builds(
    lambda who, expires, **rest: Question(principal=replace(who, expires=expires), **rest),
    ANYBODY,
    st.sampled_from([None, AT, AT + timedelta(microseconds=1)]),
    action=ACTIONS,
    also=st.lists(ACTIONS, max_size=2).map(tuple),
    at=st.just(AT),
    classes=st.none() | st.frozensets(st.sampled_from(CLASSES)),
    standing=STANDINGS,
)
NOT_ASKED = {
    "name",
    "issuer",
    "organisation_name",
    "alias",
    "token_id",
    "token_digest",
    "one_time",
    "authenticated",
}
"""What no rule looks at; the evidence and the audit message have it."""


@MANY
@given(question=QUESTIONS, rights=st.none() | ANY_RIGHTS, patient=st.sampled_from([None, PATIENT]))
def test_what_a_receipt_holds_decides_the_same(
    policy: Policy, question: Question, rights: PatientRights | None, patient: PatientId | None
) -> None:
    decision = answer(question, policy, rights, patient)
    versions = None if rights is None else ((7, 3), (9, 1))
    text = write_receipt(question, [Answered(patient, decision, versions)], ["2.999.7"])
    receipt = read_receipt(text)
    assert receipt is not None
    (answered,) = receipt.answers
    assert (answered.patient, answered.versions, receipt.hidden) == (patient, versions, ("2.999.7",))
    assert answered.decision == replace(decision, grant=None)
    assert answer(receipt.question, policy, rights, answered.patient) == decision
    assert write_receipt(receipt.question, receipt.answers, receipt.hidden) == text


def asked(person: Callable[..., Principal], now: datetime, **changes: Any) -> Question:
    return Question(principal=person(**changes), action=Action.DOCUMENT_READ, at=now)


def test_every_field_of_a_principal_is_in_it_or_asked_by_no_rule(
    person: Callable[..., Principal], now: datetime
) -> None:
    """A new field must be added to the receipt, or to those that no rule looks at."""
    full = person(
        provider_ids=("npi-1",),
        patient=PATIENT,
        on_behalf_of="P-1",
        emergency_reason="given",
        expires=now + timedelta(minutes=5),
        scopes=frozenset({"system/DocumentReference.read"}),
    )
    optional = {each.name for each in fields(Principal) if each.default is not MISSING}
    assert [name for name in optional - NOT_ASKED if not getattr(full, name)] == [], "give these a value here"
    receipt = read_receipt(write_receipt(Question(principal=full, action=Action.RIGHTS_READ, at=now), [], []))
    assert receipt is not None
    kept = receipt.question.principal
    different = {
        each.name for each in fields(Principal) if getattr(kept, each.name) != getattr(full, each.name)
    }
    assert different <= NOT_ASKED, "the receipt lacks what a rule may look at"


def test_the_text_of_an_emergency_is_not_in_it(person: Callable[..., Principal], now: datetime) -> None:
    text = write_receipt(asked(person, now, emergency_reason="found unconscious"), [], [])
    assert "unconscious" not in text
    assert orjson.loads(text)["asked"]["who"]["reason"] == "given"


def test_what_utf8_cannot_hold_is_kept_all_the_same(person: Callable[..., Principal], now: datetime) -> None:
    question = asked(person, now, subject="dr-\ud800", organisation="2.999.5.é")
    receipt = read_receipt(write_receipt(question, [], []))
    assert receipt is not None
    assert receipt.question.principal.subject == "dr-\ud800"
    assert receipt.question.at == now.astimezone(UTC)


def test_receipts_of_before_inputs_were_kept_are_told_apart() -> None:
    assert read_receipt('{"decisions":[],"hidden":[]}') is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"version":2}', '{"version":1,"decisions":[]}', '{"version":1,"asked":{"action":"x"}}'],
)
def test_what_is_no_receipt_is_a_defect(text: str) -> None:
    with pytest.raises(Defect):
        read_receipt(text)


def test_it_stays_small(person: Callable[..., Principal], now: datetime, patient: PatientId) -> None:
    decision = Decision(
        permitted=True,
        reason="PERMIT",
        rule="P9",
        path=("P1 ok", "P2 ok", "P3 ok", "P4 ok", "P5 not needed", "P6 ok", "P7 ok", "P8 level 1"),
        policy_version="2026.1+0123456789ab",
    )
    text = write_receipt(asked(person, now), [Answered(patient, decision, ((1 << 62, 3),))], [])
    assert len(text) < 700
