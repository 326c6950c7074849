"""ITI-102 and ITI-103: what is told of a token, and of the server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.crypto import jws
from tests.asking import HART_KEY, enter, oauth_raw
from tests.contracts.granting import JWT, House, ask, by_jwt, refused, signed, token
from tests.issuing import HART


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
