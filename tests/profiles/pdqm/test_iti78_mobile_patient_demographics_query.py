"""ITI-78: every parameter alone and combined, cases 1 to 6, reading by logical id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.patient import Patient

from tests.fhirbench import (
    AFFINITY,
    BASE,
    HIDDEN,
    HOSPITAL,
    HOSPITAL_URI,
    LABORATORY,
    NATIONAL,
    NOW,
    Bench,
    Template,
    patient,
    replaced,
    standing,
    token,
    urn,
)
from tests.profiles.pdqm.answers import systems

MAIDEN = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
PERSONS: tuple[dict[str, Any], ...] = (
    patient(
        HOSPITAL,
        "H-1",
        name=[{"family": "Müller", "given": ["Anna", "Léa"]}],
        birthDate="1970-05-17",
        address=[
            {
                "line": ["7, rue de la Gare"],
                "city": "Esch-sur-Alzette",
                "state": "Sud",
                "postalCode": "4001",
                "country": "LU",
            }
        ],
        telecom=[
            {"system": "phone", "value": "+352123456"},
            {"system": "email", "value": "anna@example.org"},
        ],
        extension=[{"url": MAIDEN, "valueString": "Kremer"}],
    ),
    patient(
        HOSPITAL,
        "H-2",
        name=[{"family": "Muller", "given": ["Bruno"]}],
        birthDate="1985-01-02",
        gender="male",
        deceasedBoolean=True,
        address=[{"city": "Wiltz", "postalCode": "9501", "country": "LU"}],
    ),
    patient(
        HOSPITAL,
        "H-3",
        name=[{"family": "Mullerova", "given": ["Carla"]}],
        birthDate="1990-12-31",
        address=[{"city": "Praha", "country": "CZ"}],
        telecom=[{"system": "phone", "value": "+420987"}],
    ),
    patient(
        HOSPITAL,
        "H-4",
        name=[{"family": "Weber", "given": ["Anna"]}],
        birthDate="1970-05-18",
        gender="other",
    ),
)
ANNA, BRUNO, CARLA, OTHER = "Müller", "Muller", "Mullerova", "Weber"


@pytest.fixture(scope="module")
def town(furnished: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Four persons of the hospital, one of whom the laboratory and the hidden domain know too."""
    folder: Path = tmp_path_factory.mktemp("town")
    for bench in standing(furnished, folder):
        for each in PERSONS:
            assert bench.feed(each).status == 201
        told = {**PERSONS[0], "identifier": [{"system": urn(LABORATORY), "value": "L-1"}]}
        told["identifier"] += [
            {"system": urn(HIDDEN), "value": "X-1"},
            {"system": urn(HOSPITAL), "value": "H-1"},
        ]
        assert bench.feed(told, node="tester").status == 201
        yield bench


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("family=m%C3%BCller", {ANNA, BRUNO, CARLA}),
        ("family=MULLER", {ANNA, BRUNO, CARLA}),
        ("family:exact=M%C3%BCller", {ANNA}),
        ("family:exact=Mull", set()),
        ("given=lea", {ANNA}),
        ("given=anna", {ANNA, OTHER}),
        ("name=anna", {ANNA, OTHER}),
        ("name=weber", {OTHER}),
        ("birthdate=1970-05-17", {ANNA}),
        ("birthdate=eq1970-05", {ANNA, OTHER}),
        ("birthdate=1970", {ANNA, OTHER}),
        ("birthdate=1970-05-17,1985-01-02", {ANNA, BRUNO}),
        ("birthdate=ge1985-01-02&family=muller", {BRUNO, CARLA}),
        ("birthdate=gt1985-01-02&family=muller", {CARLA}),
        ("birthdate=sa1970-05-17&given=anna", {OTHER}),
        ("birthdate=lt1970-05-18&given=anna", {ANNA}),
        ("birthdate=le1970-05-18&given=anna", {ANNA, OTHER}),
        ("birthdate=eb1970-05-18&given=anna", {ANNA}),
        ("birthdate=ne1970-05-17&given=anna", {OTHER}),
        ("birthdate=ge1970-05&birthdate=le1970-05-17&given=anna", {ANNA}),
        ("gender=female&family=muller", {ANNA, CARLA}),
        ("gender=male,other&birthdate=ge1900", {BRUNO, OTHER}),
        ("gender=http://hl7.org/fhir/administrative-gender%7Cmale&family=muller", {BRUNO}),
        ("address-city=esch&family=muller", {ANNA}),
        ("address-city:exact=Wiltz&family=muller", {BRUNO}),
        ("address-city:exact=wiltz&family=muller", set()),
        ("address-postalcode=4001", {ANNA}),
        ("address-country=LU&family=muller", {ANNA, BRUNO}),
        ("address-country=LU,CZ&family=muller", {ANNA, BRUNO, CARLA}),
        ("address-state=sud&family=muller", {ANNA}),
        ("address=praha&family=muller", {CARLA}),
        ("telecom=%2B352123456", {ANNA}),
        ("telecom=phone%7C%2B352123456", {ANNA}),
        ("telecom=email%7C%2B352123456", set()),
        ("telecom=anna@example.org", {ANNA}),
        ("mothersMaidenName=kremer&family=muller", {ANNA}),
        ("mothersMaidenName:exact=Kremer&family=muller", {ANNA}),
        ("active=true&family=muller", {ANNA, BRUNO, CARLA}),
        ("active=false&family=muller", set()),
        ("deceased=true&family=muller", {BRUNO}),
        (f"identifier=urn:oid:{HOSPITAL}%7CH-1", {ANNA}),
        (f"identifier={HOSPITAL_URI}%7CH-2", {BRUNO}),
        (f"identifier=urn:oid:{HOSPITAL}%7CH-1,urn:oid:{HOSPITAL}%7CH-2", {ANNA, BRUNO}),
        (f"identifier=urn:oid:{HOSPITAL}%7CH-1&identifier=urn:oid:{LABORATORY}%7CL-1", {ANNA}),
        (f"identifier=urn:oid:{HOSPITAL}%7CH-2&identifier=urn:oid:{LABORATORY}%7CL-1", set()),
        ("identifier=H-3", {CARLA}),
        ("identifier=%7CH-3", set()),
        ("identifier=urn:oid:2.999.77%7CH-3", set()),
        (f"identifier=urn:oid:{HIDDEN}%7CX-1", set()),
        (f"identifier=urn:oid:{HOSPITAL}%7CH-1&family=weber", set()),
        ("family=muller,weber&given=anna,carla", {ANNA, CARLA, OTHER}),
        ("family=muller&given=anna&gender=female&birthdate=1970-05-17", {ANNA}),
        ("given=anna&given=lea", {ANNA}),
        ("_id=zz", set()),
        ("family=nobody", set()),
        ("family=muller&gender:not=male", {ANNA, BRUNO, CARLA}),
        ("family=muller&unknown=x&_lastUpdated=gt2020", {ANNA, BRUNO, CARLA}),
    ],
)
def test_who_is_found(town: Bench, query: str, found: set[str]) -> None:
    answer = town.send("/Patient", query)
    assert answer.status == 200, answer.body
    assert set(answer.found) == found
    assert len(answer.found) == len(found) == answer.json["total"]
    by_post = town.send(
        "/Patient/_search",
        method="POST",
        body=query.encode(),
        content_type="application/x-www-form-urlencoded",
    )
    assert by_post.json == answer.json


def test_a_bundle_is_one_of_pdqm(town: Bench) -> None:
    answer = town.search(("family", "muller"))
    Bundle.model_validate(answer.json)
    assert answer.json["type"] == "searchset"
    for each in answer.json["entry"]:
        Patient.model_validate(each["resource"])
        assert each["fullUrl"] == f"{BASE}/Patient/{each['resource']['id']}"
    assert town.in_xml().search(("family", "muller")).json == answer.json


def test_nothing_found_is_a_bundle_without_entries(town: Bench) -> None:
    bundle = town.search(("family", "nobody")).json
    assert bundle["total"] == 0
    assert "entry" not in bundle


def test_the_self_link_tells_what_was_understood(town: Bench) -> None:
    answer = town.send("/Patient", "family:exact=M%C3%BCller&gender:not=male&other=1&_count=1000")
    assert answer.link("self") == f"{BASE}/Patient?family%3Aexact=M%C3%BCller&_count=100"
    assert answer.found == [ANNA]


@pytest.mark.parametrize(
    ("query", "status", "code", "place"),
    [
        ("", 400, "required", ""),
        ("_count=5", 400, "required", ""),
        ("unknown=x", 400, "required", ""),
        ("family=", 400, "invalid", "family"),
        ("family=muller&gender=F", 400, "code-invalid", "gender"),
        ("family=muller&gender=x%7Cmale", 400, "code-invalid", "gender"),
        ("birthdate=1970-02-30", 400, "invalid", "birthdate"),
        ("birthdate=yesterday", 400, "invalid", "birthdate"),
        ("birthdate=ap1970", 400, "invalid", "birthdate"),
        ("active=maybe&family=muller", 400, "invalid", "active"),
        ("telecom=phone%7C", 400, "invalid", "telecom"),
        ("identifier=%7C", 400, "invalid", "identifier"),
        (f"identifier=urn:oid:{HOSPITAL}%7C,urn:oid:{HOSPITAL}%7CH-1", 400, "invalid", "identifier"),
        ("family=muller&_count=-1", 400, "invalid", "_count"),
        ("family=muller&_count=abc", 400, "invalid", "_count"),
        ("family=muller&_count=1&_count=2", 400, "invalid", "_count"),
        ("_filter=x", 400, "not-supported", "_filter"),
        ("_has:Observation:patient:code=1", 400, "not-supported", "_has"),
        ("organization.name=x", 400, "not-supported", "organization.name"),
        ("_page=a%20b", 400, "invalid", "_page"),
        ("_page=abc", 410, "deleted", "_page"),
        (f"birthdate={','.join(f'19{year}' for year in range(50, 71))}", 400, "too-costly", "query"),
    ],
)
def test_searches_that_cannot_be_understood(
    town: Bench, query: str, status: int, code: str, place: str
) -> None:
    answer = town.send("/Patient", query)
    assert (*answer.issue[:2], answer.place) == (status, code, place), answer.body


@pytest.mark.parametrize("name", ["unknown", "gender:not", "birthdate:exact", "family:contains"])
def test_strict_handling_refuses_what_lenient_passes_over(town: Bench, name: str) -> None:
    query = f"family=muller&{name}=1"
    assert town.send("/Patient", query).status == 200
    answer = town.send("/Patient", query, prefer="handling=strict")
    assert answer.issue[:2] == (400, "not-supported")


def test_a_format_that_is_not_offered(town: Bench) -> None:
    assert town.send("/Patient", "family=muller&_format=ttl").issue[:2] == (406, "not-supported")


# --- domains (cases 2 and 4) ---------------------------------------------------------------------


def test_only_identifiers_of_the_domains_chosen(town: Bench) -> None:
    every = town.search(("given", "lea"))
    assert systems(every) == [[HOSPITAL_URI, urn(LABORATORY)]]
    one = town.search(("given", "lea"), ("identifier", f"urn:oid:{LABORATORY}|"))
    assert systems(one) == [[urn(LABORATORY)]]
    two = town.search(("given", "lea"), ("identifier", f"urn:oid:{LABORATORY}|,{HOSPITAL_URI}|"))
    assert systems(two) == [[HOSPITAL_URI, urn(LABORATORY)]]
    none = town.search(("given", "lea"), ("identifier", f"urn:oid:{NATIONAL}|"))
    assert none.json["total"] == 0


@pytest.mark.parametrize("system", ["urn:oid:2.999.77", "http://nowhere.example", urn(HIDDEN)])
def test_a_domain_that_is_not_known(town: Bench, system: str) -> None:
    query = [("given", "lea"), ("identifier", f"{system}|,urn:oid:{LABORATORY}|")]
    answer = town.search(*query)
    assert answer.issue == (404, "not-found", "targetSystem not found")
    assert answer.json["issue"][0]["severity"] == "warning"


def test_hidden_identifiers_show_to_their_readers_only(town: Bench) -> None:
    shown = town.search(("given", "lea"), node="tester")
    assert urn(HIDDEN) in systems(shown)[0]
    assert b"X-1" not in town.search(("given", "lea")).body


# --- merged and removed (case 6) -----------------------------------------------------------------


@pytest.fixture
def merged(bench: Bench) -> Bench:
    for value in ("H-1", "H-2"):
        bench.feed(patient(HOSPITAL, value, name=[{"family": f"Family {value}"}], birthDate=None))
    assert bench.feed(replaced(HOSPITAL, "H-1", "H-2")).status == 200
    return bench


def test_a_merged_identifier_leads_to_its_survivor(merged: Bench) -> None:
    answer = merged.search(("identifier", token(HOSPITAL, "H-1")))
    ended, survivor = answer.resources
    assert answer.json["total"] == 1
    assert [each["search"]["mode"] for each in answer.json["entry"]] == ["match", "include"]
    assert (ended["active"], survivor["active"]) == (False, True)
    assert ended["link"] == [{"other": {"reference": f"Patient/{survivor['id']}"}, "type": "replaced-by"}]
    assert survivor["identifier"][0]["value"] == "H-2"
    Patient.model_validate(ended)


def test_a_merged_patient_is_read_as_inactive(merged: Bench) -> None:
    ended = merged.search(("identifier", token(HOSPITAL, "H-1"))).resources[0]
    read = merged.send(f"/Patient/{ended['id']}")
    assert (read.status, read.json["active"]) == (200, False)
    by_id = merged.search(("_id", ended["id"]))
    assert [each["active"] for each in by_id.resources] == [False, True]
    survivor = merged.follow(f"{BASE}/{read.json['link'][0]['other']['reference']}")
    assert survivor.json["identifier"][0]["value"] == "H-2"


def test_a_merged_patient_is_not_found_by_its_name(merged: Bench) -> None:
    assert merged.search(("family", "Family H-1")).json["total"] == 0


def test_a_removed_patient_is_gone(bench: Bench) -> None:
    location = bench.feed(patient(HOSPITAL, "H-1")).headers["location"]
    bench.remove(token(HOSPITAL, "H-1"))
    assert bench.search(("identifier", token(HOSPITAL, "H-1"))).json["total"] == 0
    assert bench.search(("family", "Schmit")).json["total"] == 0
    assert bench.follow(location).issue[:2] == (404, "not-found")


# --- reading -------------------------------------------------------------------------------------


def test_a_patient_is_read_by_its_id(town: Bench) -> None:
    found = town.search(("given", "lea")).resources[0]
    read = town.send(f"/Patient/{found['id']}")
    assert (read.status, read.json) == (200, found)
    assert town.search(("_id", found["id"])).resources == [found]
    assert town.search(("_id", f"{found['id']},zz")).found == [ANNA]
    assert town.search(("_id", found["id"]), ("family", "weber")).found == []


@pytest.mark.parametrize("name", ["1", "zz", "ffffffffffffffff", "1" * 64, "A", "0.1"])
def test_who_is_not_there(town: Bench, name: str) -> None:
    assert town.send(f"/Patient/{name}").issue[:2] == (404, "not-found")


def test_other_methods_on_a_patient(town: Bench) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        answer = town.send("/Patient/1", method=method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET")


# --- who may ask, and what is kept of it ---------------------------------------------------------


def test_who_may_not_ask_gets_one_answer_for_all(town: Bench) -> None:
    for query in ("given=lea", "given=nobody"):
        assert town.send("/Patient", query, node="patient-portal").issue[:2] == (403, "forbidden")
        assert town.send("/Patient", query, signed_in=False).issue[:2] == (401, "login")
    known = town.search(("given", "lea")).resources[0]["id"]
    for name in (known, "1"):
        assert town.send(f"/Patient/{name}", node="patient-portal").issue[:2] == (403, "forbidden")


def test_the_audit_tells_the_query_and_who_was_found(town: Bench) -> None:
    answer = town.search(("given", "anna"))
    (row,) = town.audit(answer)
    assert (row.transaction, row.outcome) == ("ITI-78", 0)
    assert "110112" in row.message
    for value in ("H-1", "H-4"):
        assert f"{value}^^^&amp;{HOSPITAL}&amp;ISO" in row.message
    (row,) = town.audit(town.send(f"/Patient/{answer.resources[0]['id']}"))
    assert (row.transaction, row.outcome) == ("ITI-78", 0)


def test_what_was_fed_elsewhere_is_found_here(bench: Bench) -> None:
    assert bench.gateway.engine.clock() == NOW
    told = patient(AFFINITY, "A-1", name=[{"family": "Feed"}])
    bench.feed(told)
    assert bench.search(("family", "feed")).resources[0]["identifier"][0]["value"] == "A-1"
