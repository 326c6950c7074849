"""What concerns all of MHD: tokens, nodes, paths, and the capability statement that tells of it."""

import asyncio
import base64
from typing import Any

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway.declare.bindings import Raw
from gateway.errors import MessageStale, NodeRefused, TooLarge
from gateway.pipeline.run import refuse
from gateway.record.people import Code
from profiles.mhd.profile import PROFILE

QUERY = "patient.identifier=urn:oid:2.999.1.1%7CP-1&status=current"
DOCUMENTS = "/DocumentReference"


def encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic dXNlcjpwYXNz",
        "Bearer",
        "Bearer  ",
        "Bearer abc=",
        "Bearer a.b.c",
        f"Bearer {encoded(b'<a/>')}",
        f"Bearer {encoded(b'not xml')}",
        f"Bearer {encoded(b'<!DOCTYPE a><a/>')}",
        "Bearer abc, Bearer abc",
        "Bearer abcde",
    ],
)
def test_tokens_that_are_none(bench: Any, authorization: str) -> None:
    answer = bench.send(DOCUMENTS, QUERY, authorization=authorization)
    OperationOutcome.model_validate(answer.json)
    assert (answer.status, answer.issue) == (401, "security")
    assert answer.headers["www-authenticate"] == 'Bearer realm="passerelle", error="invalid_token"'
    row = bench.audit_of(answer)
    assert "110114" in row.message
    assert row.outcome == 8
    token = authorization.partition(" ")[2].strip()
    assert not token or token not in row.message


def test_the_token_never_stands_in_the_url(bench: Any) -> None:
    answer = bench.send(DOCUMENTS, f"{QUERY}&access_token={bench.token()}", token=None)
    assert (answer.status, answer.issue) == (401, "security")


def test_no_token(bench: Any) -> None:
    answer = bench.send(DOCUMENTS, QUERY, token=None)
    assert (answer.status, answer.issue) == (401, "login")
    assert answer.headers["www-authenticate"] == 'Bearer realm="passerelle"'


def test_tokens_that_do_not_hold(bench: Any) -> None:
    wrong = [
        bench.token(audience="https://elsewhere.example"),
        bench.token(life=-1),
        bench.token(issuer="urn:somebody"),
        bench.token(confirmation=None),
        bench.token("pharmacy"),
        bench.token(role=Code("NOBODY", "2.999.1.1"), confirmation=None),
    ]
    for token in wrong:
        answer = bench.send(DOCUMENTS, QUERY, token=token)
        assert (answer.status, answer.issue) == (401, "security")


def test_bearer_where_the_node_may(bench: Any) -> None:
    token = bench.token(confirmation=None)
    assert bench.send(DOCUMENTS, QUERY, token=token, node="patient-portal").status == 200


def test_nodes_that_may_not(bench: Any) -> None:
    for node in ("laboratory", None):
        answer = bench.send(DOCUMENTS, QUERY, node=node)
        assert (answer.status, answer.issue) == (403, "forbidden")
        assert "laboratory" not in answer.body.decode()


def test_the_tester_needs_no_token(bench: Any) -> None:
    assert bench.send(DOCUMENTS, QUERY, node="tester", token=None).json["total"] == 4


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/Practitioner", 404, None),
        ("GET", "/DocumentReference/x", 404, None),
        ("GET", "/", 405, "POST"),
        ("GET", "/Binary/../metadata", 404, None),
        ("PUT", "/DocumentReference", 405, "GET"),
        ("DELETE", "/Binary/x", 405, "GET"),
        ("GET", "/DocumentReference/_search", 405, "POST"),
        ("POST", "/metadata", 405, "GET"),
        ("POST", "/Binary/x/_search", 404, None),
        ("POST", "/$expunge", 404, None),
    ],
)
def test_paths_and_methods(bench: Any, method: str, path: str, status: int, allow: str | None) -> None:
    answer = bench.send(path, method=method)
    assert answer.status == status
    assert answer.headers.get("allow") == allow
    assert "110113" in bench.audit_of(answer).message


def test_fhir_13_media_types(bench: Any) -> None:
    def post(content_type: str) -> tuple[int, str]:
        answer = bench.send(
            f"{DOCUMENTS}/_search", method="POST", body=QUERY.encode(), content_type=content_type
        )
        return answer.status, answer.issue

    assert post("text/plain") == (415, "not-supported")
    assert post("application/x-www-form-urlencoded; charset=latin1") == (415, "not-supported")
    assert post("") == (415, "not-supported")
    both = [
        bench.send(DOCUMENTS, f"{QUERY}&_format={wanted}", accept=accept).headers["content-type"]
        for wanted, accept in (("json", "application/fhir+xml"), ("xml", "application/fhir+json"))
    ]
    assert both == ["application/fhir+json", "application/fhir+xml"]
    assert bench.send(DOCUMENTS, f"{QUERY}&_format=ttl").status == 406


# --- the capability statement --------------------------------------------------------------------


def test_every_node_reads_the_capabilities_without_a_token(bench: Any) -> None:
    for node in ("hospital", "laboratory", "audit-source", "tester"):
        answer = bench.send("/metadata", node=node, token=None)
        assert answer.status == 200, node
        CapabilityStatement.model_validate(answer.json)
    row = bench.audit_of(answer)
    assert (row.transaction, row.outcome) == ("FHIR-METADATA", 0)
    assert "capabilities" in row.message


def test_a_token_that_comes_along_is_still_checked(bench: Any) -> None:
    assert bench.send("/metadata").status == 200
    assert bench.send("/metadata", authorization="Bearer abc").status == 401
    assert bench.send("/metadata", node=None, token=None).status == 403
    assert bench.send("/metadata", token=None, accept="text/turtle").status == 406
    answer = bench.send("/metadata", token=None, accept="application/fhir+xml")
    assert answer.body.startswith(b"<?xml")
    assert b'<fhirVersion value="4.0.1"/>' in answer.body


def test_the_statement_tells_of_every_transaction(bench: Any) -> None:
    statement = bench.send("/metadata", token=None).json
    resources = {each["type"]: each for each in statement["rest"][0]["resource"]}
    told = [each["documentation"] for resource in resources.values() for each in resource["interaction"]]
    for transaction in PROFILE.transactions:
        assert any(text.startswith(f"{transaction.code} ") for text in told)
    assert {"name": "status", "type": "token"} in resources["DocumentReference"]["searchParam"]


# --- refusals before the request is read ---------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [(TooLarge("body too large"), 413), (NodeRefused("x"), 403), (MessageStale("x"), 401)],
)
def test_refusals_of_the_transport(bench: Any, error: Any, status: int) -> None:
    raw = Raw(method="POST", path="/fhir/x", target="https://localhost:8443/fhir/x")
    sealed = asyncio.run(refuse(raw, bench.gateway.fhir, bench.gateway.engine, error))
    assert sealed.status == status
    assert b"OperationOutcome" in sealed.pieces[0]
