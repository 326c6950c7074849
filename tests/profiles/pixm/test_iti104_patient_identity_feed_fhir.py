"""ITI-104: add, revise, resolve, remove; whose domain; every refusal with its status and issue."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome

from tests.fhirbench import (
    AFFINITY,
    BASE,
    HIDDEN,
    HOSPITAL,
    HOSPITAL_URI,
    LABORATORY,
    NATIONAL,
    Bench,
    patient,
    replaced,
    token,
    urn,
)

NOT_SOURCE = "this system is not the source of the domain of the identifier"


@pytest.fixture(params=["json", "xml"])
def either(bench: Bench, request: pytest.FixtureRequest) -> Bench:
    return bench if request.param == "json" else bench.in_xml()


def test_a_patient_is_created_and_then_revised(either: Bench) -> None:
    answer = either.feed(patient(HOSPITAL, "H-1"))
    assert answer.status == 201
    OperationOutcome.model_validate(answer.json)
    location = answer.headers["location"]
    assert location.startswith(f"{BASE}/Patient/")
    read = either.follow(location)
    assert (read.status, read.json["birthDate"]) == (200, "1970-05-17")
    again = either.feed(patient(HOSPITAL, "H-1", birthDate="1970-05-18"))
    assert (again.status, again.headers.get("location")) == (200, None)
    assert either.follow(location).json["birthDate"] == "1970-05-18"
    same = either.feed(patient(HOSPITAL, "H-1", birthDate="1970-05-18"))
    assert same.status == 200


def test_what_a_revision_leaves_out_is_deleted(bench: Bench) -> None:
    full = patient(
        HOSPITAL,
        "H-1",
        address=[{"city": "Esch"}],
        telecom=[{"system": "phone", "value": "+352 1"}],
        deceasedBoolean=False,
    )
    location = bench.feed(full).headers["location"]
    assert {"address", "telecom", "gender", "deceasedBoolean"} <= bench.follow(location).json.keys()
    bench.feed(patient(HOSPITAL, "H-1", gender=None))
    left = bench.follow(location).json
    assert not {"address", "telecom", "gender", "deceasedBoolean"} & left.keys()
    assert left["birthDate"] == "1970-05-17"


def test_identifiers_of_one_message_are_one_person(bench: Bench) -> None:
    told = patient(HOSPITAL, "H-1")
    told["identifier"].append({"system": urn(AFFINITY), "value": "A-1"})
    assert bench.feed(told).status == 201
    assert bench.others(token(AFFINITY, "A-1")) == [f"{HOSPITAL_URI}|H-1"]


def test_a_system_may_be_named_by_any_of_its_uris(bench: Bench) -> None:
    told = patient(HOSPITAL, "H-1")
    told["identifier"][0]["system"] = HOSPITAL_URI
    answer = bench.send("/Patient", {"identifier": token(HOSPITAL, "H-1")}, method="PUT", body=told)
    assert answer.status == 201
    assert bench.feed(told).status == 200


def test_identifiers_of_other_sources_are_evidence_only(bench: Bench) -> None:
    told = patient(LABORATORY, "L-1")
    told["identifier"] += [
        {"system": urn(HOSPITAL), "value": "H-9"},
        {"system": urn("2.999.77"), "value": "X-1"},
        {"system": "http://nowhere.example/ids", "value": "Y-1"},
    ]
    assert bench.feed(told, node="laboratory").status == 201
    assert bench.ask(token(HOSPITAL, "H-9")).status == 404
    assert bench.others(token(LABORATORY, "L-1")) == []


def test_a_duplicate_is_resolved(either: Bench) -> None:
    for value in ("H-1", "H-2"):
        told = patient(HOSPITAL, value, name=[{"family": value}], birthDate=f"19{value[-1]}0-01-01")
        assert either.feed(told).status == 201
    answer = either.feed(replaced(HOSPITAL, "H-1", "H-2"))
    assert answer.status == 200, answer.body
    assert either.ask(token(HOSPITAL, "H-1")).issue[:2] == (404, "not-found")
    rows = either.audit(answer)
    assert [('EventActionCode="D"' in row.message, "H-1" in row.message) for row in rows] == [
        (True, True),
        (False, False),
    ]


def test_a_removed_identifier_is_gone_for_good(either: Bench) -> None:
    told = patient(HOSPITAL, "H-1")
    either.feed(told)
    assert either.ask(token(HOSPITAL, "H-1")).status == 200
    answer = either.remove(token(HOSPITAL, "H-1"))
    assert (answer.status, answer.body) == (204, b"")
    assert either.ask(token(HOSPITAL, "H-1")).status == 404
    assert either.remove(token(HOSPITAL, "H-1")).issue[:2] == (404, "not-found")
    assert either.feed(told).issue[:2] == (409, "conflict")


@pytest.mark.parametrize(
    ("root", "node"),
    [(LABORATORY, "hospital"), (HIDDEN, "hospital"), (HOSPITAL, "laboratory"), ("2.999.77", "hospital")],
)
def test_a_source_touches_its_own_domains_only(bench: Bench, root: str, node: str) -> None:
    bench.feed(patient(LABORATORY, "X-1"), node="laboratory")
    bench.feed(patient(HOSPITAL, "X-1"))
    refused = (403, "forbidden", NOT_SOURCE)
    assert bench.feed(patient(root, "X-1"), node=node).issue == refused
    assert bench.feed(replaced(root, "X-1", "X-2"), node=node).issue == refused
    assert bench.remove(token(root, "X-1"), node=node).issue == refused


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "required"),
        ("identifier=7", 400, "invalid"),
        ("identifier=|7", 400, "invalid"),
        (f"identifier=urn:oid:{HOSPITAL}|", 400, "invalid"),
        ("identifier=", 400, "invalid"),
        (f"identifier=urn:oid:{HOSPITAL}|1,urn:oid:{HOSPITAL}|2", 412, "multiple-matches"),
        (f"identifier=urn:oid:{HOSPITAL}|1&identifier=urn:oid:{HOSPITAL}|2", 412, "multiple-matches"),
        (f"identifier=urn:oid:{HOSPITAL}|1&birthdate=1970", 400, "not-supported"),
        (f"identifier:missing=true&identifier=urn:oid:{HOSPITAL}|1", 400, "not-supported"),
    ],
)
def test_the_url_names_one_identifier(bench: Bench, query: str, status: int, code: str) -> None:
    for method in ("PUT", "DELETE"):
        body = patient(HOSPITAL, "1") if method == "PUT" else None
        answer = bench.send("/Patient", query, method=method, body=body)
        assert answer.issue[:2] == (status, code), answer.body


def without(name: str) -> Any:
    return lambda told: told.pop(name)


def put(**more: Any) -> Any:
    return lambda told: told.update(more)


def named(value: str) -> Any:
    return put(identifier=[{"system": urn(HOSPITAL), "value": value}])


NOWHERE = {"identifier": {"system": "http://nowhere.example", "value": "v"}}
REPLACED = {"other": NOWHERE, "type": "replaced-by"}
UNNAMED = {"other": {"reference": "Patient/1"}, "type": "replaced-by"}
OTHER_WAY = {"other": {"reference": "Patient/1"}, "type": "seealso"}
MODIFIER = {"url": "http://x", "valueCode": "y"}
SURVIVOR = "Patient.link[0].other.identifier"


@pytest.mark.parametrize(
    ("edit", "status", "code", "place"),
    [
        (without("identifier"), 422, "required", "Patient.identifier"),
        (without("name"), 422, "required", "Patient.name"),
        (put(identifier=[{"value": "H-1"}]), 422, "required", "Patient.identifier[0].system"),
        (put(identifier=[{"system": urn(HOSPITAL)}]), 422, "required", "Patient.identifier[0].value"),
        (named("H-2"), 422, "invalid", "Patient.identifier"),
        (named("H^1"), 422, "invalid", "Patient.identifier[0].value"),
        (put(implicitRules="http://x"), 422, "invariant", "Patient.implicitRules"),
        (put(modifierExtension=[MODIFIER]), 422, "invariant", "Patient.modifierExtension"),
        (
            put(active=True, link=[{**OTHER_WAY, "modifierExtension": [MODIFIER]}]),
            422,
            "invariant",
            "Patient.link[0].modifierExtension",
        ),
        (put(gender="F"), 400, "code-invalid", "Patient.gender"),
        (put(active=False), 422, "invariant", "Patient.active"),
        (put(birthDate="1970-02-30"), 400, "structure", "Patient.birthDate"),
        (put(surname="X"), 400, "structure", "Patient"),
        (put(link=[REPLACED]), 422, "invariant", "Patient.active"),
        (put(link=[OTHER_WAY]), 422, "invariant", "Patient.active"),
        (put(active=True, link=[REPLACED]), 422, "invariant", "Patient.active"),
        (put(active=False, link=[UNNAMED]), 422, "required", SURVIVOR),
        (put(active=False, link=[REPLACED, REPLACED]), 422, "invariant", "Patient.link"),
        (put(active=False, link=[REPLACED]), 422, "not-found", SURVIVOR),
    ],
)
def test_a_patient_that_is_not_taken(bench: Bench, edit: Any, status: int, code: str, place: str) -> None:
    told = deepcopy(patient(HOSPITAL, "H-1"))
    edit(told)
    answer = bench.send("/Patient", {"identifier": token(HOSPITAL, "H-1")}, method="PUT", body=told)
    assert (answer.issue[:2], answer.place) == ((status, code), place), answer.body
    OperationOutcome.model_validate(answer.json)
    assert bench.ask(token(HOSPITAL, "H-1")).status == 404


def test_only_a_patient_is_taken(bench: Bench) -> None:
    told = {"resourceType": "Practitioner", "active": True}
    answer = bench.send("/Patient", {"identifier": token(HOSPITAL, "H-1")}, method="PUT", body=told)
    assert answer.issue[:2] == (400, "invalid")


def test_a_body_is_needed(bench: Bench) -> None:
    answer = bench.send("/Patient", {"identifier": token(HOSPITAL, "H-1")}, method="PUT")
    assert answer.issue[:2] == (400, "invalid")


def test_who_cannot_replace_whom(bench: Bench) -> None:
    for value in ("H-1", "H-2", "H-3"):
        bench.feed(patient(HOSPITAL, value, name=[{"family": value}], birthDate=None))
    bench.feed(patient(AFFINITY, "A-1", name=[{"family": "other"}], birthDate=None))
    survivor = "Patient.link[0].other.identifier"

    def tried(told: dict[str, Any]) -> tuple[int, str, str]:
        answer = bench.feed(told)
        return *answer.issue[:2], answer.place

    assert tried(replaced(HOSPITAL, "H-1", "H-9")) == (422, "not-found", survivor)
    assert tried(replaced(HOSPITAL, "H-9", "H-1")) == (422, "not-found", "Patient.identifier")
    assert tried(replaced(HOSPITAL, "H-1", "H-1")) == (409, "conflict", "Patient.identifier")
    assert tried(replaced(HOSPITAL, "H-1", "A-1", by_root=AFFINITY))[:2] == (422, "not-found")
    assert bench.feed(replaced(HOSPITAL, "H-2", "H-1")).status == 200
    assert tried(replaced(HOSPITAL, "H-3", "H-2")) == (409, "conflict", survivor)
    assert tried(replaced(HOSPITAL, "H-2", "H-3")) == (409, "conflict", "Patient.identifier")
    assert tried(patient(HOSPITAL, "H-2")) == (409, "conflict", "Patient.identifier")


def test_two_identifiers_of_one_domain_are_one_too_many(bench: Bench) -> None:
    told = patient(HOSPITAL, "H-1")
    told["identifier"].append({"system": urn(HOSPITAL), "value": "H-2"})
    answer = bench.feed(told)
    assert (answer.issue[:2], answer.place) == ((422, "invariant"), "Patient.identifier")
    told["identifier"][1]["use"] = "old"
    assert bench.feed(told).status == 201


def test_the_same_patient_told_many_times_at_once_is_one(bench: Bench) -> None:
    query = {"identifier": token(HOSPITAL, "H-1")}
    body = patient(HOSPITAL, "H-1")
    requests = [bench.raw("/Patient", query, method="PUT", body=body) for _ in range(8)]
    answers = bench.at_once(*requests)
    assert sorted(each.status for each in answers) == [200] * 7 + [201]
    assert bench.search(("family", "schmit")).json["total"] == 1


def test_the_audit_tells_what_was_done(bench: Bench) -> None:
    created = bench.feed(patient(NATIONAL, "1970051700019"))
    updated = bench.feed(patient(NATIONAL, "1970051700019", gender="male"))
    removed = bench.remove(token(NATIONAL, "1970051700019"))
    actions = []
    for answer in (created, updated, removed):
        (row,) = bench.audit(answer)
        assert (row.transaction, row.outcome) == ("ITI-104", 0)
        assert "110110" in row.message
        assert f"1970051700019^^^&amp;{NATIONAL}&amp;ISO" in row.message
        actions.append(row.message.partition('EventActionCode="')[2][0])
    assert actions == ["C", "U", "D"]


def test_refusals_tell_nothing_of_the_patient(bench: Bench) -> None:
    told = patient(HOSPITAL, "SECRET-1", name=[{"family": "SECRET"}], gender="SECRET")
    assert b"SECRET" not in bench.feed(told).body
    assert b"SECRET" not in bench.feed(patient(LABORATORY, "SECRET-1")).body


def test_who_may_not_call_learns_nothing(bench: Bench) -> None:
    bench.feed(patient(HOSPITAL, "H-1"))
    for value in ("H-1", "H-2"):
        for node in ("pharmacy", "audit-source"):
            answer = bench.feed(patient(HOSPITAL, value), node=node)
            assert answer.issue[:2] == (403, "forbidden")
            assert bench.remove(token(HOSPITAL, value), node=node).issue[:2] == (403, "forbidden")
        assert bench.feed(patient(HOSPITAL, value), signed_in=False).issue[:2] == (401, "login")
