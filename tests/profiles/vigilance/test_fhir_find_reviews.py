from typing import Any

import pytest

from gateway.bindings.fhirtypes import check
from tests.fhirbench import HOSPITAL, LABORATORY

Desk = Any
PATIENT_DATA = ("Schmit", "Anna", "Anne", "1980-12-24", "rue de la Gare", "621123456", HOSPITAL, LABORATORY)


def test_the_queue_tells_nothing_of_patients(desk: Desk) -> None:
    answer = desk.get("/Task", "status=requested")
    assert answer.status == 200, answer.body
    check(answer.json)
    assert not [each for each in PATIENT_DATA if each.encode() in answer.body]
    (task,) = answer.resources
    assert (task["status"], task["intent"], task["priority"]) == ("requested", "order", "routine")
    assert task["code"]["coding"][0]["code"] == "possible-match"
    assert task["description"].startswith("Is this identity the same human being")
    explanation = task["input"][0]["valueString"]
    assert explanation.startswith("rule ")
    assert "family equal (+" in explanation
    assert "contained" not in task
    row = desk.told(answer)
    assert (row.transaction, row.outcome) == ("IDV-1", 0)
    assert HOSPITAL not in row.message


def test_a_question_shows_both_sides_as_their_sources_told_them(desk: Desk) -> None:
    answer = desk.get(f"/Task/{desk.only()['id']}")
    assert answer.status == 200, answer.body
    check(answer.json)
    subject, other = answer.json["contained"]
    assert answer.json["for"] == {"reference": f"#{subject['id']}"}
    assert answer.json["input"][1]["valueReference"] == {"reference": f"#{other['id']}"}
    assert [each["name"][0]["given"] for each in (subject, other)] == [["Anne"], ["Anna", "Marie"]]
    told = [each["identifier"][0] for each in (subject, other)]
    assert [(each["system"], each["value"]) for each in told] == [
        (f"urn:oid:{LABORATORY}", "2"),
        ("http://hospital.example/patients", "1"),
    ]
    assert [each["assigner"]["display"] for each in told] == ["LAB", "HOSPITAL"]
    row = desk.told(answer)
    assert f"1^^^&amp;{HOSPITAL}&amp;ISO" in row.message
    assert f"2^^^&amp;{LABORATORY}&amp;ISO" in row.message


def test_states_are_searched_by_status(desk: Desk) -> None:
    task = desk.only("status=requested")["id"]
    assert desk.decide(task, "eve").status == 200
    assert desk.get("/Task", "status=requested").resources == []
    listed = desk.only("status=in-progress")
    assert listed["output"] == [{"type": {"text": "proposed outcome"}, "valueCode": "same"}]
    (note,) = listed["note"]
    assert (note["authorString"], note["text"]) == ("eve", "proposed same")
    assert desk.get("/Task", "status=requested,completed&status=completed").resources == []


def test_long_queues_come_in_pages(empty: Desk) -> None:
    home = {"line": ["12, rue de la Gare"], "city": "Esch", "postalCode": "L-4040"}
    for number in range(1, 4):
        told = {"birthDate": f"1980-12-0{number}", "address": [home]}
        empty.feed(HOSPITAL, f"A{number}", name=[{"family": "Schmit", "given": ["Anna", "Marie"]}], **told)
        empty.feed(LABORATORY, f"B{number}", name=[{"family": "Schmit", "given": ["Anne"]}], **told)
    everything = [each["id"] for each in empty.get("/Task", "_count=100").resources]
    assert len(everything) >= 3
    seen, answer = [], empty.get("/Task", "_count=2&status=requested")
    while True:
        seen += [each["id"] for each in answer.resources]
        following = answer.link("next")
        if following is None:
            break
        path, _, query = following.removeprefix("https://localhost:8443/fhir").partition("?")
        assert "status=requested" in query
        answer = empty.get(path, query)
    assert seen == everything


@pytest.mark.parametrize(
    ("query", "issue"),
    [
        ("status=open", (400, "code-invalid")),
        ("status:not=requested", (400, "not-supported")),
        ("_count=0", (400, "invalid")),
        ("_count=2&_count=3", (400, "invalid")),
        ("_page=x", (400, "invalid")),
    ],
)
def test_searches_that_are_refused(desk: Desk, query: str, issue: tuple[int, str]) -> None:
    assert desk.get("/Task", query).issue[:2] == issue


def test_unknown_parameters_are_refused_where_the_caller_is_strict(desk: Desk) -> None:
    assert desk.get("/Task", "colour=red").status == 200
    strict = desk.send("GET", "/Task", "colour=red", prefer="handling=strict")
    assert strict.issue[:2] == (400, "not-supported")


@pytest.mark.parametrize("task", ["1", "no-number", "f" * 17])
def test_what_is_not_there_is_not_found(desk: Desk, task: str) -> None:
    assert desk.get(f"/Task/{task}").issue[:2] == (404, "not-found")


@pytest.mark.parametrize("path", ["/Task", "/Task/1", "/Provenance/1"])
def test_who_has_not_the_right_learns_nothing(desk: Desk, path: str) -> None:
    real = f"/Task/{desk.only()['id']}" if path == "/Task/1" else path
    for asked in {path, real}:
        answer = desk.get(asked, who="dr-1", role="PHYSICIAN")
        assert answer.status == 403
        assert answer.json["issue"][0]["details"]["text"].startswith("the request is not permitted [trace ")
        assert desk.told(answer).outcome == 8


def test_a_system_is_nobody_who_could_be_responsible(desk: Desk) -> None:
    for path in ("/Task", f"/Task/{desk.only()['id']}", "/Provenance"):
        answer = desk.send("GET", path, "target=Patient/1" if path == "/Provenance" else "", who=None)
        assert answer.issue[:2] == (403, "forbidden")


def test_the_statement_lists_the_desk(desk: Desk) -> None:
    statement = desk.get("/metadata").json
    listed = {each["type"]: each for each in statement["rest"][0]["resource"]}
    assert [each["code"] for each in listed["Task"]["interaction"]] == ["search-type", "read"]
    assert "decide" in {each["name"] for each in listed["Task"]["operation"]}
    assert [each["code"] for each in listed["Provenance"]["interaction"]] == ["search-type", "read"]
    assert [each["name"] for each in listed["Provenance"]["operation"]] == ["undo"]
