"""JWT-01 to JWT-10 over sockets, with a misbehaving authorization server (STD-31, STD-32)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import serialization

from gateway.crypto.keys import Scheme

Wire = Any


@pytest.fixture
def refused(wire: Wire, tools: SimpleNamespace) -> Any:
    """Sends a token, and expects 401 invalid_token with this one audit row."""

    def check(token: str, told: tuple[str, str, int] | None = None, path: str = "", **how: Any) -> Any:
        found = wire.fhir(token, path, **how)
        assert (found.status, found.error) == (401, "invalid_token"), found.body
        assert orjson.loads(found.body)["issue"][0]["code"] == "security"
        assert found.audit == [told or tools.login]
        assert token not in "".join(found.messages)
        wire.check_log()
        return found

    return check


def unsigned(wire: Wire, tools: SimpleNamespace, algorithm: str, signature: str = "") -> str:
    head = {"alg": algorithm, "typ": "at+jwt", "kid": "a1"}
    return f"{tools.b64(orjson.dumps(head))}.{tools.b64(orjson.dumps(wire.claims()))}.{signature}"


def test_a_good_token_is_accepted(wire: Wire, authorities: SimpleNamespace, tools: SimpleNamespace) -> None:
    found = wire.fhir(authorities.first.token(wire.claims()))
    assert (found.status, found.total, found.audit) == (200, 1, [tools.query(0)])
    assert f"{wire.url}&lt;dr.weber@{tools.AS}&gt;" in found.messages[0], "alias is the audience (IUA 3.72.5)"
    by_rsa = authorities.first.token(
        wire.claims(), kid="rsa", header={"alg": "PS256"}, scheme=Scheme.RSA_PSS_SHA256
    )
    assert wire.fhir(by_rsa).total == 1


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "ES256"])
def test_jwt_01_no_signature(wire: Wire, refused: Any, tools: SimpleNamespace, algorithm: str) -> None:
    refused(unsigned(wire, tools, algorithm))


def test_jwt_01_none_with_something_behind_it(wire: Wire, refused: Any, tools: SimpleNamespace) -> None:
    refused(unsigned(wire, tools, "none", tools.b64(b"signature")))


@pytest.mark.parametrize("form", ["pem", "der"])
def test_jwt_02_public_key_as_secret(
    wire: Wire, refused: Any, authorities: SimpleNamespace, tools: SimpleNamespace, form: str
) -> None:
    encoding = serialization.Encoding.PEM if form == "pem" else serialization.Encoding.DER
    public = authorities.first.keys["a1"].public_key()
    secret = public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = unsigned(wire, tools, "HS256").rstrip(".")
    refused(f"{signed}.{tools.b64(hmac.digest(secret, signed.encode(), 'sha256'))}")


def test_jwt_02_algorithms_that_the_issuer_may_not_use(
    wire: Wire, refused: Any, authorities: SimpleNamespace
) -> None:
    first, claims = authorities.first, wire.claims()
    refused(first.token(claims, kid="rsa", header={"alg": "RS256"}, scheme=Scheme.RSA_PKCS1_SHA256))
    refused(first.token(claims, kid="rsa", header={"alg": "ES256"}, key=first.keys["a1"]))
    refused(first.token(claims, header={"alg": "ES384"}))
    refused(first.token(claims, header={"alg": ["ES256"]}))


@pytest.mark.parametrize(
    "kid",
    [
        "../../pki/signing.key",
        "/dev/null",
        "a1' OR '1'='1",
        "https://evil.example/k",
        "b1",
        "",
        None,
        1,
        ["a1"],
    ],
)
def test_jwt_03_kid(wire: Wire, refused: Any, authorities: SimpleNamespace, kid: object) -> None:
    refused(authorities.first.token(wire.claims(), header={"kid": kid}))


def test_jwt_03_the_other_issuer_s_key(
    wire: Wire, refused: Any, authorities: SimpleNamespace, tools: Any
) -> None:
    second = authorities.second
    refused(second.token(wire.claims()))
    refused(second.token(wire.claims(), header={"kid": "a1"}))
    refused(second.token(wire.claims(iss="https://nobody.example")))
    assert wire.fhir(second.token(wire.claims(iss=tools.SECOND))).status == 200


def test_jwt_03_keys_in_the_header(
    wire: Wire, refused: Any, authorities: SimpleNamespace, tools: Any
) -> None:
    """Where a key comes from is told by configuration alone: nothing is fetched, no file is read."""
    evil = tools.Authorization(tools.AS, {"e1": authorities.second.keys["b1"]})
    key = orjson.loads(evil.key_set())["keys"][0]
    for header in ({"jwk": key}, {"jku": "https://localhost:9/k"}, {"x5u": "file:///etc/passwd"}):
        refused(evil.token(wire.claims(), header=header))
        refused(evil.token(wire.claims(), header={**header, "kid": "a1"}))
    good = authorities.first.token(wire.claims(), header={"jwk": key, "jku": "https://localhost:9/k"})
    assert wire.fhir(good).status == 200, "passed over"


def test_jwt_03_header(wire: Wire, refused: Any, authorities: SimpleNamespace) -> None:
    first, claims = authorities.first, wire.claims()
    refused(first.token(claims, header={"crit": ["exp"], "exp": 1}))
    refused(first.token(claims, header={"b64": False}))
    refused(first.token(claims, header={"typ": "JWT"}))
    refused(first.token(claims, header={"typ": None}))
    refused(first.token(claims, header={"typ": "dpop+jwt"}))
    assert wire.fhir(first.token(claims, header={"typ": "application/at+jwt"})).status == 200


def test_jwt_03_two_readers(wire: Wire, refused: Any, authorities: SimpleNamespace) -> None:
    text = orjson.dumps(wire.claims())
    refused(authorities.first.token({}, text=text.replace(b'{"iss"', b'{"sub":"dr.evil","iss"', 1)))
    token = authorities.first.token(wire.claims())
    refused(token[:-1] + chr(ord(token[-1]) ^ 1))
    refused(f"{token}.{token}")
    refused(authorities.first.token(wire.claims(sub=["dr.weber"])))


@pytest.mark.parametrize(
    "audience", ["https://other.example", ["https://a.example", "https://b.example"], None, 1]
)
def test_jwt_04_audience(wire: Wire, refused: Any, authorities: SimpleNamespace, audience: object) -> None:
    refused(authorities.first.token(wire.claims(aud=audience)))


def test_jwt_04_ours_among_others(wire: Wire, authorities: SimpleNamespace) -> None:
    for audience in (["https://a.example", wire.url], f"{wire.url}/fhir"):
        assert wire.fhir(authorities.first.token(wire.claims(aud=audience))).status == 200


@pytest.mark.parametrize(
    "times",
    [
        {"iat": -400, "nbf": -400, "exp": -62},
        {"exp": None},
        {"iat": None},
        {"nbf": 70},
        {"iat": 70, "nbf": 70, "exp": 100},
        {"exp": 601},
        {"iat": -600, "nbf": -600, "exp": 10},
        {"exp": 0},
    ],
    ids=["passed", "no-exp", "no-iat", "nbf", "iat", "too-long", "too-old", "no-life"],
)
def test_jwt_05_times(
    wire: Wire, refused: Any, authorities: SimpleNamespace, times: dict[str, int | None]
) -> None:
    now = int(datetime.now(UTC).timestamp())
    told = {name: None if value is None else now + value for name, value in times.items()}
    refused(authorities.first.token(wire.claims(**told)))


@pytest.mark.parametrize("exp", ["soon", True, 1e300])
def test_jwt_05_no_times_at_all(wire: Wire, refused: Any, authorities: SimpleNamespace, exp: object) -> None:
    refused(authorities.first.token(wire.claims(exp=exp)))


def test_jwt_05_within_the_skew(wire: Wire, authorities: SimpleNamespace) -> None:
    now = int(datetime.now(UTC).timestamp())
    for told in ({"iat": now - 300, "nbf": now - 300, "exp": now - 50}, {"iat": now + 50, "nbf": now + 50}):
        assert wire.fhir(authorities.first.token(wire.claims(**told))).status == 200


@pytest.mark.parametrize(
    "scope",
    [
        "ITI-68",
        None,
        "iti-67",
        "user/Binary.read",
        "user/DocumentReference.write",
        "user/DocumentReference.r",
        "system/DocumentReference.read",
        "patient/DocumentReference.read",
        "user/DocumentReference.s?status=current",
    ],
)
def test_jwt_06_scope(
    wire: Wire, authorities: SimpleNamespace, tools: SimpleNamespace, scope: object
) -> None:
    """patient/ without a patient in the token, and a restricted scope, cover nothing."""
    found = wire.fhir(authorities.first.token(wire.claims(scope=scope)))
    assert (found.status, found.error) == (403, "insufficient_scope")
    assert 'scope="ITI-67 user/DocumentReference.s"' in found.headers["www-authenticate"]
    assert orjson.loads(found.body)["issue"][0]["code"] == "forbidden"
    assert found.audit == [tools.query(8)]


@pytest.mark.parametrize(
    "scope",
    ["openid ITI-67", "user/DocumentReference.read", "user/*.rs", "user/DocumentReference.cruds", "user/*.*"],
)
def test_jwt_06_scopes_that_cover_it(wire: Wire, authorities: SimpleNamespace, scope: str) -> None:
    assert wire.fhir(authorities.first.token(wire.claims(scope=scope))).total == 1


def test_jwt_07_where_a_token_stands(
    wire: Wire, authorities: SimpleNamespace, tools: SimpleNamespace
) -> None:
    token = authorities.first.token(wire.claims())
    path = f"/fhir{wire.documents(tools.PATIENT)}"
    good = ("authorization", f"Bearer {token}")
    ways: list[tuple[str, list[tuple[str, str]]]] = [
        (f"{path}&access_token={token}", [good]),
        (path, [good, good]),
        (path, [good, ("authorization", "Basic ZHI6dw==")]),
        (path, [("authorization", "Basic ZHI6dw==")]),
        (path, [("authorization", f"Bearer {token}, Bearer {token}")]),
    ]
    for target, headers in ways:
        found = wire.ask("GET", target, [*headers, ("accept", "application/fhir+json")])
        assert (found.status, found.error) == (401, "invalid_token"), target[:80]
        assert found.audit == [tools.login]
        assert token not in "".join(found.messages)
    wire.check_log(token[-40:])


def test_jwt_08_bound_to_another_certificate(
    wire: Wire, refused: Any, authorities: SimpleNamespace, tools: SimpleNamespace
) -> None:
    other = tools.b64(hashlib.sha256(wire.certificate("pharmacy")).digest())
    refused(authorities.first.token(wire.claims(cnf={"x5t#S256": other})), tools.message)
    stolen = authorities.first.token(wire.claims())
    assert wire.fhir(stolen).status == 200, "remembered from now on, and yet"
    refused(stolen, tools.message, partner="tester", path=wire.documents(tools.PATIENT))


def test_jwt_08_not_bound(
    wire: Wire, refused: Any, authorities: SimpleNamespace, tools: SimpleNamespace
) -> None:
    refused(authorities.first.token(wire.claims(cnf=None)))
    refused(authorities.first.token(wire.claims(cnf={"jkt": "x"})))
    refused(authorities.first.token(wire.claims(cnf={"x5t#S256": "AAAA"})))
    refused(authorities.plain.token(wire.claims(iss=tools.PLAIN, cnf=None))), "this node may not"


def told_of(claims: dict[str, Any], **extension: Any) -> dict[str, Any]:
    return {**claims, "extensions": {**claims["extensions"], **extension}}


@pytest.mark.parametrize("claim", ["patient_id", "person_id"])
def test_jwt_10_another_patient(
    wire: Wire, authorities: SimpleNamespace, tools: SimpleNamespace, claim: str
) -> None:
    root, claims = wire.settings.domain.affinity_oid, wire.claims(scope="patient/DocumentReference.rs")

    def token(patient: str) -> str:
        told = {claim: f"{patient}^^^&{root}&ISO"}
        if claim == "patient_id":
            return str(authorities.first.token(told_of(claims, ihe_bppc=told)))
        return str(
            authorities.first.token(told_of(claims, ihe_iua={**claims["extensions"]["ihe_iua"], **told}))
        )

    assert wire.fhir(token(tools.PATIENT)).total == 1
    found = wire.fhir(token(tools.OTHER))
    assert (found.status, found.error) == (403, "")
    assert found.audit == [tools.query(8)]
    assert 'csd-code="110147"' in found.messages[0], "the decision is inside the event"


def test_jwt_10_a_document_of_another_patient(
    wire: Wire, authorities: SimpleNamespace, tools: SimpleNamespace
) -> None:
    """Named by its own id: hidden, as the policy has it, and told to the audit."""
    root, claims = wire.settings.domain.affinity_oid, wire.claims(scope="patient/Binary.read")
    ((uuid,),) = wire.query("SELECT uuid FROM entry")
    path = f"/Binary/{str(uuid).removeprefix('urn:uuid:')}"

    def asked_with(patient: str) -> Any:
        told = {"patient_id": f"{patient}^^^&{root}&ISO"}
        token = authorities.first.token(told_of(claims, ihe_bppc=told))
        return wire.fhir(token, path, accept="*/*")

    assert asked_with(tools.PATIENT).status == 200
    found = asked_with(tools.OTHER)
    assert (found.status, found.audit) == (404, [("110106", "ITI-68", 8)])
    assert 'csd-code="110147"' in found.messages[0]


def test_jwt_10_a_patient_that_cannot_be_compared(
    wire: Wire, refused: Any, authorities: SimpleNamespace
) -> None:
    claims = wire.claims()
    for told in ("https://localhost/fhir/Patient/1", "IDENT", 1):
        refused(authorities.first.token(told_of(claims, ihe_bppc={"patient_id": told})))


@pytest.mark.parametrize(
    "changes",
    [
        {"subject_role": []},
        {"subject_role": [{"system": "urn:oid:2.999.77", "code": "PHYSICIAN"}]},
        {"purpose_of_use": None},
        {"purpose_of_use": [{"system": "urn:oid:2.16.840.1.113883.5.8", "code": "SPY"}]},
        {"subject_role": "PHYSICIAN"},
    ],
)
def test_role_and_purpose(
    wire: Wire, refused: Any, authorities: SimpleNamespace, changes: dict[str, Any]
) -> None:
    """As SAML-07 (STD-32)."""
    claims = wire.claims()
    refused(authorities.first.token(told_of(claims, ihe_iua={**claims["extensions"]["ihe_iua"], **changes})))


def test_a_system_s_token_is_no_person_s(
    wire: Wire, authorities: SimpleNamespace, tools: SimpleNamespace
) -> None:
    claims = wire.claims(sub="hospital", extensions={}, scope="system/*.rs")
    found = wire.fhir(authorities.first.token(claims))
    assert (found.status, found.audit) == (401, [tools.login])


def test_another_environment_s_token(wire: Wire, refused: Any, authorities: SimpleNamespace) -> None:
    """SEED-74: issuers and audiences are of one environment."""
    refused(authorities.second.token(wire.claims(iss="https://as.preprod.example")))
    refused(authorities.first.token(wire.claims(aud="https://preprod.example")))
