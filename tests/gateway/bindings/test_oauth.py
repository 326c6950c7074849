"""gateway.bindings.oauth and oauthfault: forms in, JSON or a redirect out."""

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from gateway import errors
from gateway.bindings.oauth import LARGEST, OauthForm
from gateway.bindings.oauthfault import error_of, fault_reply
from gateway.config import Limits
from gateway.declare.bindings import OauthReply, Raw
from gateway.errors import (
    GatewayError,
    Malformed,
    MediaTypeUnsupported,
    NodeRefused,
    TokenInvalid,
    TooComplex,
    TooLarge,
)
from tests.issuing import CLIENT, URL

NOW = datetime(2026, 3, 4, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"
OAUTH = OauthForm(issuer=URL, limits=Limits())


def post(body: bytes, **changes: object) -> Raw:
    raw = Raw(
        method="POST",
        path="/oauth2/token",
        target=f"{URL}/oauth2/token",
        headers={"content-type": FORM},
        body=body,
    )
    return replace(raw, **changes)  # type: ignore[arg-type]


def test_each_parameter_once_and_empty_ones_not_at_all() -> None:
    opened = OAUTH.open(post(b"grant_type=client_credentials&scope=&x=%C3%A9+y"))
    assert opened.parameters == {"grant_type": "client_credentials", "x": "é y"}


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (post(b"a=1&a=2"), Malformed),
        (post(b"a=1&a="), Malformed),
        (post(b"a"), Malformed),
        (post(b"a=%ZZ"), Malformed),
        (post(b"a=%FF"), Malformed),
        (post(b"a=\xc3\xa9"), Malformed),
        (post(b"a=%00"), Malformed),
        (post(b"&".join(b"a%d=1" % at for at in range(31))), TooComplex),
        (post(b"a=1", query="b=2"), Malformed),
        (post(b"a=1", headers={"content-type": "application/json"}), MediaTypeUnsupported),
        (post(b"a=" + b"1" * LARGEST), TooLarge),
        (post(b"", target=f"{URL}/{'x' * 8192}"), TooLarge),
        (Raw(method="GET", path="/oauth2/jwks", target=URL, body=b"x"), Malformed),
    ],
)
def test_what_cannot_be_opened(raw: Raw, error: type[GatewayError]) -> None:
    with pytest.raises(error):
        OAUTH.open(raw)


def test_limits_are_met_exactly() -> None:
    assert len(OAUTH.open(post(b"&".join(b"a%d=1" % at for at in range(30)))).parameters) == 30
    assert OAUTH.open(post(b"a=" + b"1" * (LARGEST - 2))).parameters["a"]


@pytest.mark.parametrize("body", [b"client_id=other", b"client_secret=x", b"password=x"])
def test_a_client_is_the_node_of_its_certificate(body: bytes) -> None:
    with pytest.raises(NodeRefused):
        OAUTH.prove(OAUTH.open(post(body)), CLIENT, NOW)
    assert OAUTH.prove(OAUTH.open(post(b"client_id=portal")), CLIENT, NOW).payload.client == "portal"


@pytest.mark.parametrize(
    ("header", "error"),
    [("Basic eDp5", NodeRefused), ("Bearer", TokenInvalid), ("Bearer a, Bearer b", TokenInvalid)],
)
def test_other_ways_to_authenticate(header: str, error: type[GatewayError]) -> None:
    raw = post(b"a=1", headers={"content-type": FORM, "authorization": header})
    with pytest.raises(error):
        OAUTH.prove(OAUTH.open(raw), CLIENT, NOW)


def test_a_bearer_token_is_handed_on() -> None:
    raw = post(b"a=1", headers={"content-type": FORM, "authorization": "Bearer a.b-_~+/=="})
    assert OAUTH.prove(OAUTH.open(raw), CLIENT, NOW).payload.bearer == "a.b-_~+/=="


def test_answers_are_never_kept_by_others() -> None:
    sealed = OAUTH.seal(OauthReply(200, {"a": 1}), None, OAUTH.open(post(b"a=1")), NOW, "t")  # type: ignore[arg-type]
    assert (sealed.status, sealed.headers["cache-control"], sealed.headers["x-request-id"]) == (
        200,
        "no-store",
        "t",
    )
    assert orjson.loads(b"".join(sealed.pieces)) == {"a": 1}


def test_a_redirect_keeps_what_the_address_has() -> None:
    form = replace(OAUTH, redirects=lambda _: "https://c.example/back?x=1")
    raw = Raw(method="GET", path="/oauth2/authorize", query="state=%26a%3D%0", target=URL)
    raw = replace(raw, query="state=%26a")
    sealed = form.seal(OauthReply(200, {"code": "c"}), None, form.open(raw), NOW, "t")  # type: ignore[arg-type]
    assert sealed.headers["location"] == (
        "https://c.example/back?x=1&code=c&iss=https%3A%2F%2Flocalhost%3A8443&state=%26a"
    )
    assert (sealed.status, sealed.size) == (302, 0)


def every_error() -> list[type[GatewayError]]:
    found = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, GatewayError)
    ]
    return [each for each in found if each.__init__ is GatewayError.__init__]


@pytest.mark.parametrize("kind", every_error(), ids=lambda each: each.__name__)
def test_every_error_has_an_answer(kind: type[GatewayError]) -> None:
    form = error_of(kind("why"))
    assert 400 <= form.status <= 503
    told = fault_reply(kind('wh"y\\ é'), "t").members["error_description"]
    assert '"' not in told
    assert "\\" not in told
    assert told.isascii()


def test_a_defect_tells_nothing() -> None:
    told = fault_reply(ZeroDivisionError("secret"), "t")
    assert (told.status, told.members["error"]) == (500, "server_error")
    assert "secret" not in told.members["error_description"]
