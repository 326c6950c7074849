"""Access tokens: who they name, what is remembered of them, and what is looked at every time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.crypto.jwk import NamedKey
from gateway.errors import KeyNotHeld, SignerRefused, TokenInvalid
from gateway.identity.jwt import TokenIssuer, TokenPolicy, TokenReader
from gateway.record.people import Code, PatientId, SubjectKind

CERTIFICATE = b"a certificate"
Make = Callable[..., Any]


@pytest.fixture
def unknown() -> list[str]:
    return []


@pytest.fixture
def current(policy: TokenPolicy) -> dict[str, TokenPolicy]:
    return {"policy": policy}


@pytest.fixture
def read(current: dict[str, TokenPolicy], unknown: list[str], now: Any) -> Make:
    reader = TokenReader(lambda: current["policy"], unknown_key=unknown.append, remembered=3)

    def run(token: str, **changes: Any) -> Any:
        options = {"now": now, "tls_certificate": CERTIFICATE, "bearer_allowed": False}
        return reader.read(token, **{**options, **changes})

    return run


@pytest.fixture
def now(claims: Make) -> datetime:
    return datetime.fromtimestamp(claims()["iat"], UTC)


def test_the_principal(read: Make, signed: Make, claims: Make) -> None:
    found = read(signed(claims()))
    assert (found.kind, found.subject, found.name) == (SubjectKind.PROFESSIONAL, "dr-1", "Dr. One")
    assert found.role == Code("DR", "2.999.1", "Doctor")
    assert found.purpose == Code("TREAT", "2.999.2")
    assert (found.organisation, found.organisation_name) == ("2.999.7", "Hospital")
    assert found.provider_ids == ("NPI-1",)
    assert found.scopes == {"ITI-67", "user/Binary.read"}
    assert found.audit_name == "https://us.example<dr-1@https://as.example>"
    assert (found.token_id, found.confirmation, found.patient) == ("t-1", "holder-of-key", None)


def test_a_system(read: Make, signed: Make, claims: Make) -> None:
    found = read(signed(claims(sub="ward", extensions=None)))
    assert (found.kind, found.role.code, found.purpose) == (SubjectKind.NODE, "NODE", None)


def test_a_patient(read: Make, signed: Make, claims: Make, current: Any, policy: TokenPolicy) -> None:
    current["policy"] = replace(policy, patient_roles=frozenset({("DR", "2.999.1")}))
    found = read(signed(claims({"person_id": "p^^^&2.999.5&ISO"}, sub="p^^^&2.999.5&ISO")))
    assert (found.kind, found.patient) == (SubjectKind.PATIENT, PatientId("p", "2.999.5"))


def test_extensions_of_our_own(read: Make, signed: Make, claims: Make) -> None:
    told = claims()
    told["extensions"]["passerelle"] = {"emergency_reason": "unconscious", "on_behalf_of": "dr-2"}
    told["extensions"]["ihe_bppc"] = {"patient_id": "urn:oid:2.999.5|p"}
    found = read(signed(told))
    assert (found.emergency_reason, found.on_behalf_of) == ("unconscious", "dr-2")
    assert found.patient == PatientId("p", "2.999.5")


def test_many_scopes(read: Make, signed: Make, claims: Make) -> None:
    scope = " ".join(f"user/Resource{chr(65 + at % 26)}.rs" for at in range(200))
    assert len(read(signed(claims(scope=scope))).scopes) == 26
    with pytest.raises(TokenInvalid):
        read(signed(claims(scope=["ITI-67"])))


def test_two_patients(read: Make, signed: Make, claims: Make) -> None:
    told = claims({"person_id": "p^^^&2.999.5&ISO"})
    told["extensions"]["ihe_bppc"] = {"patient_id": "q^^^&2.999.5&ISO"}
    with pytest.raises(TokenInvalid, match="two patients"):
        read(signed(told))


def test_time_and_holder_are_looked_at_every_time(read: Make, signed: Make, claims: Make, now: Any) -> None:
    token = signed(claims())
    assert read(token) is read(token), "remembered"
    assert read(token, now=now + timedelta(seconds=359)).subject == "dr-1"
    with pytest.raises(TokenInvalid, match="expired"):
        read(token, now=now + timedelta(seconds=360))
    with pytest.raises(TokenInvalid, match="future"):
        read(token, now=now - timedelta(seconds=61))
    for other in (b"another", None):
        with pytest.raises(KeyNotHeld):
            read(token, tls_certificate=other)


def test_a_key_that_was_taken_out_counts_no_more(
    read: Make, signed: Make, claims: Make, current: Any, policy: TokenPolicy, issuer: TokenIssuer,
    unknown: list[str],
) -> None:  # fmt: skip
    token = signed(claims())
    read(token)
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    current["policy"] = replace(
        policy, issuers={issuer.name: replace(issuer, keys={"k1": NamedKey("k1", other)})}
    )
    with pytest.raises(TokenInvalid, match="signature"):
        read(token)
    current["policy"] = replace(policy, issuers={issuer.name: replace(issuer, keys={})})
    with pytest.raises(TokenInvalid, match="key"):
        read(token)
    assert unknown == [issuer.name]
    current["policy"] = replace(policy, roles=frozenset())
    with pytest.raises(SignerRefused, match="not known"):
        read(token)


def test_what_is_remembered_is_bounded(read: Make, signed: Make, claims: Make) -> None:
    tokens = [signed(claims(jti=f"t-{number}")) for number in range(5)]
    first = [read(token) for token in tokens]
    assert read(tokens[4]) is first[4]
    assert read(tokens[0]) is not first[0], "the oldest was forgotten and is verified anew"


BEARER = [(True, True, True), (True, False, False), (False, True, False)]


@pytest.mark.parametrize(("issuers", "node", "taken"), BEARER)
def test_bearer_tokens_need_both(
    read: Make, signed: Make, claims: Make, current: Any, policy: TokenPolicy, issuer: TokenIssuer,
    *, issuers: bool, node: bool, taken: bool,
) -> None:  # fmt: skip
    current["policy"] = replace(policy, issuers={issuer.name: replace(issuer, bearer=issuers)})
    token = signed(claims(cnf=None))
    if taken:
        assert read(token, bearer_allowed=node).confirmation == "bearer"
    else:
        with pytest.raises(SignerRefused, match="bound"):
            read(token, bearer_allowed=node)


def test_a_role_that_must_hold_its_key(
    read: Make, signed: Make, claims: Make, current: Any, policy: TokenPolicy, issuer: TokenIssuer
) -> None:
    bound = replace(policy, issuers={issuer.name: replace(issuer, bearer=True)})
    current["policy"] = replace(bound, key_bound_roles=frozenset({("DR", "2.999.1")}))
    with pytest.raises(SignerRefused, match="bound"):
        read(signed(claims(cnf=None)), bearer_allowed=True)
    assert read(signed(claims())).subject == "dr-1"


def test_jwt_03_the_key_of_a_curve_that_the_algorithm_does_not_have(
    read: Make, signed: Make, claims: Make, current: Any, policy: TokenPolicy, issuer: TokenIssuer
) -> None:
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    current["policy"] = replace(
        policy, issuers={issuer.name: replace(issuer, keys={"k1": NamedKey("k1", other)})}
    )
    with pytest.raises(TokenInvalid, match="not one for this algorithm"):
        read(signed(claims()))


def test_jwt_09_a_flood_tells_the_issuer_and_nothing_else(
    read: Make, signed: Make, claims: Make, unknown: list[str]
) -> None:
    token = signed(claims(), kid="nobody's")
    for _ in range(1_000):
        with pytest.raises(TokenInvalid):
            read(token)
    assert set(unknown) == {"https://as.example"}
