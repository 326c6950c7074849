"""The FHIR form alone: limits, media types, what is proven, and replies that are bound to their request."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pytest
from cryptography import x509
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway import errors
from gateway.bindings.fhir import FhirForm
from gateway.config import Limits
from gateway.crypto.httpsig import Request, sign_request, verify_response
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, Octets, Raw
from gateway.declare.catalogue import Catalogue, build
from gateway.declare.events import query_event
from gateway.declare.transaction import Actors, Codec, Profile, Target, Transaction
from gateway.errors import Meaning, MethodRefused, Problem, Refused, TransactionUnknown

BASE = "https://localhost:8443/fhir"
TRACE = "0123456789abcdef0123456789abcdef"
FORM = "application/x-www-form-urlencoded"


def declared(method: str, path: str, **types: str) -> Transaction[Any, Any]:
    async def handle(_call: Any, _services: Any) -> Any:
        raise NotImplementedError

    return Transaction(
        code=f"{method} {path}",
        title="T",
        section="S",
        actors=Actors("A", "B"),
        binding=Fhir(method, path, **types),
        action=Action.DOCUMENT_QUERY,
        audit=query_event("X", "T"),
        codec=Codec(decode=lambda *_: None, encode=lambda *_: None, refuse=lambda _: None),
        target=lambda _: Target(),
        handle=handle,
    )


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


@pytest.fixture
def form(identity: Callable[..., Any]) -> FhirForm:
    return FhirForm(signer=identity("p256", "gateway").signer, limits=Limits(), base=BASE)


def raw(
    path: str = "/Thing", query: str = "", *, method: str = "GET", body: bytes = b"", **headers: str
) -> Raw:
    return Raw(
        method=method,
        path=f"/fhir{path}",
        query=query,
        target=f"{BASE}{path}" + (f"?{query}" if query else ""),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
    )


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


PATIENT = b'{"resourceType":"Patient","active":true,"name":[{"given":["Anna"]}]}'
IN_XML = (
    b'<Patient xmlns="http://hl7.org/fhir"><active value="true"/><name><given value="Anna"/></name></Patient>'
)


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


# --- seal and fault ------------------------------------------------------------------------------


def test_replies_are_bound_to_their_request(
    form: FhirForm, identity: Callable[..., Any], now: datetime
) -> None:
    ours, theirs = identity("p256", "gateway"), identity("p256", "node")
    url = f"{BASE}/Thing"
    signed = sign_request(Request("GET", url, {}), b"", theirs.signer, now)
    request = Request("GET", url, signed)
    envelope = form.open(replace(raw(), headers={name.lower(): value for name, value in signed.items()}))
    reply = FhirReply(200, "application/fhir+json", Octets(b"{}"), {"x-more": "1"})
    sealed = form.seal(reply, declared("GET", "/Thing"), envelope, now, TRACE)
    assert sealed.headers["x-more"] == "1"
    keyid = verify_response(
        200, sealed.headers, b"{}", request, lambda _: x509.load_der_x509_certificate(ours.der), now
    )
    assert len(keyid) == 64


def test_an_answer_as_xml_is_signed_as_it_leaves(
    form: FhirForm, identity: Callable[..., Any], now: datetime
) -> None:
    envelope = form.open(raw(accept="application/fhir+xml"))
    reply = FhirReply(200, "application/fhir+json", Octets(PATIENT))
    sealed = form.seal(reply, declared("GET", "/Thing"), envelope, now, TRACE)
    body = b"".join(sealed.pieces)
    assert sealed.headers["content-type"] == "application/fhir+xml"
    assert body.endswith(IN_XML)
    ours = identity("p256", "gateway")
    verify_response(
        200,
        sealed.headers,
        body,
        Request("GET", f"{BASE}/Thing", {}),
        lambda _: x509.load_der_x509_certificate(ours.der),
        now,
    )


def test_a_document_leaves_as_it_was_stored_and_its_refusal_as_wanted(form: FhirForm, now: datetime) -> None:
    envelope = form.open(raw("/Binary/7", accept="application/fhir+xml, */*;q=0.1"))
    binary = declared("GET", "/Binary/{id}", gives="*/*")
    stored = form.seal(FhirReply(200, "application/fhir+json", Octets(PATIENT)), binary, envelope, now, TRACE)
    assert (b"".join(stored.pieces), stored.headers["content-type"]) == (PATIENT, "application/fhir+json")
    outcome = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found"}]}'
    refused = form.seal(
        FhirReply(404, "application/fhir+json", Octets(outcome)), binary, envelope, now, TRACE
    )
    assert refused.headers["content-type"] == "application/fhir+xml"
    assert b'<code value="not-found"/>' in b"".join(refused.pieces)


@pytest.mark.parametrize(
    ("query", "headers", "xml"),
    [
        ("", {"accept": "application/fhir+xml"}, True),
        ("_format=xml", {"accept": "application/fhir+json"}, True),
        ("_format=json", {"accept": "application/fhir+xml"}, False),
        ("a=%zz&_format=xml", {}, True),
        ("", {"content_type": "application/fhir+xml"}, True),
        ("", {"accept": "text/html"}, False),
    ],
)
def test_faults_come_in_the_form_that_is_wanted(
    form: FhirForm,
    now: datetime,
    query: str,
    headers: dict[str, str],
    xml: bool,  # noqa: FBT001
) -> None:
    sealed = form.fault(errors.Malformed("x"), raw(query=query, **headers), None, now, TRACE)
    assert b"".join(sealed.pieces).startswith(b"<?xml" if xml else b"{")
    assert sealed.headers["content-type"] == f"application/fhir+{'xml' if xml else 'json'}"


@pytest.mark.parametrize("signature", ["x", "sig=:A:", "sig=:AAAA:,", 'sig="AAAA"', "sig=:****:"])
def test_a_signature_that_is_none_stops_nothing(form: FhirForm, now: datetime, signature: str) -> None:
    envelope = form.open(raw(signature=signature))
    reply = FhirReply(200, "text/plain", Octets(b""))
    assert form.seal(reply, declared("GET", "/Thing"), envelope, now, TRACE).status == 200
    assert form.fault(errors.Malformed("x"), raw(signature=signature), None, now, TRACE).status == 400


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.NodeRefused("secret"), 403, "forbidden"),
        (errors.NodeNotPermitted("secret"), 403, "forbidden"),
        (errors.TooLarge("x"), 413, "too-long"),
        (errors.TooComplex("x"), 400, "too-costly"),
        (errors.Malformed("x"), 400, "structure"),
        (errors.MediaTypeUnsupported("x"), 415, "not-supported"),
        (errors.TransactionUnknown("x"), 404, "not-found"),
        (errors.MethodRefused("x", allowed=("GET",)), 405, "not-supported"),
        (errors.TokenMissing("secret"), 401, "login"),
        (errors.TokenInvalid("secret"), 401, "security"),
        (errors.TokenUnsupported("secret"), 401, "security"),
        (errors.SignerRefused("secret"), 401, "security"),
        (errors.SignatureBroken("secret"), 401, "security"),
        (errors.AlgorithmRefused("secret"), 401, "security"),
        (errors.Denied("x", reason="secret"), 403, "forbidden"),
        (errors.Busy("x"), 503, "transient"),
        (errors.Defect("secret"), 500, "exception"),
        (errors.SchemaInvalid("x"), 400, "structure"),
        (errors.Refused(Problem(Meaning.NOT_ACCEPTABLE, "x")), 406, "not-supported"),
        (errors.Refused(Problem(Meaning.TOO_WIDE, "x")), 400, "too-costly"),
        (errors.Refused(Problem(Meaning.TOO_MANY_RESULTS, "x")), 400, "too-costly"),
        (errors.Refused(Problem(Meaning.GENERAL, "x")), 400, "invalid"),
        (ValueError("secret"), 500, "exception"),
    ],
)
def test_every_refusal_is_an_outcome(
    form: FhirForm, now: datetime, error: Exception, status: int, code: str
) -> None:
    sealed = form.fault(error, raw(), None, now, TRACE)
    text = b"".join(sealed.pieces).decode()
    OperationOutcome.model_validate(orjson.loads(text))
    issue = orjson.loads(text)["issue"][0]
    assert (sealed.status, issue["code"], issue["severity"]) == (status, code, "error")
    assert issue["details"]["text"].endswith(f"[trace {TRACE}]")
    assert "secret" not in text
    assert sealed.headers["content-type"] == "application/fhir+json"
    assert sealed.headers["x-request-id"] == TRACE
    assert "signature" in sealed.headers
    assert ("www-authenticate" in sealed.headers) == (status == 401)
    assert ("retry-after" in sealed.headers) == (status == 503)
    assert ("allow" in sealed.headers) == (status == 405)


def test_a_url_that_is_too_long_has_a_status_of_its_own(form: FhirForm, now: datetime) -> None:
    long = raw(query="a=" + "x" * 9000)
    assert form.fault(errors.TooLarge("x"), long, None, now, TRACE).status == 414
