"""ITI-71 by authorization code: who logs in, and to whom the code is bound."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.tokens.jws import thumbprint_claim
from tests.asking import BACK, HART_KEY, authorize_raw, enter, oauth_raw, told_to_client
from tests.contracts.granting import (
    TREAT,
    VERIFIER,
    House,
    by_jwt,
    claims,
    code_of,
    redeem,
    refused,
    signed,
    told,
)
from tests.issuing import HART, person_signer

# --- authorization codes -------------------------------------------------------------------------


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
