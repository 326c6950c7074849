from typing import Any

import orjson
import pytest

from gateway.bindings.fhirtypes import check
from tests.fhirbench import HOSPITAL, LABORATORY

Desk = Any


def test_an_operation_tells_who_moved_whom_and_why(linked: Desk) -> None:
    (review,) = linked.history()
    check(review)
    assert linked.kinds(review) == ["review"]
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
    assert linked.kinds(*first.resources, *second.resources) == ["review", "undo"]
    assert second.link("next") is None
