"""ITI-67 through the whole pipeline: what is found, what is refused, what is told."""

import base64
import re
from typing import Any

import orjson
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway.declare.bindings import FhirRequest
from gateway.errors import Refused
from gateway.record.people import PatientId
from profiles.mhd.iti67_find_document_references import TRANSACTION, decode, target
from profiles.mhd.iti67_find_document_references.parameters import PARAMETERS

DOCUMENTS = "/DocumentReference"
PATIENT = "patient.identifier=urn:oid:2.999.1.1%7CP-1"
FORM = "application/x-www-form-urlencoded"


def numbers(answer: Any) -> list[int]:
    assert answer.status == 200, answer.body
    return sorted(int(each[:8], 16) for each in answer.ids)


# --- found ---------------------------------------------------------------------------------------


def test_current_documents_newest_first_as_a_valid_bundle(bench: Any) -> None:
    answer = bench.find("")
    Bundle.model_validate(answer.json)
    assert answer.ids == [bench.uuid(4), bench.uuid(3), bench.uuid(1)]
    assert answer.json["total"] == 3
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.headers["cache-control"] == "no-store"
    for each in answer.json["entry"]:
        identifier = each["resource"]["id"]
        assert each["fullUrl"] == f"https://localhost:8443/fhir/DocumentReference/{identifier}"
        url = each["resource"]["content"][0]["attachment"]["url"]
        assert url == f"https://localhost:8443/fhir/Binary/{identifier}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=current", [1, 3, 4]),
        ("status=superseded", [2]),
        ("status=current,superseded", [1, 2, 3, 4]),
        ("status=entered-in-error", []),
        ("status=http://hl7.org/fhir/document-reference-status%7Ccurrent", [1, 3, 4]),
        ("type=http://loinc.org%7C34105-7", [1, 4]),
        ("type=urn:oid:2.16.840.1.113883.6.1%7C34105-7", [1, 4]),
        ("type=http://loinc.org%7C34105-7,http://loinc.org%7C11502-2", [1, 3, 4]),
        ("type=11502-2", [3]),
        ("type=http://loinc.org%7C", [1, 3, 4]),
        ("type=http://snomed.info/sct%7C", []),
        ("type=%7C11502-2", []),
        ("type=http://loinc.org%7C34105-7&type=11502-2", []),
        ("category=http://loinc.org%7C34133-9", [1, 3, 4]),
        ("category=http://loinc.org%7C0", []),
        ("setting=http://snomed.info/sct%7C394802001", [1, 3, 4]),
        ("facility=22232009", [1, 3, 4]),
        ("format=urn:ihe:iti:xds:2017:mimeTypeSufficient", [1, 3, 4]),
        ("event=urn:oid:2.999.7%7CEV_1&event=urn:oid:2.999.7%7CEV2", [1, 3, 4]),
        ("event=EV_1", [1, 3, 4]),
        ("event=EV%251", []),
        ("event=EVX1", []),
        ("event=urn:oid:2.999.7%7C", [1, 3, 4]),
        ("event=%7CEV_1", []),
        ("security-label=http://terminology.hl7.org/CodeSystem/v3-Confidentiality%7CN", [1, 3, 4]),
        ("security-label=R", []),
        ("author.family=Welby", [1, 3, 4]),
        ("author.family=wel", [1, 3, 4]),
        ("author.family=Marcus", []),
        ("author.given=marc", [1, 3, 4]),
        ("author.family=Zorba,Kildare&status=superseded,current", [1, 2, 3, 4]),
        ("author.given=Welby&status=superseded", [2]),
        ("identifier=urn:oid:2.999.4.1", [1]),
        ("identifier=urn:ietf:rfc:3986%7Curn:oid:2.999.4.1,2.999.4.3", [1, 3]),
        ("identifier=urn:uuid:00000003-0000-4000-8000-000000000000", [3]),
        ("identifier=urn:oid:2.999.4%7C1", []),
        ("related=urn:oid:2.999.11%7CORDER_1", [1, 3]),
        ("related=ORDER_1", [1, 3]),
        ("related=ORDERX1", []),
        ("related=urn:oid:2.999.12%7CORDER_1", []),
    ],
)
def test_filters(bench: Any, query: str, expected: list[int]) -> None:
    assert numbers(bench.find(query)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("creation=ge2026-01-02T03:04:05Z", [1, 3, 4]),
        ("creation=gt2026-01-02T03:04:05Z", []),
        ("creation=lt2026-01-02T03:04:05Z", [2]),
        ("creation=le2026-01-02T03:04:05Z", [1, 2, 3, 4]),
        ("creation=2026", [1, 3, 4]),
        ("creation=eq2026-01", [1, 3, 4]),
        ("creation=2026-01-02", [1, 3, 4]),
        ("creation=2026-01-02T04:04:05%2B01:00", [1, 3, 4]),
        ("creation=2026-01-02T03:04", [1, 3, 4]),
        ("creation=2026-01-02T03:04Z", [1, 3, 4]),
        ("creation=ge2025-06-01&creation=lt2025-06-02", [2]),
        ("creation=sa2025-12", [1, 3, 4]),
        ("creation=eb2025-12", [2]),
        ("date=2025", [2]),
        ("period=ge2026-01-02", [1, 2, 4]),
        ("period=ge2026-01-03", []),
        ("period=lt2026-01-02", [1, 2, 4]),
        ("period=lt2026-01-01", []),
        ("period=ge2026-01-01&period=lt2026-02-01", [1, 2, 4]),
        ("period=2026-01", [1, 2, 4]),
        ("period=sa2026-01-01", []),
        ("period=eb2026-01-03", [1, 2, 4]),
    ],
)
def test_dates(bench: Any, query: str, expected: list[int]) -> None:
    assert numbers(bench.find(f"status=current,superseded&{query}")) == expected


def test_search_by_form_is_the_same_search(bench: Any) -> None:
    body = f"{PATIENT}&status=current&type=11502-2".encode()
    by_form = bench.send(f"{DOCUMENTS}/_search", method="POST", body=body, content_type=FORM)
    assert numbers(by_form) == [3]
    mixed = bench.send(
        f"{DOCUMENTS}/_search",
        f"{PATIENT}&status=current",
        method="POST",
        body=b"type=11502-2",
        content_type=f"{FORM}; charset=UTF-8",
    )
    assert mixed.json["link"] == by_form.json["link"]
    assert mixed.ids == by_form.ids


def test_documents_by_identifier_alone(bench: Any) -> None:
    answer = bench.send(DOCUMENTS, "identifier=urn:oid:2.999.4.2")
    assert numbers(answer) == [2]
    assert answer.json["entry"][0]["resource"]["status"] == "superseded"


def test_nothing_found_is_a_success(bench: Any) -> None:
    answer = bench.find("type=none")
    Bundle.model_validate(answer.json)
    assert answer.json["total"] == 0
    assert "entry" not in answer.json


def test_relations_lead_only_to_what_the_caller_sees(bench: Any) -> None:
    found = {each["resource"]["id"]: each["resource"] for each in bench.find("").json["entry"]}
    replaced = found[bench.uuid(3)]["relatesTo"]
    assert replaced[0]["code"] == "replaces"
    assert replaced[0]["target"]["identifier"]["value"] == f"urn:uuid:{bench.uuid(2)}"
    assert found[bench.uuid(4)]["relatesTo"][0]["code"] == "appends"
    assert "relatesTo" not in found[bench.uuid(1)]


# --- what may not be seen ------------------------------------------------------------------------


def test_a_denied_record_looks_like_an_unknown_one(bench: Any) -> None:
    denied = bench.send(DOCUMENTS, "patient.identifier=urn:oid:2.999.1.1%7CP-2&status=current")
    unknown = bench.send(DOCUMENTS, "patient.identifier=urn:oid:2.999.1.1%7CP-3&status=current")
    assert (denied.status, denied.json["total"]) == (unknown.status, unknown.json["total"]) == (200, 0)
    assert '"reason":"CONSENT"' in bench.audit_of(denied).decision


def test_a_confidential_document_is_not_there(bench: Any) -> None:
    assert bench.find("identifier=urn:oid:2.999.4.5").json["total"] == 0
    assert bench.send(DOCUMENTS, "identifier=urn:oid:2.999.4.5").json["total"] == 0


def test_an_assertion_for_another_patient_is_refused(bench: Any) -> None:
    token = bench.token(patient=PatientId("P-2", "2.999.1.1"))
    answer = bench.find("", token=token)
    assert (answer.status, answer.issue) == (403, "forbidden")


# --- FHIR-01 … FHIR-05 ---------------------------------------------------------------------------


def test_fhir_01_nothing_asked(bench: Any) -> None:
    answer = bench.send(DOCUMENTS)
    OperationOutcome.model_validate(answer.json)
    assert (answer.status, answer.issue) == (400, "required")
    assert [each["location"] for each in answer.json["issue"]] == [["patient.identifier"], ["status"]]
    assert answer.json["issue"][0]["details"]["coding"][0]["code"] == "XDSStoredQueryMissingParam"
    trace = answer.headers["x-request-id"]
    assert f"[trace {trace}]" in answer.json["issue"][0]["details"]["text"]
    row = bench.audit_of(answer)
    assert (row.transaction, row.outcome) == ("ITI-67", 4)


def test_fhir_02_unknown_parameters(bench: Any) -> None:
    refused = bench.find("colour=red", prefer="handling=strict")
    assert (refused.status, refused.issue) == (400, "not-supported")
    lenient = bench.find("colour=red", prefer="handling=lenient")
    assert lenient.json["total"] == 3
    assert "colour" not in lenient.json["link"][0]["url"]
    assert b"colour=red" in base64.b64decode(_query_of(bench.audit_of(lenient).message))


def _query_of(message: str) -> str:
    found = re.search(r"<ParticipantObjectQuery>([^<]+)<", message)
    assert found is not None
    return found[1]


def test_fhir_03_count(bench: Any) -> None:
    capped = bench.find("_count=1000000")
    assert "_count=200" in capped.json["link"][0]["url"]
    for wrong in ("-1", "abc", "", "1.5", "1&_count=2"):
        answer = bench.find(f"_count={wrong}")
        assert (answer.status, answer.issue) == (400, "invalid"), wrong


def test_a_page_tells_what_it_leaves_out(bench: Any) -> None:
    answer = bench.find("_count=1")
    Bundle.model_validate(answer.json)
    assert answer.json["total"] == 3
    assert answer.ids == [bench.uuid(4)]
    outcome = answer.json["entry"][-1]
    assert outcome["search"]["mode"] == "outcome"
    assert outcome["resource"]["issue"][0]["severity"] == "warning"
    assert bench.find("_count=0").json.get("entry") is None


@pytest.mark.parametrize("query", ["_include=*", "_revinclude=Provenance:target", "_include:iterate=*"])
def test_fhir_04_includes(bench: Any, query: str) -> None:
    answer = bench.find(query)
    assert (answer.status, answer.issue) == (400, "not-supported")


@pytest.mark.parametrize(
    "query",
    [
        "patient.organization.partof.name=x",
        "_has:Provenance:target:agent=x",
        "_filter=status%20eq%20x",
        "type:not=x",
        "patient:Patient.name=x",
        "patient=Patient/1",
        "subject=Patient/1",
    ],
)
def test_fhir_05_chains_modifiers_and_references(bench: Any, query: str) -> None:
    answer = bench.find(query)
    assert (answer.status, answer.issue) == (400, "not-supported")


def test_a_reference_to_a_patient_is_told_what_to_use(bench: Any) -> None:
    answer = bench.send(DOCUMENTS, "patient=Patient/1&status=current")
    assert "patient.identifier=urn:oid:" in answer.json["issue"][0]["details"]["text"]


@pytest.mark.parametrize(
    "query",
    [
        "status=final",
        "status=urn:x%7Ccurrent",
        "status=",
        "type=",
        "type=%7C",
        "creation=yesterday",
        "creation=ge2026-13",
        "creation=2026-02-30",
        "creation=9999-12-31",
        "creation=2026-01-01,2026-02-01",
        "creation=2026-01-01T10:00:00 01:00",
    ],
)
def test_values_that_cannot_be_read(bench: Any, query: str) -> None:
    answer = bench.find(query.replace(" ", "+"))
    assert (answer.status, answer.issue) == (400, "invalid")


@pytest.mark.parametrize(
    "query",
    [
        "creation=ne2026",
        "creation=ap2026",
        "identifier=2.999.4.1,urn:uuid:00000001-0000-4000-8000-000000000000",
    ],
)
def test_what_this_search_does_not_know(bench: Any, query: str) -> None:
    answer = bench.find(query)
    assert (answer.status, answer.issue) == (400, "not-supported")


@pytest.mark.parametrize(
    "value",
    ["P-1", "urn:oid:2.999.1.1%7C", "urn:x%7CP-1", "urn:oid:2.999.1.1%7CP^1", "a%7Cb,c%7Cd"],
)
def test_patients_that_cannot_be_meant(bench: Any, value: str) -> None:
    answer = bench.send(DOCUMENTS, f"patient.identifier={value}&status=current")
    assert (answer.status, answer.issue) == (400, "invalid")


# --- audit ---------------------------------------------------------------------------------------


def test_a_search_is_audited_with_patient_and_query(bench: Any) -> None:
    answer = bench.find("type=11502-2")
    row = bench.audit_of(answer)
    assert (row.transaction, row.outcome) == ("ITI-67", 0)
    assert "P-1^^^&amp;2.999.1.1&amp;ISO" in row.message
    assert b"type=11502-2" in base64.b64decode(_query_of(row.message))


def test_the_declaration_lists_every_parameter() -> None:
    listed = [name for name, _ in TRANSACTION.binding.parameters]  # type: ignore[union-attr]
    assert listed == ["patient.identifier", *PARAMETERS]


def test_target_names_documents_only_without_a_patient() -> None:
    def asked(*parameters: tuple[str, str]) -> Any:
        return target(decode(FhirRequest({}, parameters, b"", "", "https://x/fhir"), None))  # type: ignore[arg-type]

    alone = asked(("identifier", "2.999.4.1"))
    assert [(each.by, each.values) for each in alone.named] == [("unique-id", ("2.999.4.1",))]
    both = asked(("identifier", "2.999.4.1"), ("patient.identifier", "urn:oid:2.999.1.1|P-1"))
    assert both.named == ()
    assert len(both.patients) == 1
    with pytest.raises(Refused):
        asked(("status", "current"))


def test_refusals_are_outcomes_whatever_is_accepted(bench: Any) -> None:
    answer = bench.find("", accept="text/turtle")
    assert (answer.status, answer.issue) == (406, "not-supported")
    assert orjson.loads(answer.body)["resourceType"] == "OperationOutcome"
