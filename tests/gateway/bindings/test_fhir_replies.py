"""The FHIR form alone: replies that are bound to their request, and refusals."""

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
from gateway.crypto.httpsig import Request, sign_request, verify_response
from gateway.declare.bindings import FhirReply, Octets
from gateway.errors import Meaning, Problem
from tests.gateway.bindings.fhirforms import BASE, IN_XML, PATIENT, declared, raw

TRACE = "0123456789abcdef0123456789abcdef"


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
