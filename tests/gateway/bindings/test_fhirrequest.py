"""Media types, preferences and the token of a FHIR request, one by one."""

import base64

import pytest

from gateway.bindings.fhirrequest import (
    accepts,
    accepts_resource,
    bearer_token,
    named_format,
    strict,
    wanted_type,
    wants_xml,
)
from gateway.errors import Malformed, TokenInvalid

ASSERTION = b'<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1"/>'


@pytest.mark.parametrize(
    ("accept", "media_type", "taken"),
    [
        ("", "text/plain", True),
        ("text/plain", "text/plain; charset=utf-8", True),
        ("TEXT/PLAIN", "text/plain", True),
        ("text/*", "text/xml", True),
        ("text/*;q=0, text/xml", "text/xml", True),
        ("text/*, text/xml;q=0.000", "text/xml", False),
        ("*/*;q=0", "text/xml", False),
        ("*/*, application/*;q=0", "application/pdf", False),
        ("image/png", "text/xml", False),
        ("text/xml;q=2", "text/xml", False),
        (",,;", "text/xml", False),
    ],
)
def test_the_most_specific_range_counts(accept: str, media_type: str, taken: bool) -> None:  # noqa: FBT001
    assert accepts(accept, media_type) is taken


def test_resources_have_general_names_too() -> None:
    for name in ("application/json", "application/fhir+json", "application/fhir+xml", "text/xml", ""):
        assert accepts_resource(name), name
    assert not accepts_resource("text/html")
    assert not accepts_resource("application/fhir+xml;q=0")


@pytest.mark.parametrize(
    ("accept", "content_type", "xml"),
    [
        ("", "", False),
        ("*/*", "", False),
        ("*/*", "application/fhir+json", False),
        ("", "application/fhir+xml; charset=utf-8", True),
        ("*/*", "application/fhir+xml", True),
        ("application/fhir+json", "application/fhir+xml", False),
        ("application/fhir+xml", "application/fhir+json", True),
        ("application/xml", "", True),
        ("application/fhir+xml, */*", "", True),
        ("application/fhir+json, */*", "application/fhir+xml", False),
        ("application/fhir+xml;q=0.5, application/fhir+json", "", False),
        ("application/fhir+xml, application/fhir+json;q=0.9", "", True),
        ("application/fhir+xml, application/fhir+json", "", False),
        ("text/html", "", False),
    ],
)
def test_which_form_is_wanted(accept: str, content_type: str, xml: bool) -> None:  # noqa: FBT001
    assert wants_xml(accept, content_type) is xml


def test_the_format_of_a_query_that_cannot_be_read() -> None:
    assert named_format("a=%zz&_format=xml") == "application/fhir+xml"
    assert named_format("_format=application%2Ffhir%2Bjson&x") == "application/fhir+json"
    assert named_format("x_format=xml") is None


def test_format_twice() -> None:
    with pytest.raises(Malformed):
        wanted_type("", (("_format", "json"), ("_format", "xml")))


@pytest.mark.parametrize(
    ("prefer", "wanted"),
    [("", False), ("handling=lenient", False), ("handling = Strict", True), ("a;b, handling=strict", True)],
)
def test_strict(prefer: str, wanted: bool) -> None:  # noqa: FBT001
    assert strict(prefer) is wanted


def test_the_token_is_an_assertion_in_base64url() -> None:
    token = base64.urlsafe_b64encode(ASSERTION).rstrip(b"=").decode()
    for written in (f"Bearer {token}", f"bearer {token}", f" BEARER  {token} "):
        element, _ = bearer_token(written)
        assert element is not None
        assert element.get("ID") == "_1"
    assert bearer_token("") == (None, None)


@pytest.mark.parametrize(
    "octets", [b"", b"<a", ASSERTION * 2, b"<!DOCTYPE a><a/>", b"<a>" * 200 + b"</a>" * 200]
)
def test_a_token_that_is_not_one_element(octets: bytes) -> None:
    token = base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
    with pytest.raises(TokenInvalid):
        bearer_token(f"Bearer {token}")
