"""A question that is permitted, and a way to change one thing in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.declare.actions import Action
from gateway.policy.engine import decide
from gateway.policy.matrix import load_policy
from gateway.policy.model import Policy
from gateway.record.access import Decision, PatientRights
from gateway.record.people import Code, PatientId, Principal, SubjectKind

FOLDER = Path(__file__).parents[3] / "config" / "policy"
ROLES = "2.999.1.1"
PURPOSES = "2.16.840.1.113883.5.8"


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def patient() -> PatientId:
    return PatientId("P-1", "2.999.3.1")


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy(FOLDER, environment="integration")


@pytest.fixture(scope="session")
def strict(policy: Policy) -> Policy:
    """The same policy with relation = "required"."""
    return replace(policy, relation_assumed=False)


@pytest.fixture(scope="session")
def person() -> Callable[..., Principal]:
    """A physician who treats; keyword arguments change single fields, `role` and `purpose` by their code."""

    def make(*, role: str | None = "PHYSICIAN", purpose: str | None = "TREAT", **changes: Any) -> Principal:
        given: dict[str, Any] = {
            "kind": SubjectKind.PROFESSIONAL,
            "subject": "dr-1",
            "name": "Dr One",
            "issuer": "https://idp.example",
            "role": None if role is None else Code(role, ROLES),
            "organisation": "2.999.5.1",
            "purpose": None if purpose is None else Code(purpose, PURPOSES),
            "confirmation": "holder-of-key",
            "token_id": "t-1",
            "token_digest": None,
            "expires": None,
        }
        return Principal(**{**given, **changes})

    return make


@pytest.fixture(scope="session")
def ask(
    policy: Policy, person: Callable[..., Principal], patient: PatientId, now: datetime
) -> Callable[..., Decision]:
    """Decide a question that is permitted unless something is changed."""

    def question(**changes: Any) -> Decision:
        given: dict[str, Any] = {
            "policy": policy,
            "principal": person(),
            "action": Action.DOCUMENT_READ,
            "rights": PatientRights(),
            "patient": patient,
            "at": now,
        }
        return decide(**{**given, **changes})

    return question
