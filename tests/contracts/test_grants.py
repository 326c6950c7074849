"""ITI-71 by each grant, and ITI-102, 103: what is given, and what is refused how."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from gateway.config import load_node
from gateway.crypto import jws
from gateway.crypto.keys import Signer
from gateway.declare.bindings import Raw
from gateway.record.people import Code
from gateway.tokens.jws import certificate_of, jwk_of, thumbprint_claim
from tests.asking import BACK, HART_KEY, authorize_raw, enter, oauth_raw, told_to_client
from tests.issuing import CLINIC, HART, HOSPITAL, NURSE, PHYSICIAN, person_signer

House = Any
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""RFC 7636 Appendix B."""
TREAT = "purpose_of_use=urn:oid:2.16.840.1.113883.5.8|TREAT"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LOGIN_FAILED = ("110114", "110122", 8)


def ask(house: House, raw: Raw, form: str = "oauth") -> tuple[int, dict[str, Any]]:
    answer = asyncio.run(house.call(form, raw))
    assert answer.headers["cache-control"] == "no-store"
    return answer.status, orjson.loads(b"".join(answer.pieces))


def token(house: House, partner: str = "tester", **given: str) -> tuple[int, dict[str, Any]]:
    return ask(house, oauth_raw(house, "/oauth2/token", given, partner))


def claims(answer: dict[str, Any]) -> dict[str, Any]:
    return dict(jws.read(answer["access_token"]).claims)


def refused(answer: tuple[int, dict[str, Any]], status: int, error: str) -> None:
    assert (answer[0], answer[1]["error"]) == (status, error), answer
    assert "access_token" not in answer[1]


def told(house: House) -> tuple[str, str, int]:
    """EventID, first EventTypeCode and outcome of the last audit row."""
    ((message, outcome),) = house._query("SELECT message, outcome FROM audit ORDER BY id DESC LIMIT 1")
    event, kind = re.findall(r'<Event(?:ID|TypeCode) csd-code="([^"]+)"', message)[:2]
    return event, kind, outcome


def signed(signer: Signer = HART_KEY, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A JWT of the physician, with the certificate in its header."""
    at = int(time.time())
    told: dict[str, Any] = {
        "iss": "dr.hart",
        "sub": "dr.hart",
        "aud": "https://localhost:8443/oauth2/token",
        "iat": at,
        "exp": at + 60,
        "jti": str(uuid.uuid4()),
        **changes,
    }
    certificate = jwk_of(signer.certificate)["x5c"]
    head = (
        {"alg": jws.algorithm_of(signer.key.public_key()), "x5c": certificate} if header is None else header
    )
    body = {name: value for name, value in told.items() if value is not None}
    text = f"{jws.encoded(orjson.dumps(head))}.{jws.encoded(orjson.dumps(body))}"
    return f"{text}.{jws.encoded(signer.sign(text.encode()))}"


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


def by_jwt(house: House, assertion: str, scope: str = f"ITI-67 {TREAT}", **given: str) -> Any:
    return token(house, grant_type=JWT, assertion=assertion, scope=scope, **given)


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


# --- authorization codes -------------------------------------------------------------------------


def code_of(house: House, **changes: Any) -> str:
    answer = asyncio.run(house.call("persons", authorize_raw(house, **changes)))
    said = told_to_client(answer)
    assert (said["state"], said["iss"]) == ("af0ifjsldkj", "https://localhost:8443")
    return said["code"]


def redeem(house: House, code: str, partner: str = "tester", **changes: str | None) -> Any:
    given = {"code_verifier": VERIFIER, "redirect_uri": BACK, **changes}
    kept = {name: value for name, value in given.items() if value is not None}
    return token(house, partner, grant_type="authorization_code", code=code, **kept)


def test_a_person_logs_in_by_certificate(house: House) -> None:
    status, answer = redeem(house, code_of(house))
    assert status == 200, answer
    said = claims(answer)
    assert (said["sub"], said["client_id"]) == ("dr.hart", "tester")
    peer = house.partner("tester", "physician").identity.signer.certificate
    assert said["cnf"] == {"x5t#S256": thumbprint_claim(peer)}


def test_a_code_is_used_once(house: House) -> None:
    code = code_of(house)
    assert redeem(house, code)[0] == 200
    refused(redeem(house, code), 400, "invalid_grant")


def test_a_code_is_used_once_by_two_at_a_time(house: House) -> None:
    code = code_of(house)
    raw = oauth_raw(
        house,
        "/oauth2/token",
        {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": BACK},
    )

    async def both() -> list[int]:
        answers = await asyncio.gather(*(house.call("oauth", raw) for _ in range(4)))
        return sorted(each.status for each in answers)

    assert asyncio.run(both()) == [200, 400, 400, 400]


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "x" * 43},
        {"redirect_uri": "https://localhost:9/back/"},
        {"redirect_uri": None},
    ],
    ids=str,
)
def test_a_code_is_bound_to_its_request(house: House, changes: dict[str, Any]) -> None:
    code = code_of(house)
    refused(redeem(house, code, **changes), 400, "invalid_grant")
    assert redeem(house, code)[0] == 200, "a wrong guess does not use it up"


def test_a_code_is_bound_to_its_client(house: House) -> None:
    path = house.settings.nodes.directory / "hospital.toml"
    before = path.read_text()
    try:
        path.write_text(before.replace('"ITI-8"', '"ITI-8", "ITI-71"', 1))
        house.gateway.nodes._next_check = 0
        refused(redeem(house, code_of(house), "hospital"), 400, "invalid_grant")
    finally:
        path.write_text(before)


def test_an_only_address_may_be_left_out(house: House) -> None:
    code = code_of(house, redirect_uri=None)
    assert redeem(house, code, redirect_uri=None)[0] == 200


def test_a_code_is_over_after_a_minute(house: House) -> None:
    code = code_of(house)
    house.change("UPDATE authorization_code SET expires_at = 1")
    refused(redeem(house, code), 400, "invalid_grant")


def test_codes_are_kept_by_digest_only(house: House) -> None:
    code = code_of(house, scope=f"{TREAT} person_id=SECRET-1^^^&2.999.1.1&ISO")
    rows = repr(house._query("SELECT * FROM authorization_code"))
    assert code not in rows
    assert "SECRET-1" not in rows


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "ITI-67"}, "invalid_scope"),
        ({"scope": f"ITI-999 {TREAT}"}, "invalid_scope"),
        ({"scope": f"{TREAT} subject_role=urn:oid:2.999.1.1|NURSE"}, "invalid_scope"),
        ({"resource": "https://other.example"}, "invalid_target"),
    ],
    ids=str,
)
def test_the_client_learns_why(house: House, changes: dict[str, Any], error: str) -> None:
    answer = asyncio.run(house.call("persons", authorize_raw(house, **changes)))
    said = told_to_client(answer)
    assert (said["error"], said["state"]) == (error, "af0ifjsldkj")
    assert "code" not in said


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example/back"},
        {"redirect_uri": f"{BACK}/../x"},
        {"redirect_uri": f"{BACK}?x=y"},
        {"client_id": "nobody"},
        {"client_id": None},
        {"client_id": "pharmacy", "redirect_uri": None},
    ],
    ids=str,
)
def test_nobody_is_sent_to_a_foreign_address(house: House, changes: dict[str, Any]) -> None:
    answer = asyncio.run(house.call("persons", authorize_raw(house, **changes)))
    assert answer.status == 400
    assert "location" not in answer.headers


def test_a_certificate_of_nobody_gets_nothing(house: House) -> None:
    answer = asyncio.run(house.call("persons", authorize_raw(house, person_signer("stranger"))))
    assert (answer.status, "location" in answer.headers) == (401, False)
    assert told(house) == ("110113", "110126", 8)
    enter(house, replace(HART, active=False), HART_KEY.certificate)
    assert asyncio.run(house.call("persons", authorize_raw(house))).status == 401


def test_who_is_deactivated_meanwhile_gets_no_token(house: House) -> None:
    code = code_of(house)
    enter(house, replace(HART, active=False), HART_KEY.certificate)
    refused(redeem(house, code), 400, "invalid_grant")


# --- introspection and metadata ------------------------------------------------------------------


def introspect(house: House, token: str, **headers: str) -> tuple[int, dict[str, Any]]:
    raw = oauth_raw(house, "/oauth2/introspect", {"token": token})
    return ask(house, replace(raw, headers={**raw.headers, **headers}))


def test_what_is_in_force_is_told_with_its_claims(house: House) -> None:
    issued = by_jwt(house, signed())[1]["access_token"]
    status, answer = introspect(house, issued)
    assert (status, answer.pop("active"), answer.pop("token_type")) == (200, True, "Bearer")
    assert answer == dict(jws.read(issued).claims)
    text, _ = house._query("SELECT message, id FROM audit ORDER BY id DESC LIMIT 1")[0]
    assert issued[:40] not in text


def test_what_is_not_in_force_is_told_alike(house: House) -> None:
    issued = by_jwt(house, signed())[1]["access_token"]
    identifier = jws.read(issued).claims["jti"]
    head, _, signature = issued.rpartition(".")
    foreign = f"{head}.{jws.encoded(HART_KEY.sign(head.encode()))}"
    for other in ("x", foreign, f"{head}.{signature[:-4]}AAAA", signed()):
        assert introspect(house, other) == (200, {"active": False})
    told = f"1, 'token', '{identifier}', 0, NULL, 'operator', 'lost', NULL, NULL"
    house.change(f"INSERT INTO revocation VALUES ({told}, NULL)")  # noqa: S608
    look_again(house)
    assert introspect(house, issued) == (200, {"active": False})
    house.change("UPDATE revocation SET lifted_at = 2")
    look_again(house)
    assert introspect(house, issued)[1]["active"] is True
    enter(house, replace(HART, active=False), HART_KEY.certificate)
    assert introspect(house, issued) == (200, {"active": False})


def look_again(house: House) -> None:
    """What is revoked is read once a second."""
    house.gateway.engine.revocations._due = float("-inf")


def test_a_bearer_token_of_another_is_refused(house: House) -> None:
    own = token(house, grant_type="client_credentials")[1]["access_token"]
    assert introspect(house, own, authorization=f"Bearer {own}")[1]["active"] is True
    refused(introspect(house, own, authorization="Bearer abc"), 401, "invalid_client")
    refused(introspect(house, own, authorization="Digest x"), 400, "invalid_grant")


def test_metadata_names_what_is_here(house: House) -> None:
    status, told = ask(house, oauth_raw(house, "/.well-known/oauth-authorization-server", None, "pharmacy"))
    assert status == 200
    assert told["issuer"] == "https://localhost:8443"
    assert told["token_endpoint"] == "https://localhost:8443/oauth2/token"
    assert told["grant_types_supported"] == ["authorization_code", "client_credentials", JWT]
    assert told["response_types_supported"] == ["code"]
    assert "ITI-67" in told["scopes_supported"]
    assert "ITI-71" not in told["scopes_supported"]


def test_what_is_over_is_forgotten(house: House) -> None:
    from gateway.cli.keeper import _forget  # noqa: PLC0415 - a part of the keeper

    by_jwt(house, signed())
    code_of(house)
    asyncio.run(_forget(house.gateway))
    kept = ("authorization_code", "issued_token")
    assert [len(house._query(f"SELECT * FROM {table}")) for table in kept] == [1, 1]  # noqa: S608
    for table in kept:
        house.change(f"UPDATE {table} SET expires_at = 1")  # noqa: S608
    asyncio.run(_forget(house.gateway))
    assert [len(house._query(f"SELECT * FROM {table}")) for table in kept] == [0, 0]  # noqa: S608


def test_generalist_is_known_by_its_own_code(house: House) -> None:
    enter(house, replace(HART, roles=(Code("2211", "2.16.840.1.113883.2.9.6.2.7"),)), HART_KEY.certificate)
    user = claims(by_jwt(house, signed())[1])["extensions"]["ihe_iua"]
    assert user["subject_role"] == [{"system": "urn:oid:2.16.840.1.113883.2.9.6.2.7", "code": "2211"}]
