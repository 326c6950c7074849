"""ITI-119: the cases of PDQm 2:3.119, grades and order of scores, options, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from tests.fhirbench import HOSPITAL, HOSPITAL_URI, NATIONAL, Bench, Template, patient, standing, urn

GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
ANNA = patient(
    HOSPITAL,
    "H-1",
    name=[{"family": "Grethen", "given": ["Annabelle"]}],
    birthDate="1970-05-17",
    address=[{"line": ["7, rue de la Gare"], "city": "Esch", "postalCode": "4001"}],
    telecom=[{"system": "phone", "value": "+352621123456"}],
)
TWIN = {
    **ANNA,
    "identifier": [{"system": urn(HOSPITAL), "value": "H-2"}],
    "name": [{"family": "Grethen", "given": ["Bettina"]}],
}
NAMESAKE = patient(
    HOSPITAL, "H-3", name=[{"family": "Grethen", "given": ["Annabelle"]}], birthDate="1999-01-01"
)


@pytest.fixture(scope="module")
def town(furnished: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    for bench in standing(furnished, tmp_path_factory.mktemp("town")):
        for each in (ANNA, TWIN, NAMESAKE):
            assert bench.feed(each).status == 201
        yield bench


def asked(resource: dict[str, Any], **options: Any) -> dict[str, Any]:
    kinds = {"onlyCertainMatches": "valueBoolean", "count": "valueInteger"}
    told = [{"name": "resource", "resource": resource}]
    told += [{"name": name, kinds[name]: value} for name, value in options.items()]
    return {"resourceType": "Parameters", "parameter": told}


def described(**more: Any) -> dict[str, Any]:
    """Anna without identifier."""
    kept = {name: content for name, content in {**ANNA, **more}.items() if content is not None}
    return {name: content for name, content in kept.items() if name != "identifier" or "identifier" in more}


def graded(answer: Any) -> list[tuple[str, str, float]]:
    """Identifier, grade and score of each entry."""
    assert answer.status == 200, answer.body
    found = [each for each in answer.json.get("entry", ()) if each["search"]["mode"] == "match"]
    return [
        (
            each["resource"]["identifier"][0]["value"],
            each["search"]["extension"][0]["valueCode"],
            each["search"]["score"],
        )
        for each in found
    ]


def test_everyone_who_may_be_meant_the_likeliest_first(town: Bench) -> None:
    answer = town.match(asked(described()))
    Bundle.model_validate(answer.json)
    found = graded(answer)
    assert found[0][:2] == ("H-1", "certain")
    scores = [score for _, _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores)
    assert all(grade in {"certain", "probable", "possible"} for _, grade, _ in found)
    assert answer.json["entry"][0]["search"]["extension"][0]["url"] == GRADE


def test_a_bare_patient_asks_the_same(town: Bench) -> None:
    assert town.match(described()).json == town.match(asked(described())).json
    assert town.in_xml().match(asked(described())).json == town.match(asked(described())).json


def test_only_certain_matches(town: Bench) -> None:
    assert [each[:2] for each in graded(town.match(asked(described(), onlyCertainMatches=True)))] == [
        ("H-1", "certain")
    ]
    vague = described(birthDate=None, address=None, telecom=None)
    assert graded(town.match(asked(vague, onlyCertainMatches=True))) == []


def test_the_number_of_entries(town: Bench) -> None:
    every = graded(town.match(asked(described())))
    assert [each[0] for each in every] == ["H-1", "H-2"]
    assert graded(town.match(asked(described(), count=1))) == every[:1]
    assert graded(town.match(asked(described(), count=100))) == every


def test_nobody_is_like_that(town: Bench) -> None:
    nobody = {
        "resourceType": "Patient",
        "name": [{"family": "Zzyzx", "given": ["Qwerty"]}],
        "birthDate": "1901-01-01",
    }
    answer = town.match(nobody)
    assert answer.json["total"] == 0
    assert "entry" not in answer.json


def test_an_identifier_finds_its_person(town: Bench) -> None:
    known = described(identifier=[{"system": HOSPITAL_URI, "value": "H-1"}])
    assert graded(town.match(asked(known)))[0][:2] == ("H-1", "certain")


def test_identifiers_of_unknown_systems_are_warned_of(town: Bench) -> None:
    told = described(identifier=[{"system": "http://nowhere.example/ids", "value": "7"}])
    answer = town.match(asked(told))
    assert graded(answer)[0][0] == "H-1"
    outcome = answer.json["entry"][-1]
    assert outcome["search"]["mode"] == "outcome"
    assert outcome["resource"]["issue"][0]["severity"] == "warning"
    Bundle.model_validate(answer.json)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (asked({"resourceType": "Patient", "gender": "male"}), 400, "too-costly"),
        (asked({"resourceType": "Patient", "active": True}), 400, "required"),
        (asked({"resourceType": "Patient", "language": "en"}), 400, "required"),
        (asked({"resourceType": "Practitioner", "active": True}), 400, "invalid"),
        ({"resourceType": "Parameters"}, 400, "required"),
        ({"resourceType": "Practitioner", "active": True}, 400, "invalid"),
        (asked(described(), count=0), 400, "invalid"),
        (asked(described(), count=-1), 400, "invalid"),
        (asked(described(gender="x")), 400, "code-invalid"),
        (asked(described(implicitRules="http://x")), 422, "invariant"),
        (asked(described(modifierExtension=[{"url": "http://x", "valueCode": "y"}])), 422, "invariant"),
        (asked(described(birthDate="1970-02-30")), 400, "structure"),
        (
            {"resourceType": "Parameters", "parameter": [{"name": "resource", "valueString": "x"}]},
            400,
            "invalid",
        ),
        (
            {
                "resourceType": "Parameters",
                "parameter": [{"name": "resource", "resource": described()}] * 2,
            },
            400,
            "invalid",
        ),
    ],
)
def test_what_cannot_be_matched(town: Bench, body: dict[str, Any], status: int, code: str) -> None:
    answer = town.match(body)
    assert answer.issue[:2] == (status, code), answer.body
    assert b"Grethen" not in answer.body


def test_parameters_that_are_not_known(town: Bench) -> None:
    body = asked(described())
    body["parameter"].append({"name": "other", "valueString": "x"})
    assert town.match(body).status == 200
    assert town.match(body, prefer="handling=strict").issue[:2] == (400, "not-supported")


def test_a_body_is_needed(town: Bench) -> None:
    assert town.send("/Patient/$match", method="POST").issue[:2] == (400, "invalid")


def test_the_audit_tells_who_was_found(town: Bench) -> None:
    answer = town.match(asked(described()))
    (row,) = town.audit(answer)
    assert (row.transaction, row.outcome) == ("ITI-119", 0)
    assert "110112" in row.message
    assert f"H-1^^^&amp;{HOSPITAL}&amp;ISO" in row.message


def test_who_may_not_ask_gets_one_answer_for_all(town: Bench) -> None:
    for body in (described(), described(birthDate="1901-01-01")):
        assert town.match(body, node="pharmacy").issue[:2] == (403, "forbidden")
        assert town.match(body, signed_in=False).issue[:2] == (401, "login")


def test_a_national_number_settles_it(bench: Bench) -> None:
    told = patient(NATIONAL, "1970051700019", name=[{"family": "Weis", "given": ["Eva"]}])
    assert bench.feed(told).status == 201
    asked_for = {
        "resourceType": "Patient",
        "identifier": [{"system": urn(NATIONAL), "value": "1970051700019"}],
        "name": [{"family": "Weis", "given": ["Eva"]}],
        "birthDate": "1970-05-17",
    }
    assert graded(bench.match(asked_for))[0][:2] == ("1970051700019", "certain")
