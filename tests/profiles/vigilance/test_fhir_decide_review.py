from typing import Any

import pytest

from gateway.bindings.fhirtypes import check
from tests.fhirbench import HOSPITAL, LABORATORY

Desk = Any


def parameters(**told: str) -> dict[str, Any]:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": text} for name, text in told.items()],
    }


def test_one_proposes_another_confirms(desk: Desk) -> None:
    task = desk.only()["id"]
    proposed = desk.decide(task, "eve")
    assert (proposed.status, proposed.json["status"]) == (200, "in-progress")
    check(proposed.json)
    assert not desk.together()
    again = desk.decide(task, "eve")
    assert again.issue[:2] == (403, "forbidden")
    assert "somebody else must" in again.issue[2]
    confirmed = desk.decide(task, "adam", reason="seen the passport")
    assert (confirmed.status, confirmed.json["status"]) == (200, "completed")
    check(confirmed.json)
    assert [(each["authorString"], each["text"]) for each in confirmed.json["note"]] == [
        ("eve", "proposed same: the mother says so"),
        ("adam", "confirmed same: seen the passport"),
    ]
    assert desk.together()
    late = desk.decide(task, "carol")
    assert late.issue[:2] == (409, "conflict")
    assert [each["valueReference"]["reference"] for each in confirmed.json["output"][2:]] == [
        f"Provenance/{each['id']}"
        for each in desk.history()
        if each["activity"]["coding"][0]["code"] == "review"
    ]


def test_every_word_is_audited_with_whom_it_concerns(desk: Desk) -> None:
    task = desk.only()["id"]
    row = desk.told(desk.decide(task, "eve"))
    assert (row.transaction, row.outcome) == ("IDV-2", 0)
    assert 'EventActionCode="U"' in row.message
    for value, root in (("1", HOSPITAL), ("2", LABORATORY)):
        assert f"{value}^^^&amp;{root}&amp;ISO" in row.message
    assert "the mother says so" not in row.message
    refused = desk.told(desk.decide(task, "eve"))
    assert (refused.transaction, refused.outcome) == ("IDV-2", 8)
    conflict = desk.decide(task, "adam")
    assert conflict.status == 200
    late = desk.told(desk.decide(task, "carol"))
    assert 'csd-code="IDV-2"' in late.message, "a conflict is no security alert"


def test_who_disagrees_makes_a_proposal(desk: Desk) -> None:
    task = desk.only()["id"]
    desk.decide(task, "eve", "same")
    other = desk.decide(task, "adam", "different")
    assert (other.status, other.json["status"]) == (200, "in-progress")
    assert other.json["output"] == [{"type": {"text": "proposed outcome"}, "valueCode": "different"}]
    assert desk.decide(task, "eve", "different").json["status"] == "completed"
    assert not desk.together()


def test_what_cannot_be_told_ends_without_effect(desk: Desk) -> None:
    task = desk.only()["id"]
    desk.decide(task, "eve", "undecided")
    assert desk.decide(task, "adam", "undecided").json["status"] == "cancelled"
    assert desk.history() == []


@pytest.mark.parametrize(
    ("body", "issue"),
    [
        (None, (400, "invalid")),
        ({"resourceType": "Basic", "code": {"text": "x"}}, (400, "invalid")),
        (parameters(outcome="same"), (400, "required")),
        (parameters(reason="x"), (400, "required")),
        (parameters(outcome="perhaps", reason="x"), (400, "code-invalid")),
        (parameters(outcome="same", reason="x" * 501), (400, "invalid")),
        (parameters(outcome="same", reason=" "), (400, "structure")),
        (parameters(outcome="same", reason="x", force="yes"), (400, "not-supported")),
        (
            {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueBoolean": True}]},
            (400, "invalid"),
        ),
    ],
)
def test_a_word_needs_an_outcome_and_a_reason(
    desk: Desk, body: dict[str, Any] | None, issue: tuple[int, str]
) -> None:
    task = desk.only()["id"]
    assert desk.send("POST", f"/Task/{task}/$decide", body=body).issue[:2] == issue
    assert desk.only()["status"] == "requested"


def test_who_may_not_decide_changes_and_learns_nothing(desk: Desk) -> None:
    task = desk.only()["id"]
    told = parameters(outcome="same", reason="x")
    for path in (f"/Task/{task}/$decide", "/Task/1/$decide"):
        answer = desk.send("POST", path, who="dr-1", role="PHYSICIAN", body=told)
        assert answer.issue[:2] == (403, "forbidden")
        assert answer.issue[2] == "the request is not permitted"
    assert desk.decide(task, None).issue[:2] == (403, "forbidden")
    assert desk.only()["status"] == "requested"


def test_there_must_be_a_question(desk: Desk) -> None:
    assert desk.decide("1", "eve").issue[:2] == (404, "not-found")


def test_in_xml(desk: Desk) -> None:
    task = desk.only()["id"]
    answer = desk.send("GET", f"/Task/{task}", accept="application/fhir+xml")
    assert b'<Task xmlns="http://hl7.org/fhir">' in answer.body
    assert answer.json["contained"][0]["resourceType"] == "Patient"
