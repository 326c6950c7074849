from typing import Any

import pytest

from gateway.bindings.fhirtypes import check
from tests.fhirbench import AFFINITY, HOSPITAL, LABORATORY, replaced

Desk = Any


def test_an_operation_is_undone_exactly(linked: Desk) -> None:
    (review,) = linked.history()
    undone = linked.undo(review["id"], "carol", "another day of birth")
    assert undone.status == 200, undone.body
    check(undone.json)
    assert not linked.together()
    assert linked.kinds(undone.json) == ["undo"]
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
    assert linked.kinds(*linked.history(moved, root)) == ["review", "undo"]
    assert linked.get(f"/Provenance/{undone.json['id']}").json == undone.json


def test_what_stands_in_the_way_is_named(empty: Desk) -> None:
    for number in ("1", "2", "3"):
        empty.feed(AFFINITY, number, name=[{"family": f"Name{number}"}], birthDate=f"198{number}-01-01")
    for value, by in (("3", "2"), ("2", "1")):
        empty.bench.feed(replaced(AFFINITY, value, by), node="tester")
    first, second = empty.history("3", AFFINITY)
    assert empty.kinds(first, second) == ["merge", "merge"]
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
