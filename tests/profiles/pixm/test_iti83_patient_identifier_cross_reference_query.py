"""ITI-83: the cases of PIXm 2:3.83.4.2.2, in JSON and XML, by business and by logical identifier."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.parameters import Parameters

from profiles.pixm.codes import ANSWER_PROFILE
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

HOSPITAL_ID, NATIONAL_ID = f"{HOSPITAL_URI}|H-1", token(NATIONAL, "N-1")
ANNA = f"sourceIdentifier=urn:oid:{AFFINITY}%7CA-1"
NO_SOURCE = (400, "code-invalid", "sourceIdentifier Assigning Authority not found")
NOBODY = (404, "not-found", "sourceIdentifier Patient Identifier not found")
NO_TARGET = (403, "code-invalid", "targetSystem not found")


@pytest.fixture(params=["json", "xml"])
def known(bench: Bench, request: pytest.FixtureRequest) -> Bench:
    """A person with identifiers of three domains, of which nobody but the tester may see a fourth."""
    told = patient(HOSPITAL, "H-1")
    told["identifier"] += [
        {"system": urn(AFFINITY), "value": "A-1"},
        {"system": urn(NATIONAL), "value": "N-1"},
    ]
    assert bench.feed(told).status == 201
    hidden = patient(HIDDEN, "X-1")
    hidden["identifier"].append({"system": urn(AFFINITY), "value": "A-1"})
    assert bench.feed(hidden, node="tester").status == 201
    return bench if request.param == "json" else bench.in_xml()


def test_all_other_identifiers(known: Bench) -> None:
    answer = known.ask(token(AFFINITY, "A-1"))
    assert answer.status == 200
    Parameters.model_validate(answer.json)
    assert answer.json["parameter"][0]["valueIdentifier"]["assigner"] == {"display": "HOSPITAL"}
    assert known.others(token(AFFINITY, "A-1")) == [HOSPITAL_ID, NATIONAL_ID]
    assert known.others(token(HOSPITAL, "H-1")) == [token(AFFINITY, "A-1"), NATIONAL_ID]
    assert known.others(HOSPITAL_ID) == [token(AFFINITY, "A-1"), NATIONAL_ID]


def test_those_of_the_domains_that_are_asked_for(known: Bench) -> None:
    source = token(AFFINITY, "A-1")
    assert known.others(source, urn(HOSPITAL)) == [HOSPITAL_ID]
    assert known.others(source, HOSPITAL_URI, urn(NATIONAL)) == [HOSPITAL_ID, NATIONAL_ID]
    assert known.others(source, urn(LABORATORY)) == []
    assert known.others(source, urn(AFFINITY)) == []


def test_a_person_without_other_identifiers(bench: Bench) -> None:
    bench.feed(patient(HOSPITAL, "H-7"))
    assert bench.ask(token(HOSPITAL, "H-7")).json == {
        "resourceType": "Parameters",
        "meta": {"profile": [ANSWER_PROFILE]},
    }


def test_the_resource_where_it_is_asked_for(known: Bench) -> None:
    answer = known.ask(token(AFFINITY, "A-1"), BASE)
    (only,) = answer.json["parameter"]
    assert only["name"] == "targetId"
    reference = only["valueReference"]["reference"]
    assert known.follow(reference).json["id"] == reference.rpartition("/")[2]
    both = known.ask(token(AFFINITY, "A-1"), f"{BASE}/", urn(NATIONAL)).json["parameter"]
    assert [each["name"] for each in both] == ["targetIdentifier", "targetId"]


def test_the_source_may_be_a_resource(known: Bench) -> None:
    reference = known.ask(token(AFFINITY, "A-1"), BASE).json["parameter"][0]["valueReference"]["reference"]
    source = f"{BASE}|Patient/{reference.rpartition('/')[2]}"
    assert known.others(source) == [token(AFFINITY, "A-1"), HOSPITAL_ID, NATIONAL_ID]
    assert known.others(source, urn(NATIONAL)) == [NATIONAL_ID]
    assert known.ask(source, urn("2.999.77")).issue == NO_TARGET
    assert known.ask(source, urn(HIDDEN)).issue == NO_TARGET
    for nobody in ("Patient/1", "Patient/zz", "Patient/ffffffffffffffff"):
        assert known.ask(f"{BASE}|{nobody}").issue == NOBODY


@pytest.mark.parametrize(
    ("source", "targets", "expected"),
    [
        (token(HOSPITAL, "H-9"), (), NOBODY),
        (token(HOSPITAL, "H-9"), (urn("2.999.77"),), NOBODY),
        (token("2.999.77", "H-1"), (), NO_SOURCE),
        ("http://nowhere.example|H-1", (), NO_SOURCE),
        (token(HIDDEN, "X-1"), (), NO_SOURCE),
        (f"{BASE}|H-1", (), NO_SOURCE),
        ("http://other.example/fhir|Patient/1", (), NO_SOURCE),
        (token(AFFINITY, "A-1"), (urn("2.999.77"),), NO_TARGET),
        (token(AFFINITY, "A-1"), (urn(HOSPITAL), "http://nowhere.example"), NO_TARGET),
        (token(AFFINITY, "A-1"), (urn(HIDDEN),), NO_TARGET),
    ],
)
def test_who_is_not_found(
    known: Bench, source: str, targets: tuple[str, ...], expected: tuple[int, str, str]
) -> None:
    answer = known.ask(source, *targets)
    assert answer.issue == expected
    assert answer.json["issue"][0]["severity"] == "error"


def test_hidden_identifiers_show_to_their_readers_only(known: Bench) -> None:
    assert token(HIDDEN, "X-1") in known.others(token(AFFINITY, "A-1"), node="tester")
    assert known.others(token(AFFINITY, "A-1"), urn(HIDDEN), node="tester") == [token(HIDDEN, "X-1")]


def test_merged_and_removed_identifiers_are_unknown(known: Bench) -> None:
    known.feed(patient(HOSPITAL, "H-2", name=[{"family": "Weber"}], birthDate=None))
    known.feed(replaced(HOSPITAL, "H-1", "H-2"))
    assert known.ask(token(HOSPITAL, "H-1")).issue == NOBODY
    known.remove(token(HOSPITAL, "H-2"))
    assert known.ask(token(HOSPITAL, "H-2")).issue == NOBODY


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "required"),
        ("targetSystem=urn:oid:2.999.1.1", 400, "required"),
        ("sourceIdentifier=A-1", 400, "invalid"),
        ("sourceIdentifier=", 400, "invalid"),
        ("sourceIdentifier=%7CA-1", 400, "invalid"),
        (f"sourceIdentifier=urn:oid:{AFFINITY}%7C", 400, "invalid"),
        (f"{ANNA}&sourceIdentifier=urn:oid:{AFFINITY}%7CA-2", 400, "invalid"),
        (f"{ANNA}&_format=ttl", 406, "not-supported"),
    ],
)
def test_queries_that_cannot_be_understood(known: Bench, query: str, status: int, code: str) -> None:
    assert known.send("/Patient/$ihe-pix", query).issue[:2] == (status, code)


def test_unknown_parameters(known: Bench) -> None:
    query = f"sourceIdentifier=urn:oid:{AFFINITY}%7CA-1&other=x"
    assert known.send("/Patient/$ihe-pix", query).status == 200
    strict = known.send("/Patient/$ihe-pix", query, prefer="handling=strict")
    assert (strict.issue[:2], strict.place) == ((400, "not-supported"), "other")


def parameters(*told: tuple[str, str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, kind: value} for name, kind, value in told],
    }


def test_the_operation_by_post(known: Bench) -> None:
    asked = parameters(
        ("sourceIdentifier", "valueString", token(AFFINITY, "A-1")),
        ("targetSystem", "valueUri", urn(HOSPITAL)),
        ("targetSystem", "valueString", urn(NATIONAL)),
    )
    by_post = known.send("/Patient/$ihe-pix", method="POST", body=asked)
    assert by_post.json == known.ask(token(AFFINITY, "A-1"), urn(HOSPITAL), urn(NATIONAL)).json
    wrong = parameters(("sourceIdentifier", "valueBoolean", True))
    assert known.send("/Patient/$ihe-pix", method="POST", body=wrong).issue[:2] == (400, "invalid")
    other = known.send("/Patient/$ihe-pix", method="POST", body=patient(HOSPITAL, "H-1"))
    assert other.issue[:2] == (400, "invalid")


def test_the_audit_tells_query_and_patients(known: Bench) -> None:
    answer = known.ask(token(AFFINITY, "A-1"), urn(HOSPITAL))
    (row,) = known.audit(answer)
    assert (row.transaction, row.outcome) == ("ITI-83", 0)
    assert "110112" in row.message
    for value, root in (("A-1", AFFINITY), ("H-1", HOSPITAL)):
        assert f"{value}^^^&amp;{root}&amp;ISO" in row.message


def test_who_may_not_ask_gets_one_answer_for_all(known: Bench) -> None:
    for source in (token(AFFINITY, "A-1"), token(AFFINITY, "A-9"), token("2.999.77", "1")):
        assert known.ask(source, node="pharmacy").issue[:2] == (403, "forbidden")
        assert known.ask(source, signed_in=False).issue[:2] == (401, "login")
