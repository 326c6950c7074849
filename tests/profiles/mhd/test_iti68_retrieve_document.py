"""ITI-68 through the whole pipeline: octets that leave, and those that do not."""

import base64
import hashlib
from typing import Any

import pytest
from cryptography import x509
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway.crypto.httpsig import Request, verify_response
from gateway.errors import SignatureBroken


def outcome(answer: Any) -> tuple[int, str, str]:
    """Status, issue and text without the trace id."""
    OperationOutcome.model_validate(answer.json)
    return answer.status, answer.issue, answer.json["issue"][0]["details"]["text"].partition(" [trace")[0]


def test_the_octets_as_they_were_stored(bench: Any) -> None:
    attachment = bench.find("identifier=2.999.4.1").json["entry"][0]["resource"]["content"][0]["attachment"]
    answer = bench.send(attachment["url"].removeprefix("https://localhost:8443/fhir"))
    assert (answer.status, answer.body) == (200, b"Hello")
    assert answer.headers["content-type"] == attachment["contentType"] == "text/plain"
    assert len(answer.body) == attachment["size"]
    digest = hashlib.sha1(answer.body, usedforsecurity=False).digest()
    assert base64.b64encode(digest).decode() == attachment["hash"]


def test_deprecated_documents_are_read(bench: Any) -> None:
    assert bench.send(f"/Binary/{bench.uuid(2)}").body == b"old"


def test_fhir_09_ids_that_are_none(bench: Any) -> None:
    upper = bench.uuid(1).replace("0", "A")
    for wrong in ("../../x", "x" * 65, "x" * 36, upper, "a\x00b", "%2e%2e%2f"):
        answer = bench.send(f"/Binary/{wrong}")
        assert (answer.status, answer.issue) == (404, "not-found"), wrong


def test_fhir_10_what_may_not_be_seen_is_unknown(bench: Any) -> None:
    answers = [bench.send(f"/Binary/{bench.uuid(number)}") for number in (6, 5, 99)]
    of_another, confidential, unknown = answers
    assert outcome(of_another) == outcome(confidential) == outcome(unknown)
    assert outcome(unknown)[:2] == (404, "not-found")
    rows = [bench.audit_of(answer) for answer in answers]
    assert {row.outcome for row in rows} == {8}
    assert all("110147" in row.message for row in rows)
    assert '"hidden":["2.999.4.5"]' in rows[1].decision
    version = bench.send(f"/Binary/{bench.uuid(1)}/_history/1")
    assert (version.status, version.issue) == (404, "not-found")


def test_fhir_11_nothing_runs_in_a_browser(bench: Any) -> None:
    answer = bench.send(f"/Binary/{bench.uuid(4)}")
    assert answer.body == b"<script>alert(1)</script>"
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("", 200),
        ("*/*", 200),
        ("text/*", 200),
        ("text/plain", 200),
        ("application/pdf, text/plain;q=0.1", 200),
        ("application/pdf", 406),
        ("application/fhir+json", 406),
        ("*/*, text/plain;q=0", 406),
    ],
)
def test_only_the_stored_type_is_answered(bench: Any, accept: str, status: int) -> None:
    answer = bench.send(f"/Binary/{bench.uuid(1)}", accept=accept)
    assert answer.status == status


def test_reply_is_signed_for_this_request(bench: Any) -> None:
    answer = bench.send(f"/Binary/{bench.uuid(1)}")
    certificate = bench.gateway.signer.certificate

    def lookup(_keyid: str) -> Any:
        return x509.load_der_x509_certificate(certificate)

    url = f"https://localhost:8443/fhir/Binary/{bench.uuid(1)}"
    at = bench.gateway.engine.clock()
    verify_response(200, answer.headers, answer.body, Request("GET", url, {}), lookup, at)
    with pytest.raises(SignatureBroken):
        verify_response(200, answer.headers, answer.body, Request("GET", url + "x", {}), lookup, at)


def test_a_retrieve_is_audited_with_patient_and_document(bench: Any) -> None:
    row = bench.audit_of(bench.send(f"/Binary/{bench.uuid(1)}"))
    assert (row.transaction, row.outcome) == ("ITI-68", 0)
    assert f"urn:uuid:{bench.uuid(1)}" in row.message
    assert "P-1^^^&amp;2.999.1.1&amp;ISO" in row.message


def test_unreadable_octets_are_a_fault_of_ours(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = bench.gateway.engine.services.repository
    monkeypatch.setattr(store, "_blobs", type(store._blobs)(bench.gateway.settings.folder / "elsewhere"))
    answer = bench.send(f"/Binary/{bench.uuid(1)}")
    assert (answer.status, answer.issue) == (500, "exception")
    assert answer.json["issue"][0]["details"]["coding"][0]["code"] == "XDSRepositoryError"
    assert "elsewhere" not in answer.body.decode()
