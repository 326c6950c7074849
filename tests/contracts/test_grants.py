"""ITI-71 by each grant, and ITI-102, 103: what is given, and what is refused how."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.config import load_node
from gateway.crypto import jws
from gateway.record.people import Code
from gateway.tokens.jws import certificate_of, jwk_of, thumbprint_claim
from tests.asking import HART_KEY, enter, oauth_raw
from tests.contracts.granting import (
    JWT,
    LOGIN_FAILED,
    TREAT,
    House,
    ask,
    by_jwt,
    claims,
    refused,
    signed,
    token,
    told,
)
from tests.issuing import CLINIC, HART, HOSPITAL, NURSE, PHYSICIAN, person_signer

# --- client credentials --------------------------------------------------------------------------


def test_a_system_gets_a_token_for_itself(house: House) -> None:
    status, answer = token(house, grant_type="client_credentials", scope="ITI-67 ITI-68")
    assert status == 200
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 300, "ITI-67 ITI-68")
    said = claims(answer)
    assert (said["iss"], said["sub"], said["client_id"]) == ("https://localhost:8443", "tester", "tester")
    assert said["aud"] == "https://localhost:8443"
    assert said["exp"] - said["iat"] == 300
    peer = house.partner("tester", "physician").identity.signer.certificate
    assert said["cnf"] == {"x5t#S256": thumbprint_claim(peer)}
    assert "subject_role" not in said["extensions"]["ihe_iua"]
    assert told(house) == ("110114", "ITI-71", 0)


def test_our_key_verifies_the_token(house: House) -> None:
    _, answer = token(house, grant_type="client_credentials")
    _, keys = ask(house, oauth_raw(house, "/oauth2/jwks"))
    (key,) = keys["keys"]
    read = jws.read(answer["access_token"])
    assert (read.header["typ"], read.header["kid"], read.header["alg"]) == ("at+jwt", key["kid"], "ES256")
    certificate = certificate_of(key["x5c"][0])
    jws.verify(read, certificate.public_key())
    assert "d" not in key


def test_a_system_has_no_role(house: House) -> None:
    refused(token(house, grant_type="client_credentials", scope=TREAT), 400, "invalid_scope")


def test_no_transaction_that_the_client_is_not_enrolled_for(house: House) -> None:
    path = house.settings.nodes.directory / "pharmacy.toml"
    assert "ITI-71" not in load_node(path).transactions
    refused(token(house, "pharmacy", grant_type="client_credentials"), 400, "unauthorized_client")
    refused(token(house, grant_type="client_credentials", scope="ITI-999"), 400, "invalid_scope")
    refused(token(house, grant_type="client_credentials", scope="openid"), 400, "invalid_scope")
    refused(token(house, grant_type="client_credentials", scope="ITI-71"), 400, "invalid_scope")


def test_the_service_must_be_known(house: House) -> None:
    ours = token(house, grant_type="client_credentials", resource="https://localhost:8443/fhir")
    assert claims(ours[1])["aud"] == "https://localhost:8443"
    other = token(house, grant_type="client_credentials", resource="https://localhost:8443.evil.example/fhir")
    refused(other, 400, "invalid_target")


@pytest.mark.parametrize(
    ("given", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_id": "hospital"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_secret": "x"}, 401, "invalid_client"),
        ({"grant_type": JWT}, 400, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x" * 43}, 400, "invalid_grant"),
        ({"grant_type": "authorization_code", "code_verifier": "x"}, 400, "invalid_request"),
        (
            {
                "grant_type": "client_credentials",
                "requested_token_type": "urn:ietf:params:oauth:token-type:saml2",
            },
            400,
            "invalid_request",
        ),
    ],
)
def test_other_requests(house: House, given: dict[str, str], status: int, error: str) -> None:
    refused(token(house, **given), status, error)


def test_what_stands_twice_or_in_the_url_is_refused(house: House) -> None:
    raw = oauth_raw(house, "/oauth2/token", {"grant_type": "client_credentials"})
    twice = replace(raw, body=raw.body + b"&grant_type=client_credentials")
    refused(ask(house, twice), 400, "invalid_request")
    refused(ask(house, replace(raw, query="a=b")), 400, "invalid_request")
    refused(ask(house, replace(raw, headers={"content-type": "application/json"})), 400, "invalid_request")
    basic = replace(raw, headers={**raw.headers, "authorization": "Basic dGVzdGVyOng="})
    refused(ask(house, basic), 401, "invalid_client")
    large = replace(raw, body=raw.body + b"&x=" + b"x" * 65_536)
    refused(ask(house, large), 413, "invalid_request")


# --- a JWT of the professional -------------------------------------------------------------------


def test_a_professional_gets_a_token_by_the_own_key(house: House) -> None:
    scope = f"ITI-67 {TREAT} person_id=P1^^^&2.999.1.1&ISO"
    status, answer = by_jwt(house, signed(), scope)
    assert status == 200, answer
    said = claims(answer)
    user = said["extensions"]["ihe_iua"]
    assert said["sub"] == "dr.hart"
    assert user["subject_name"] == "Dr Eva Hart"
    assert user["subject_role"] == [{"system": "urn:oid:2.999.1.1", "code": "PHYSICIAN"}]
    assert user["purpose_of_use"] == [{"system": "urn:oid:2.16.840.1.113883.5.8", "code": "TREAT"}]
    assert user["subject_organization_id"] == "urn:oid:2.999.2.1"
    assert user["person_id"] == said["extensions"]["ihe_bppc"]["patient_id"] == "P1^^^&2.999.1.1&ISO"
    assert "subject_role=urn:oid:2.999.1.1|PHYSICIAN" in answer["scope"]
    assert told(house) == ("110114", "ITI-71", 0)


def test_the_certificate_can_be_named_by_its_thumbprint(house: House) -> None:
    header = {"alg": "ES256", "x5t#S256": thumbprint_claim(HART_KEY.certificate)}
    assert by_jwt(house, signed(header=header))[0] == 200
    unknown = {"alg": "ES256", "x5t#S256": thumbprint_claim(b"another")}
    refused(by_jwt(house, signed(header=unknown)), 400, "invalid_grant")


def test_an_assertion_is_used_once(house: House) -> None:
    once = signed()
    assert by_jwt(house, once)[0] == 200
    refused(by_jwt(house, once), 400, "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://other.example"},
        {"aud": None},
        {"iss": "dr.klein"},
        {"sub": "dr.klein"},
        {"exp": timedelta(seconds=-120), "iat": timedelta(seconds=-180)},
        {"exp": timedelta(seconds=3600)},
        {"exp": None},
        {"iat": None},
        {"iat": timedelta(seconds=120), "exp": timedelta(seconds=180)},
        {"nbf": timedelta(seconds=120)},
        {"jti": None},
        {"client_id": "hospital"},
        {"exp": "tomorrow"},
        {"exp": True},
    ],
    ids=str,
)
def test_claims_that_do_not_hold(house: House, changes: dict[str, Any]) -> None:
    """Times are told from now, which is when the test runs and not when it was collected."""
    now = int(time.time())
    claims = {
        name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in changes.items()
    }
    refused(by_jwt(house, signed(**claims)), 400, "invalid_grant")
    assert told(house) == LOGIN_FAILED


def test_a_foreign_key_is_nobody(house: House) -> None:
    stranger = person_signer("stranger")
    refused(by_jwt(house, signed(stranger)), 400, "invalid_grant")
    borrowed = {"alg": "ES256", "x5c": jwk_of(HART_KEY.certificate)["x5c"]}
    refused(by_jwt(house, signed(stranger, header=borrowed)), 400, "invalid_grant")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "ES384"},
        {"alg": "ES256", "crit": ["exp"]},
        {"alg": ["ES256"]},
        {"alg": "ES256", "jwk": {"kty": "EC", "d": "a private key is never taken"}},
    ],
    ids=str,
)
def test_other_algorithms(house: House, header: dict[str, Any]) -> None:
    told = signed(header={**header, "x5c": jwk_of(HART_KEY.certificate)["x5c"]})
    refused(by_jwt(house, told), 400, "invalid_grant")


@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "e30.e30.", f"{'e30'}.{'W10'}.AAAA", "x" * 20_000])
def test_what_is_no_jwt(house: House, text: str) -> None:
    refused(by_jwt(house, text), 400, "invalid_grant")


def test_a_deactivated_professional_gets_nothing(house: House) -> None:
    enter(house, replace(HART, active=False), HART_KEY.certificate)
    refused(by_jwt(house, signed()), 400, "invalid_grant")


def test_a_certificate_of_two_people_is_of_nobody(house: House) -> None:
    enter(house, replace(HART, uid="dr.other"), HART_KEY.certificate)
    refused(by_jwt(house, signed()), 400, "invalid_grant")


@pytest.mark.parametrize(
    "scope",
    [
        "ITI-67",
        f"ITI-67 {TREAT} subject_role=urn:oid:2.999.1.1|NURSE",
        f"ITI-67 {TREAT} subject_role=urn:oid:2.999.1.1|MADE-UP",
        f"ITI-67 {TREAT} subject_organization_id=urn:oid:2.999.2.8",
        "ITI-67 purpose_of_use=urn:oid:2.16.840.1.113883.5.8|MADE-UP",
        f"ITI-67 {TREAT} {TREAT}",
        f"ITI-67 {TREAT} person_id=P1",
        f"ITI-67 {TREAT} subject_role=PHYSICIAN",
    ],
)
def test_beyond_what_the_directory_says(house: House, scope: str) -> None:
    refused(by_jwt(house, signed(), scope), 400, "invalid_scope")


def test_role_and_organisation_are_chosen_among_those_held(house: House) -> None:
    two = replace(HART, roles=(PHYSICIAN, NURSE), memberships=(CLINIC, HOSPITAL))
    enter(house, two, HART_KEY.certificate)
    refused(by_jwt(house, signed()), 400, "invalid_scope")
    scope = f"ITI-67 {TREAT} subject_role=urn:oid:2.999.1.1|NURSE subject_organization_id=urn:oid:2.999.2.8"
    user = claims(by_jwt(house, signed(), scope)[1])["extensions"]["ihe_iua"]
    assert user["subject_role"][0]["code"] == "NURSE"
    assert (user["subject_organization"], user["subject_organization_id"]) == ("Clinic", "urn:oid:2.999.2.8")


def test_a_role_is_held_under_all_its_codes(house: House) -> None:
    swiss = "subject_role=urn:oid:2.16.756.5.30.1.127.3.10.6|HCP"
    user = claims(by_jwt(house, signed(), f"ITI-67 {TREAT} {swiss}")[1])["extensions"]["ihe_iua"]
    assert user["subject_role"] == [{"system": "urn:oid:2.16.756.5.30.1.127.3.10.6", "code": "HCP"}]


def test_an_emergency_is_told_with_its_reason(house: House) -> None:
    answer = by_jwt(house, signed(), emergency_reason="unconscious")[1]
    assert claims(answer)["extensions"]["passerelle"] == {"emergency_reason": "unconscious"}


# --- introspection and metadata ------------------------------------------------------------------


def test_generalist_is_known_by_its_own_code(house: House) -> None:
    enter(house, replace(HART, roles=(Code("2211", "2.16.840.1.113883.2.9.6.2.7"),)), HART_KEY.certificate)
    user = claims(by_jwt(house, signed())[1])["extensions"]["ihe_iua"]
    assert user["subject_role"] == [{"system": "urn:oid:2.16.840.1.113883.2.9.6.2.7", "code": "2211"}]
