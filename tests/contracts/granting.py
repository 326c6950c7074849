"""Requests for tokens by each grant, and what comes of them (ITI-71)."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from typing import Any

import orjson

from gateway.crypto import jws
from gateway.crypto.keys import Signer
from gateway.declare.bindings import Raw
from gateway.tokens.jws import jwk_of
from tests.asking import BACK, HART_KEY, authorize_raw, oauth_raw, told_to_client

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


def by_jwt(house: House, assertion: str, scope: str = f"ITI-67 {TREAT}", **given: str) -> Any:
    return token(house, grant_type=JWT, assertion=assertion, scope=scope, **given)


def code_of(house: House, **changes: Any) -> str:
    answer = asyncio.run(house.call("persons", authorize_raw(house, **changes)))
    said = told_to_client(answer)
    assert (said["state"], said["iss"]) == ("af0ifjsldkj", "https://localhost:8443")
    return said["code"]


def redeem(house: House, code: str, partner: str = "tester", **changes: str | None) -> Any:
    given = {"code_verifier": VERIFIER, "redirect_uri": BACK, **changes}
    kept = {name: value for name, value in given.items() if value is not None}
    return token(house, partner, grant_type="authorization_code", code=code, **kept)
