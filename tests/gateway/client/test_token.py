from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.client.token import issue_assertion
from gateway.crypto.safexml import parse
from gateway.identity.saml import AssertionPolicy, read_assertion
from gateway.record.people import Code, PatientId, SubjectKind

ROLE = Code("221", "2.999.1", 'Physician <"A&B">')
PURPOSE = Code("TREAT", "2.16.840.1.113883.1.11.20448")


@pytest.fixture
def issued(identity: Callable[..., Any], now: datetime) -> Callable[..., Any]:
    def make(**changes: Any) -> Any:
        options = {
            "signer": identity("p256", "issuer").signer,
            "issuer": "urn:idp",
            "subject": "dr-1",
            "name": "Dr. Émile <Test>",
            "role": ROLE,
            "organisation": "2.999.7",
            "organisation_name": "Hospital & Sons",
            "purpose": PURPOSE,
            "audience": "urn:gateway",
            "patient": PatientId("p<1>", "2.999.9"),
            "confirmation": identity().der,
            "now": now,
        }
        return issue_assertion(**{**options, **changes})

    return make


@pytest.fixture
def read(identity: Callable[..., Any], now: datetime) -> Callable[..., Any]:
    def run(text: Any, **changes: Any) -> Any:
        policy = AssertionPolicy(
            audiences=frozenset({"urn:gateway"}),
            issuers={"urn:idp": (identity("p256", "issuer").certificate,)},
        )
        options = {
            "now": now,
            "tls_certificate": identity().der,
            "signing_certificate": None,
            "bearer_allowed": False,
        }
        return read_assertion(parse(text), policy=policy, **{**options, **changes})

    return run


def test_what_is_issued_is_read_back(
    issued: Callable[..., Any], read: Callable[..., Any], now: datetime
) -> None:
    principal = read(issued(emergency_reason="unconscious", on_behalf_of="boss", one_time=True, life=120))
    assert principal.kind is SubjectKind.PROFESSIONAL
    assert (principal.subject, principal.name, principal.issuer) == ("dr-1", "Dr. Émile <Test>", "urn:idp")
    assert (principal.role, principal.purpose) == (ROLE, PURPOSE)
    assert (principal.organisation, principal.organisation_name) == ("2.999.7", "Hospital & Sons")
    assert principal.patient == PatientId("p<1>", "2.999.9")
    assert (principal.emergency_reason, principal.on_behalf_of) == ("unconscious", "boss")
    assert principal.confirmation == "holder-of-key"
    assert principal.one_time
    # with the clock skew that is tolerated
    assert principal.expires == now + timedelta(seconds=180)
    assert len(principal.token_digest) == 32
    assert principal.token_id.startswith("_")


def test_what_is_left_out_is_absent(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    principal = read(issued(organisation=None, organisation_name=None, patient=None))
    assert (principal.organisation, principal.organisation_name, principal.patient) == (None, None, None)
    assert (principal.emergency_reason, principal.on_behalf_of, principal.one_time) == (None, None, False)


def test_a_bearer_assertion(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    assert read(issued(confirmation=None), tls_certificate=None, bearer_allowed=True).confirmation == "bearer"


def test_each_has_its_own_id(issued: Callable[..., Any]) -> None:
    first, second = (parse(issued()).get("ID") for _ in range(2))
    assert first != second


def test_an_organisation_may_be_a_uri(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    assert read(issued(organisation="https://hospital.example")).organisation == "https://hospital.example"
