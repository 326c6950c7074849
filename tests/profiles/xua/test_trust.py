"""profiles.xua.wire: what is asked for, and answers that are canonical and follow the published schema."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from gateway import schemas
from gateway.crypto.xmldsig import c14n
from gateway.errors import Meaning, Problem, Refused, SchemaInvalid
from gateway.record.people import Code
from profiles.xua.codes import BEARER, PUBLIC_KEY, WST
from profiles.xua.wire.trust import read_request, refuse, write_answer
from tests.asking import PHYSICIAN, TREATMENT, asked_body, coded

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ASSERTION = b'<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1"></saml2:Assertion>'


def read(body: bytes) -> object:
    return read_request(etree.fromstring(body))


@pytest.mark.parametrize("bearer", [True, False])
@pytest.mark.parametrize("context", [None, 'urn:x?a=1&b="<2>"'])
def test_answers_are_canonical_and_follow_the_schema(bearer: bool, context: str | None) -> None:  # noqa: FBT001
    reply = write_answer(
        ASSERTION, "_1", "https://a.example/?x=1&y=<2>", bearer=bearer, context=context, start=NOW, end=NOW
    )
    (text,) = reply.pieces
    element = etree.fromstring(text)
    assert c14n(element) == text
    schemas.validate("wstrust", element)
    assert element.findtext(f".//{{{WST}}}KeyType") == (BEARER if bearer else PUBLIC_KEY)


def test_a_request_is_read() -> None:
    request = read(asked_body(more=f"<wst:KeyType>{WST}/Bearer</wst:KeyType>"))
    assert request.asked.role == Code(*PHYSICIAN)
    assert request.asked.purpose == Code(*TREATMENT)
    assert (request.applies_to, request.bearer) == (None, True)


def test_claims_may_be_left_out_and_types_too() -> None:
    kind = f"<w:RequestType>{WST}/Issue</w:RequestType>"
    text = f'<w:RequestSecurityToken xmlns:w="{WST}">{kind}</w:RequestSecurityToken>'
    assert read(text.encode()).asked.role is None


@pytest.mark.parametrize(
    "body",
    [
        b"<x/>",
        f'<w:RequestSecurityToken xmlns:w="{WST}">text</w:RequestSecurityToken>'.encode(),
        asked_body(more="<wst:Unknown/>"),
        asked_body(
            more='<wst:KeySize xmlns:wst="http://docs.oasis-open.org/ws-sx/ws-trust/200512">x</wst:KeySize>'
        ),
    ],
)
def test_what_is_no_request(body: bytes) -> None:
    with pytest.raises(SchemaInvalid):
        read(body)


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        (asked_body(coded("Role", "", "2.999")), Meaning.SCOPE_REFUSED),
        (asked_body(coded("Role", *PHYSICIAN), coded("Role", *PHYSICIAN)), Meaning.SCOPE_REFUSED),
        (asked_body(more=f"<wst:RequestType>{WST}/Issue</wst:RequestType>"), Meaning.NOT_SUPPORTED),
        (asked_body().replace(b"/Issue<", b"/Iss<!-- -->ue<"), Meaning.INVALID_REQUEST),
        (asked_body(more="<wst:Claims/>"), Meaning.INVALID_REQUEST),
    ],
)
def test_what_is_refused(body: bytes, meaning: Meaning) -> None:
    with pytest.raises(Refused) as refused:
        read(body)
    assert refused.value.problems[0].meaning in {meaning, Meaning.INVALID_REQUEST}


@pytest.mark.parametrize(
    ("meaning", "code", "status"),
    [
        (Meaning.INVALID_REQUEST, b"wst:InvalidRequest", 400),
        (Meaning.SCOPE_REFUSED, b"wst:InvalidScope", 400),
        (Meaning.GRANT_REFUSED, b"wst:FailedAuthentication", 400),
        (Meaning.AUDIENCE_REFUSED, b"wst:RequestFailed", 400),
        (Meaning.BUSY, b"env:Receiver", 503),
    ],
)
def test_faults_are_those_of_ws_trust(meaning: Meaning, code: bytes, status: int) -> None:
    reply = refuse((Problem(meaning, "why & <how>"),))
    (text,) = reply.pieces
    assert reply.fault == status
    assert b"<env:Value>" + code in text
    assert c14n(etree.fromstring(text)) == text
