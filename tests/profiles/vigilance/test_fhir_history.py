"""IDV-3 and IDV-4: what happened to identities, and the way back."""

from typing import Any

import orjson
import pytest

from gateway.bindings.fhirtypes import check
from tests.fhirbench import AFFINITY, HOSPITAL, LABORATORY, replaced

Desk = Any


@pytest.fixture
def linked(desk: Desk) -> Desk:
    """Two people have decided that the two are one."""
    task = desk.only()["id"]
    for who in ("eve", "adam"):
        assert desk.decide(task, who).status == 200
    assert desk.together()
    return desk


def kinds(resources: list[dict[str, Any]]) -> list[str]:
    return [each["activity"]["coding"][0]["code"] for each in resources]


def test_an_operation_tells_who_moved_whom_and_why(linked: Desk) -> None:
    (review,) = linked.history()
    check(review)
    assert kinds([review]) == ["review"]
    assert review["agent"][0]["who"]["display"] == "adam"
    assert review["recorded"] == "2026-11-22T09:30:00.000Z"
    (target,) = review["target"]
    before = review["entity"][0]
    assert before["role"] == "revision"
    assert target["identifier"] == before["what"]["identifier"]
    assert target["reference"] != before["what"]["reference"]
    decision = next(each for each in review["extension"] if each["url"].endswith("/identity-decision"))
    assert orjson.loads(decision["valueString"])["rule"] == "said-same"


def test_a_history_is_found_by_person_and_by_identifier(linked: Desk) -> None:
    (review,) = linked.history("2", LABORATORY)
    person = review["target"][0]["reference"]
    gone = review["entity"][0]["what"]["reference"]
    for query in (
        f"target={person}",
        f"target=https://localhost:8443/fhir/{person}",
        f"target:Patient={person.removeprefix('Patient/')}",
        f"target={gone}",
    ):
        answer = linked.get("/Provenance", query)
        assert [each["id"] for each in answer.resources] == [review["id"]], query
    row = linked.told(answer)
    assert row.transaction == "IDV-3"
    assert LABORATORY in row.message or HOSPITAL in row.message
    one = linked.get(f"/Provenance/{review['id']}")
    assert one.json == review


def test_an_operation_is_undone_exactly(linked: Desk) -> None:
    (review,) = linked.history()
    undone = linked.undo(review["id"], "carol", "another day of birth")
    assert undone.status == 200, undone.body
    check(undone.json)
    assert not linked.together()
    assert kinds([undone.json]) == ["undo"]
    assert undone.json["entity"][0] == {
        "role": "removal",
        "what": {"reference": f"Provenance/{review['id']}"},
    }
    row = linked.told(undone)
    assert (row.transaction, row.outcome) == ("IDV-4", 0)
    assert 'EventActionCode="U"' in row.message
    moved = review["target"][0]["identifier"]["value"]
    assert f"{moved}^^^&amp;2.999." in row.message
    root = HOSPITAL if moved == "1" else LABORATORY
    assert kinds(linked.history(moved, root)) == ["review", "undo"]
    assert linked.get(f"/Provenance/{undone.json['id']}").json == undone.json


def test_what_stands_in_the_way_is_named(empty: Desk) -> None:
    for number in ("1", "2", "3"):
        empty.feed(AFFINITY, number, name=[{"family": f"Name{number}"}], birthDate=f"198{number}-01-01")
    for value, by in (("3", "2"), ("2", "1")):
        empty.bench.feed(replaced(AFFINITY, value, by), node="tester")
    first, second = empty.history("3", AFFINITY)
    assert kinds([first, second]) == ["merge", "merge"]
    ended = first["target"][0]["extension"][0]
    assert ended["url"].endswith("/identity-ended-in")
    assert ended["valueIdentifier"]["value"] == "2"
    refused = empty.undo(first["id"])
    assert refused.issue[:2] == (409, "conflict")
    assert second["id"] in refused.issue[2]
    back = empty.undo(second["id"])
    assert back.status == 200
    again = empty.undo(second["id"])
    assert again.issue[:2] == (409, "conflict")
    assert f"undone already, by operation {back.json['id']}" in again.issue[2]
    assert empty.undo(first["id"]).status == 200


@pytest.mark.parametrize("operation", ["1", "x y"])
def test_there_must_be_an_operation(desk: Desk, operation: str) -> None:
    assert desk.undo(operation).issue[:2] == (404, "not-found")


def test_only_people_with_the_right_undo(linked: Desk) -> None:
    (review,) = linked.history()
    told = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "x"}]}
    for operation in (review["id"], "1"):
        answer = linked.send(
            "POST", f"/Provenance/{operation}/$undo", who="dr-1", role="PHYSICIAN", body=told
        )
        assert answer.issue == (403, "forbidden", "the request is not permitted")
    assert linked.undo(review["id"], None).issue[:2] == (403, "forbidden")
    assert linked.together()


@pytest.mark.parametrize(
    ("query", "issue"),
    [
        ("", (400, "required")),
        ("target=Device/1", (400, "invalid")),
        ("target=https://elsewhere.example/Patient/1", (400, "invalid")),
        ("target=Patient/1&target=Patient/2", (400, "invalid")),
        ("target:Device=1", (400, "not-supported")),
        ("target:identifier=1", (400, "invalid")),
    ],
)
def test_searches_that_are_refused(desk: Desk, query: str, issue: tuple[int, str]) -> None:
    assert desk.get("/Provenance", query).issue[:2] == issue


def test_nobody_has_no_history(desk: Desk) -> None:
    for query in (
        "target=Patient/1",
        "target:identifier=urn:oid:1.2.3|1",
        f"target:identifier=urn:oid:{HOSPITAL}|9",
    ):
        answer = desk.get("/Provenance", query)
        assert (answer.status, answer.resources) == (200, [])


def test_long_histories_come_in_pages(linked: Desk) -> None:
    (review,) = linked.history()
    moved = review["target"][0]["identifier"]
    linked.undo(review["id"])
    query = f"target:identifier={moved['system']}|{moved['value']}&_count=1"
    first = linked.get("/Provenance", query)
    following = first.link("next")
    assert following is not None
    path, _, rest = following.removeprefix("https://localhost:8443/fhir").partition("?")
    second = linked.get(path, rest)
    assert kinds([*first.resources, *second.resources]) == ["review", "undo"]
    assert second.link("next") is None
