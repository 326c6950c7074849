"""An explanation says what the engine decided, and names the entry or the consent that settled it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.declare.actions import Action
from gateway.policy.explain import RULES, Document, Explanation, Grounds, explain
from gateway.policy.matrix import read_files
from gateway.policy.model import Policy
from gateway.policy.places import Places
from gateway.policy.question import Question, answer
from gateway.record.access import Behind, PatientRights, Period
from gateway.record.consents import Author, Consent, Directive, Kind, Status
from gateway.record.people import PatientId, Principal
from gateway.rights.fold import fold
from gateway.rights.said import Said, counting_at
from tests.gateway.policy.conftest import FOLDER
from tests.gateway.policy.test_engine_properties import ACTIONS, ANY_RIGHTS, ANYBODY, AT, MANY, PATIENT

FILES = read_files(FOLDER)
LETTER = Document("2.999.7.1", "18842-5", 1, "2.999.5.9")
LETTERS = frozenset({LETTER.unique_id})
AUTHOR = Author(subject="p", name="P", kind="patient", by="test")


def consent(name: str, *directives: Directive, version: int = 1, at: datetime = AT) -> Consent:
    return Consent(
        id=name,
        version=version,
        patient=PATIENT,
        patient_key=1,
        status=Status.ACTIVE,
        directives=directives,
        author=AUTHOR,
        at=at,
        trace_id="0" * 32,
    )


@pytest.fixture
def told(policy: Policy, person: Callable[..., Principal]) -> Callable[..., Explanation]:
    """The last explanation of a physician who reads, with what the patient said."""

    def make(*consents: Consent, document: Document = LETTER, **changes: Any) -> Explanation:
        question = Question(
            principal=person(**changes.pop("who", {})), action=Action.DOCUMENT_READ, at=AT, **changes
        )
        grounds = Grounds(
            policy=policy, places=Places(FILES), rights=fold(consents), said=Said.of(consents, Behind())
        )
        return explain(question, PATIENT, grounds, [document])[-1]

    return make


def why(explanation: Explanation, rule: str) -> str:
    (found,) = [each for each in explanation.rules if each.rule == rule]
    return f"{found.outcome}: {found.why}"


@MANY
@given(
    who=ANYBODY,
    actions=st.lists(ACTIONS, min_size=1, max_size=2),
    rights=st.none() | ANY_RIGHTS,
    patient=st.sampled_from([None, PATIENT]),
)
def test_it_never_says_anything_else_than_the_engine(
    policy: Policy,
    who: Principal,
    actions: list[Action],
    rights: PatientRights | None,
    patient: PatientId | None,
) -> None:
    question = Question(principal=who, action=actions[0], also=tuple(actions[1:]), at=AT)
    grounds = Grounds(policy=policy, places=Places(FILES), rights=rights, said=Said(()))
    found = explain(question, patient, grounds, [LETTER])
    decision = answer(question, policy, rights, patient)
    assert decision in [each.decision for each in found]
    for each in found[-1:]:
        assert [rule.rule for rule in each.rules] == list(RULES)
        asked = [each for each in each.rules if each.outcome not in {"not asked", "not reached"}]
        assert [f"{rule.rule} {rule.outcome}" for rule in asked] == list(found[-1].decision.path)


def test_a_refusal_names_consent_and_version(told: Callable[..., Explanation]) -> None:
    opposed = told(consent("c-1", Directive(kind=Kind.OPPOSITION, purpose="TREAT"), version=4))
    assert why(opposed, "P3") == "deny CONSENT: consent c-1 version 4: opposed to TREAT"
    assert why(opposed, "P4") == "not reached: "
    assert opposed.documents[0].outcome == "invisible"
    listed = told(
        consent("c-2", Directive(kind=Kind.DENIAL, subject="dr-1", period=Period(None, AT + timedelta(1))))
    )
    assert why(listed, "P4").startswith("deny BLACKLIST: consent c-2 version 1: blacklist names dr-1, until ")
    closed = told(
        consent("c-3", Directive(kind=Kind.CLOSURE)), consent("c-4", Directive(kind=Kind.FLOOR, rank=2))
    )
    assert why(closed, "P2") == "deny DSP_UNAVAILABLE: closed by consent c-3 version 1"


def test_the_matrix_is_named_by_file_and_line(told: Callable[..., Explanation]) -> None:
    lines = FILES["matrix.toml"].decode().splitlines()
    (place,) = re.findall(r"matrix\.toml:(\d+)", why(told(), "P6"))
    assert lines[int(place) - 1] == '"document:read" = ["*"]'
    inherited = why(told(who={"role": "MIDWIFE"}), "P8")
    (place,) = re.findall(r"matrix\.toml:(\d+)", inherited)
    assert lines[int(place) - 1] == "rank = 1"
    assert "[roles.midwife]" in lines[int(place) :], "the line is the nurse's, whom she inherits from"
    refused = why(told(who={"role": "PHARMACIST", "emergency_reason": "x"}), "P10")
    assert re.search(r"not open to pharmacist, matrix\.toml:\d+", refused)
    unknown = why(told(who={"role": "COSMONAUT"}), "P6")
    assert "is not in the matrix" in unknown


def test_levels_relations_and_documents_are_named(told: Callable[..., Explanation]) -> None:
    level = told(consent("c-1", Directive(kind=Kind.LEVEL, subject="2.999.5.1", rank=2)))
    assert "consent c-1 version 1: rank 2 for 2.999.5.1, without end" in why(level, "P8")
    only = told(
        consent("c-2", Directive(kind=Kind.ALLOWED_ONLY)),
        consent("c-3", Directive(kind=Kind.ALLOWANCE, subject="dr-1", documents=LETTERS)),
        document=replace(LETTER, rank=3),
    )
    assert why(only, "P7").startswith("ok: only the white list counts, consent c-2 version 1; consent c-3")
    (document,) = only.documents
    assert (document.outcome, document.why) == ("visible", "P9: named by consent c-3 version 1")
    raised = told(consent("c-4", Directive(kind=Kind.RAISING, documents=LETTERS, rank=3)))
    assert raised.documents[0].why == "P9: raised by consent c-4 version 1"
    hidden = told(consent("c-5", Directive(kind=Kind.DENIAL, subject="*", documents=LETTERS)))
    assert hidden.documents[0].why == "P4: hidden by consent c-5 version 1"
    high = told(document=replace(LETTER, rank=2))
    assert high.documents[0].why == "P9: confidentiality of rank 2 is above 1"
    own = told(document=replace(LETTER, rank=3, organisation="2.999.5.1"))
    assert own.documents[0].outcome == "visible"


def test_consents_count_as_they_did_at_the_time() -> None:
    day = timedelta(days=1)
    versions = [
        consent("c", Directive(kind=Kind.OPPOSITION), at=AT - day),
        consent("c", Directive(kind=Kind.CLOSURE), version=2, at=AT + day),
        consent("d", Directive(kind=Kind.CLOSURE), at=AT + day),
    ]
    assert counting_at(versions, AT) == versions[:1]
    assert counting_at(versions, AT + day) == versions[1:]
    assert counting_at(versions, datetime(2001, 1, 1, tzinfo=UTC)) == []
