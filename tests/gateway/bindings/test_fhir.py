"""The FHIR form alone: limits, media types, and what is proven."""

import hashlib
from dataclasses import replace

import orjson
import pytest

from gateway import errors
from gateway.bindings.fhir import FhirForm
from gateway.declare.bindings import Raw
from gateway.declare.catalogue import Catalogue, build
from gateway.declare.transaction import Profile
from gateway.errors import Meaning, MethodRefused, Refused, TransactionUnknown
from tests.gateway.bindings.fhirforms import BASE, IN_XML, PATIENT, declared, raw

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def catalogue() -> Catalogue:
    paths = (("GET", "/Thing"), ("POST", "/Thing"), ("GET", "/Thing/{id}"))
    resources = (declared(*each) for each in paths)
    files = (
        declared("GET", "/Binary/{id}", gives="*/*"),
        declared("POST", "/$in", takes="application/zip"),
        declared("GET", "/$out", gives="application/zip"),
    )
    return build([Profile(code="X", title="X", transactions=(*resources, *files))])


# --- open ----------------------------------------------------------------------------------------


def test_limits_have_a_last_good_and_a_first_bad_value(form: FhirForm) -> None:
    room = 8192 - len(f"{BASE}/Thing?a=")
    assert form.open(raw(query="a=" + "x" * room)).parameters == (("a", "x" * room),)
    with pytest.raises(errors.TooLarge):
        form.open(raw(query="a=" + "x" * (room + 1)))
    assert len(form.open(raw(query="&".join(["a=1"] * 50))).parameters) == 50
    with pytest.raises(errors.TooComplex):
        form.open(raw(query="&".join(["a=1"] * 51)))
    assert form.open(raw(query="a=" + "1," * 99)).parameters
    with pytest.raises(errors.TooComplex):
        form.open(raw(query="a=" + "1," * 100))
    small = replace(form, limits=replace(form.limits, fhir_bytes=3))
    assert small.open(raw("/Thing/_search", method="POST", body=b"a=1", content_type=FORM)).parameters
    with pytest.raises(errors.TooLarge):
        small.open(raw("/Thing/_search", method="POST", body=b"a=12", content_type=FORM))


def test_parameters_keep_their_order_and_lose_those_of_the_binding(form: FhirForm) -> None:
    opened = form.open(raw(query="b=1&a=%C3%A9%2C+x&_format=json&b=&_pretty=true"))
    assert opened.parameters == (("b", "1"), ("a", "é, x"), ("b", ""))


@pytest.mark.parametrize(
    "query", ["a", "a=%zz", "a=%", "a=%ff", "a=é", "a=1&&b=2", "a=%00", "a=%0a", "%09=1"]
)
def test_queries_that_cannot_be_read(form: FhirForm, query: str) -> None:
    with pytest.raises(errors.Malformed):
        form.open(raw(query=query))


def test_bodies(form: FhirForm, catalogue: Catalogue) -> None:
    with pytest.raises(errors.Malformed):
        form.open(raw(body=b"{}"))
    with pytest.raises(errors.Malformed):
        form.open(raw("/Thing/_search", method="POST", body=b"a=\xff", content_type=FORM))
    with pytest.raises(errors.MediaTypeUnsupported):
        form.open(raw("/Thing/_search", method="POST", body=b"{}", content_type="application/json"))
    with pytest.raises(errors.MediaTypeUnsupported):
        matched(form, catalogue, raw(method="POST", body=b"{}", content_type="text/plain"))
    with pytest.raises(errors.MediaTypeUnsupported):
        matched(
            form,
            catalogue,
            raw(method="POST", body=b"{}", content_type="application/fhir+json;charset=latin1"),
        )
    small = replace(form, limits=replace(form.limits, fhir_bytes=2))
    fitting = raw(method="POST", body=b"{}", content_type="application/json")
    assert matched(small, catalogue, fitting)[0] == "POST /Thing"
    with pytest.raises(errors.TooLarge):
        matched(small, catalogue, replace(fitting, body=b"{ }"))
    kept = form.open(raw(method="POST", body=b"{}", content_type="application/fhir+json; charset=UTF-8"))
    assert (kept.body, kept.parameters) == (b"{}", ())


def test_paths_outside_the_base(form: FhirForm) -> None:
    for path in ("/fhirx/Thing", "/Thing"):
        with pytest.raises(TransactionUnknown):
            form.open(replace(raw(), path=path))


# --- match ---------------------------------------------------------------------------------------


def matched(form: FhirForm, catalogue: Catalogue, request: Raw) -> tuple[str, dict[str, str]]:
    envelope = form.open(request)
    return form.match(envelope, catalogue).code, envelope.variables


def test_a_search_by_post_is_the_search_by_get(form: FhirForm, catalogue: Catalogue) -> None:
    assert matched(form, catalogue, raw()) == ("GET /Thing", {})
    assert matched(form, catalogue, raw("/Thing/_search", method="POST")) == ("GET /Thing", {})
    assert matched(form, catalogue, raw(method="POST")) == ("POST /Thing", {})
    assert matched(form, catalogue, raw("/Thing/7")) == ("GET /Thing/{id}", {"id": "7"})
    with pytest.raises(TransactionUnknown):
        matched(form, catalogue, raw("/Binary/7/_search", method="POST"))
    with pytest.raises(MethodRefused) as refused:
        matched(form, catalogue, raw(method="PUT"))
    assert refused.value.allowed == ("GET", "POST")


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ("", True),
        ("*/*", True),
        ("application/*", True),
        ("application/fhir+json; fhirVersion=4.0", True),
        ("application/fhir+xml, application/json;q=0.1", True),
        ("application/fhir+json;fhirVersion=5.0", False),
        ("application/fhir+xml", True),
        ("application/xml", True),
        ("application/fhir+json;q=0", False),
        ("text/html", False),
        ("*/*;q=x", False),
    ],
)
def test_json_and_xml_are_answered(form: FhirForm, catalogue: Catalogue, accept: str, taken: bool) -> None:  # noqa: FBT001
    if taken:
        assert matched(form, catalogue, raw(accept=accept))[0] == "GET /Thing"
        return
    with pytest.raises(Refused) as refused:
        matched(form, catalogue, raw(accept=accept))
    assert refused.value.problems[0].meaning is Meaning.NOT_ACCEPTABLE


@pytest.mark.parametrize(
    ("query", "accept", "taken"),
    [
        ("_format=json", "text/html", True),
        ("_format=application/fhir+json", "application/fhir+xml", True),
        ("_format=application/fhir%2Bjson", "", True),
        ("_format=xml", "text/html", True),
        ("_format=ttl", "", False),
    ],
)
def test_format_wins_over_accept(
    form: FhirForm,
    catalogue: Catalogue,
    query: str,
    accept: str,
    taken: bool,  # noqa: FBT001
) -> None:
    envelope = form.open(raw(query=query, accept=accept))
    if taken:
        assert form.match(envelope, catalogue)
        return
    with pytest.raises(Refused):
        form.match(envelope, catalogue)


def test_a_binary_has_a_type_of_its_own(form: FhirForm, catalogue: Catalogue) -> None:
    envelope = form.open(raw("/Binary/7", accept="application/pdf"))
    assert form.match(envelope, catalogue).code == "GET /Binary/{id}"
    assert envelope.accept == "application/pdf"


def test_a_body_that_is_no_resource_has_a_type_and_a_limit_of_its_own(
    form: FhirForm, catalogue: Catalogue
) -> None:
    small = replace(form, limits=replace(form.limits, fhir_bytes=1, media_bytes=3))
    given = raw("/$in", method="POST", body=b"zip", content_type="application/zip")
    assert matched(small, catalogue, given)[0] == "POST /$in"
    with pytest.raises(errors.TooLarge):
        matched(small, catalogue, replace(given, body=b"long"))
    with pytest.raises(errors.MediaTypeUnsupported):
        matched(form, catalogue, replace(given, headers={"content-type": "application/fhir+json"}))


def test_an_answer_that_is_no_resource_has_a_type_of_its_own(form: FhirForm, catalogue: Catalogue) -> None:
    assert matched(form, catalogue, raw("/$out", accept="application/zip"))[0] == "GET /$out"
    with pytest.raises(Refused) as refused:
        matched(form, catalogue, raw("/$out", accept="application/fhir+json"))
    assert "application/zip" in refused.value.detail


# --- prove ---------------------------------------------------------------------------------------


def test_what_is_proven(form: FhirForm) -> None:
    envelope = form.open(raw(query="a=1", prefer='return=minimal; handling="strict"'))
    proven = form.prove(envelope, None, None)  # type: ignore[arg-type]
    assert proven.payload.parameters == (("a", "1"),)
    assert proven.payload.base == BASE
    assert proven.payload.strict
    assert (proven.assertion, proven.message_id, len(proven.digest)) == (None, None, 32)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/fhir+json", PATIENT),
        ("application/json; charset=utf-8", PATIENT),
        ("application/fhir+xml", IN_XML),
        ("text/xml", IN_XML),
    ],
)
def test_a_resource_is_read_once_and_always_json(form: FhirForm, content_type: str, body: bytes) -> None:
    envelope = form.open(raw(method="POST", body=body, content_type=content_type))
    proven = form.prove(envelope, None, None)  # type: ignore[arg-type]
    assert proven.payload.resource == orjson.loads(PATIENT)
    assert orjson.loads(proven.payload.body) == orjson.loads(PATIENT)
    assert proven.digest == hashlib.sha256(body).digest()


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        ("application/fhir+json", b"[]", errors.SchemaInvalid),
        ("application/fhir+json", b"{", errors.Malformed),
        ("application/fhir+json", IN_XML, errors.Malformed),
        (
            "application/fhir+json",
            b'{"resourceType":"Patient","active":true,"active":false}',
            errors.Malformed,
        ),
        ("application/fhir+json", b'{"resourceType":"Thing"}', errors.SchemaInvalid),
        ("application/fhir+json", b'{"resourceType":"Patient","active":"true"}', errors.SchemaInvalid),
        ("application/fhir+json", b"[" * 65 + b"]" * 65, errors.Malformed),
        ("application/fhir+json", b"[" * 100_000, errors.Malformed),
        ("application/fhir+xml", PATIENT, errors.Malformed),
        ("application/fhir+xml", b"<!DOCTYPE Patient>" + IN_XML, errors.Malformed),
        ("application/fhir+xml", IN_XML.replace(b"true", b"yes"), errors.SchemaInvalid),
        ("application/fhir+xml", IN_XML.replace(b"fhir", b"other"), errors.SchemaInvalid),
    ],
)
def test_bodies_that_are_no_resource(
    form: FhirForm, content_type: str, body: bytes, error: type[Exception]
) -> None:
    envelope = form.open(raw(method="POST", body=body, content_type=content_type))
    with pytest.raises(error):
        form.prove(envelope, None, None)  # type: ignore[arg-type]


def test_a_body_that_is_no_resource_is_left_as_it_is(form: FhirForm) -> None:
    envelope = form.open(raw("/$in", method="POST", body=b"zip", content_type="application/zip"))
    payload = form.prove(envelope, None, None).payload  # type: ignore[arg-type]
    assert (payload.body, payload.resource) == (b"zip", None)
