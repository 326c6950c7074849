"""ITI-93 as it comes in: create, change, merge, remove; the answering message; every refusal."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from tests.fhirbench import HOSPITAL, LABORATORY, Answer, Bench, patient, replaced, token, urn

EVENT = "urn:ihe:iti:pmir:2019:patient-feed"
HISTORY = "urn:uuid:3c6a3a1e-2a39-4d1c-8a4b-6f4a1f6f2d11"
ENTRY = "Bundle.entry[1].resource.entry[0]"
Resource = dict[str, Any]


def entry(resource: Resource | None, method: str = "POST", url: str = "Patient") -> Resource:
    told: Resource = {"request": {"method": method, "url": url}, "response": {"status": "200"}}
    if resource is not None:
        told = {"fullUrl": "http://source.example/fhir/Patient/1", "resource": resource, **told}
    return told


def message(*entries: Resource) -> Resource:
    header = {
        "resourceType": "MessageHeader",
        "id": "m-1",
        "eventUri": EVENT,
        "source": {"endpoint": "http://source.example/fhir"},
        "destination": [{"endpoint": "https://localhost:8443/fhir"}],
        "focus": [{"reference": HISTORY}],
    }
    return {
        "resourceType": "Bundle",
        "type": "message",
        "entry": [
            {"fullUrl": "urn:uuid:3c6a3a1e-2a39-4d1c-8a4b-6f4a1f6f2d10", "resource": header},
            {
                "fullUrl": HISTORY,
                "resource": {"resourceType": "Bundle", "type": "history", "entry": list(entries)},
            },
        ],
    }


def send(bench: Bench, body: Resource, **more: Any) -> Answer:
    return bench.send("/$process-message", method="POST", body=body, **more)


@pytest.fixture(params=["json", "xml"])
def either(bench: Bench, request: pytest.FixtureRequest) -> Bench:
    return bench if request.param == "json" else bench.in_xml()


def test_a_patient_is_created_changed_and_removed(either: Bench) -> None:
    answer = send(either, message(entry(patient(HOSPITAL, "H-1"))))
    assert answer.status == 200, answer.body
    Bundle.model_validate(answer.json)
    (only,) = answer.resources
    assert only["eventUri"] == f"{EVENT}-response"
    assert only["response"] == {"identifier": "m-1", "code": "ok"}
    assert "destination" not in only
    changed = patient(HOSPITAL, "H-1", birthDate="1970-05-18", gender=None)
    assert send(either, message(entry(changed, "PUT", "Patient/1"))).status == 200
    (found,) = either.search(("identifier", token(HOSPITAL, "H-1"))).resources
    assert (found["birthDate"], "gender" in found) == ("1970-05-18", False)
    removal = entry(None, "DELETE", f"Patient?identifier={token(HOSPITAL, 'H-1')}")
    assert send(either, message(removal)).status == 200
    assert either.ask(token(HOSPITAL, "H-1")).status == 404


def test_a_merge_and_no_way_back(either: Bench) -> None:
    for value in ("H-1", "H-2"):
        told = patient(HOSPITAL, value, name=[{"family": value}], birthDate=None)
        assert send(either, message(entry(told))).status == 200
    assert send(either, message(entry(replaced(HOSPITAL, "H-1", "H-2"), "PUT", "Patient/1"))).status == 200
    assert either.ask(token(HOSPITAL, "H-1")).status == 404
    back = send(either, message(entry(patient(HOSPITAL, "H-1", active=True), "PUT", "Patient/1")))
    assert back.issue[:2] == (405, "not-supported")
    assert either.ask(token(HOSPITAL, "H-1")).status == 404


def test_related_persons_change_nothing(bench: Bench) -> None:
    related = {
        "resourceType": "RelatedPerson",
        "patient": {"reference": "Patient/1"},
        "relationship": [{"coding": [{"code": "MTH"}]}],
    }
    told = message(entry(patient(HOSPITAL, "H-1")), entry(related, url="RelatedPerson"))
    assert send(bench, told).status == 200
    assert send(bench, message(entry(related, url="RelatedPerson"))).issue[:2] == (422, "required")


def header(**more: Any) -> Callable[[Resource], None]:
    def edit(told: Resource) -> None:
        at = told["entry"][0]["resource"]
        at.update(more)
        for name in [name for name, value in more.items() if value is None]:
            del at[name]

    return edit


def change(**more: Any) -> Callable[[Resource], None]:
    return lambda told: told["entry"][1]["resource"]["entry"][0].update(more)


def told_of(**more: Any) -> Callable[[Resource], None]:
    return lambda told: told["entry"][1]["resource"]["entry"][0]["resource"].update(more)


def double(told: Resource) -> None:
    history = told["entry"][1]["resource"]["entry"]
    history.append(deepcopy(history[0]))


ELSEWHERE = [{"system": "urn:oid:2.999.77", "value": "1"}]


@pytest.mark.parametrize(
    ("edit", "status", "code", "place"),
    [
        (lambda told: told.update(type="transaction"), 400, "invalid", "Bundle.type"),
        (lambda told: told["entry"].pop(), 422, "invariant", "Bundle.entry"),
        (lambda told: told["entry"].reverse(), 422, "invariant", "Bundle.entry"),
        (header(eventUri="urn:x"), 400, "not-supported", "Bundle.entry[0].resource.eventUri"),
        (header(destination=None), 422, "required", "Bundle.entry[0].resource.destination"),
        (header(focus=None), 422, "required", "Bundle.entry[0].resource.focus"),
        (header(focus=[{"reference": "urn:x"}]), 422, "invariant", "Bundle.entry[0].resource.focus"),
        (header(focus=[{"reference": HISTORY}] * 2), 422, "invariant", "Bundle.entry[0].resource.focus"),
        (header(implicitRules="http://x"), 422, "invariant", "Bundle.entry[0].resource.implicitRules"),
        (header(source=None), 400, "structure", "Bundle.entry[0].resource.source"),
        (
            lambda told: told["entry"][1]["resource"].update(type="collection"),
            422,
            "invariant",
            "Bundle.entry[1].resource.type",
        ),
        (
            lambda told: told["entry"][1]["resource"].pop("entry"),
            422,
            "required",
            "Bundle.entry[1].resource.entry",
        ),
        (double, 400, "not-supported", "Bundle.entry[1].resource.entry"),
        (change(response={"status": "404"}), 422, "invariant", f"{ENTRY}.response.status"),
        (change(request={"method": "PATCH", "url": "x"}), 422, "invariant", f"{ENTRY}.request.method"),
        (
            change(request={"method": "DELETE", "url": "Patient/1"}),
            400,
            "not-supported",
            f"{ENTRY}.request.url",
        ),
        (
            change(request={"method": "DELETE", "url": "Patient?identifier=urn:oid:2.999.77|1"}),
            422,
            "not-found",
            f"{ENTRY}.request.url",
        ),
        (
            change(resource={"resourceType": "Practitioner", "active": True}),
            422,
            "invariant",
            f"{ENTRY}.resource",
        ),
        (told_of(implicitRules="http://x"), 422, "invariant", f"{ENTRY}.resource.implicitRules"),
        (told_of(gender="x"), 400, "code-invalid", f"{ENTRY}.resource.gender"),
        (told_of(identifier=ELSEWHERE), 422, "not-found", f"{ENTRY}.resource.identifier"),
        (told_of(active=False), 422, "invariant", f"{ENTRY}.resource.active"),
        (told_of(birthDate="x"), 400, "structure", f"{ENTRY}.resource.birthDate"),
    ],
)
def test_messages_that_are_not_taken(
    bench: Bench, edit: Callable[[Resource], Any], status: int, code: str, place: str
) -> None:
    told = message(entry(patient(HOSPITAL, "H-1")))
    edit(told)
    answer = send(bench, told)
    assert (*answer.issue[:2], answer.place) == (status, code, place), answer.body
    assert bench.ask(token(HOSPITAL, "H-1")).status == 404


def test_a_source_touches_its_own_domains_only(bench: Bench) -> None:
    bench.feed(patient(LABORATORY, "L-1"), node="laboratory")
    removal = entry(None, "DELETE", f"Patient?identifier={urn(LABORATORY)}|L-1")
    merge = entry(replaced(LABORATORY, "L-1", "L-2"), "PUT", "Patient/1")
    for each in (entry(patient(LABORATORY, "L-1")), merge, removal):
        assert send(bench, message(each)).issue[:2] == (403, "forbidden")
    assert bench.ask(token(LABORATORY, "L-1")).status == 200


def test_the_audit_tells_what_was_done(bench: Bench) -> None:
    actions = []
    for each in (
        entry(patient(HOSPITAL, "H-1")),
        entry(patient(HOSPITAL, "H-1", gender="male"), "PUT", "Patient/1"),
        entry(None, "DELETE", f"Patient?identifier={urn(HOSPITAL)}|H-1"),
    ):
        (row,) = bench.audit(send(bench, message(each)))
        assert (row.transaction, row.outcome) == ("ITI-93", 0)
        assert f"H-1^^^&amp;{HOSPITAL}&amp;ISO" in row.message
        actions.append(row.message.partition('EventActionCode="')[2][0])
    assert actions == ["C", "U", "D"]


def test_who_may_not_call_learns_nothing(bench: Bench) -> None:
    told = message(entry(patient(HOSPITAL, "H-1")))
    assert send(bench, told, node="pharmacy").issue[:2] == (403, "forbidden")
    assert send(bench, told, signed_in=False).issue[:2] == (401, "login")
