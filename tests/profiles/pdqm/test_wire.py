"""Patient ↔ demographics: every element there and back, and a resource that FHIR and PDQm accept."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.patient import Patient

from gateway.bindings.fhirtypes import check
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.domain import Domain, IdentityDomain
from gateway.record.patients import Person
from gateway.record.people import PatientId
from profiles.pdqm import codes
from profiles.pdqm.wire.patient import read_demographics, write_patient
from profiles.pdqm.wire.values import date_of, date_time_of, ts_of

BASE = "https://x/fhir"
DOMAIN = Domain(
    environment="integration",
    affinity_root="2.999.1.1",
    affinity_namespace="PASSERELLE",
    home_community="2.999.1.2",
    repository="2.999.1.3",
    base_url="https://x",
    identities={
        "2.999.2": IdentityDomain(namespace="HOSP", root="2.999.2", uris=("http://hosp.example/ids",))
    },
)
FULL = Demographics(
    names=(
        PersonName(family="Schmit", given=("Anna", "Maria"), prefix="Dr.", suffix="Jr.", use="L"),
        PersonName(family="Weber", use="M"),
        PersonName(given=("Änni",), use="N"),
        PersonName(family="Other"),
    ),
    mothers_maiden_name="Kremer",
    birth_date="19700517",
    sex="F",
    addresses=(
        Address(
            lines=("1, rue de la Gare", "2nd floor"),
            city="Esch",
            state="LU-ES",
            postcode="4001",
            country="LU",
            use="H",
        ),
        Address(city="Wiltz", use="BI"),
    ),
    telecoms=(
        Telecom(value="+352 1", system="phone", use="mobile"),
        Telecom(value="a@example.org", system="email"),
    ),
    birth_place="Luxembourg",
    multiple_birth="Y",
    birth_order="2",
    marital_status="M",
    language="lb",
    nationality="LU",
    deceased="Y",
    deceased_at="20250102030400+0100",
)


def person(told: Demographics, **more: Any) -> Person:
    given: dict[str, Any] = {
        "key": 0x1F,
        "identifiers": (PatientId("A-1", "2.999.1.1"), PatientId("H-1", "2.999.2")),
        "demographics": told,
    }
    return Person(**{**given, **more})


def written(told: Demographics, **more: Any) -> dict[str, Any]:
    resource = write_patient(person(told, **more), DOMAIN, BASE)
    check(resource)
    Patient.model_validate(resource)
    return resource


def test_everything_there_and_back() -> None:
    assert read_demographics(written(FULL)) == FULL


def test_what_a_patient_looks_like() -> None:
    resource = written(FULL)
    assert resource["id"] == "1f"
    assert resource["meta"] == {"profile": [codes.PATIENT_PROFILE]}
    assert resource["identifier"] == [
        {"system": "urn:oid:2.999.1.1", "value": "A-1", "assigner": {"display": "PASSERELLE"}},
        {"system": "http://hosp.example/ids", "value": "H-1", "assigner": {"display": "HOSP"}},
    ]
    assert resource["name"][0] == {
        "use": "official",
        "text": "Dr. Anna Maria Schmit Jr.",
        "family": "Schmit",
        "given": ["Anna", "Maria"],
        "prefix": ["Dr."],
        "suffix": ["Jr."],
    }
    assert [each.get("use") for each in resource["name"]] == ["official", "maiden", "nickname", None]
    assert (resource["gender"], resource["birthDate"]) == ("female", "1970-05-17")
    assert resource["deceasedDateTime"] == "2025-01-02T03:04:00+01:00"
    assert resource["multipleBirthInteger"] == 2
    assert resource["active"] is True
    assert "link" not in resource
    urls = {each["url"] for each in resource["extension"]}
    assert urls == {codes.MOTHERS_MAIDEN_NAME, codes.BIRTH_PLACE, codes.NATIONALITY}


def test_a_patient_of_whom_nothing_is_known() -> None:
    resource = written(Demographics(), identifiers=())
    assert resource["identifier"] == [{"system": "urn:ietf:rfc:3986", "value": f"{BASE}/Patient/1f"}]
    assert resource["name"] == [{"extension": [{"url": codes.DATA_ABSENT, "valueCode": "unknown"}]}]
    assert set(resource) == {"resourceType", "id", "meta", "identifier", "active", "name"}


def test_a_patient_that_became_part_of_another() -> None:
    resource = written(FULL, active=False, replaced_by=0x20)
    assert resource["active"] is False
    assert resource["link"] == [{"other": {"reference": "Patient/20"}, "type": "replaced-by"}]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Demographics(sex="U"), {"gender": "unknown"}),
        (Demographics(sex="A"), {"gender": "other"}),
        (Demographics(birth_date="1970"), {"birthDate": "1970"}),
        (Demographics(birth_date="197005171230+0100"), {"birthDate": "1970-05-17"}),
        (Demographics(deceased="N"), {"deceasedBoolean": False}),
        (Demographics(deceased="Y", deceased_at="20250102"), {"deceasedDateTime": "2025-01-02"}),
        (Demographics(deceased="Y", deceased_at="202501020304"), {"deceasedDateTime": "2025-01-02"}),
        (Demographics(multiple_birth="N"), {"multipleBirthBoolean": False}),
        (Demographics(multiple_birth="Y", birth_order="x"), {"multipleBirthBoolean": True}),
        (
            Demographics(marital_status="A"),
            {"maritalStatus": {"coding": [{"system": codes.MARITAL_V2, "code": "A"}]}},
        ),
        (
            Demographics(marital_status="N"),
            {"maritalStatus": {"coding": [{"system": codes.MARITAL_V3, "code": "A"}]}},
        ),
        (
            Demographics(language="a b"),
            {"communication": [{"language": {"text": "a b"}, "preferred": True}]},
        ),
    ],
)
def test_single_elements(told: Demographics, expected: dict[str, Any]) -> None:
    assert expected.items() <= written(told).items()


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ({"name": [{"text": "Anna Schmit"}]}, {"names": (PersonName(family="Anna Schmit"),)}),
        ({"name": [{"use": "official"}]}, {"names": None}),
        ({"name": [{"family": "A", "use": "old"}]}, {"names": (PersonName(family="A", use="BAD"),)}),
        ({"name": [{"given": [None, "B"]}]}, {"names": (PersonName(given=("B",)),)}),
        ({"gender": "other"}, {"sex": "O"}),
        ({"birthDate": "1970-05"}, {"birth_date": "197005"}),
        ({"telecom": [{"system": "phone", "value": "1", "use": "old"}]}, {"telecoms": None}),
        ({"telecom": [{"system": "sms", "value": "1"}]}, {"telecoms": (Telecom(value="1"),)}),
        (
            {"telecom": [{"system": "url", "value": "u", "use": "temp"}]},
            {"telecoms": (Telecom(value="u", system="other"),)},
        ),
        ({"telecom": [{"system": "phone"}]}, {"telecoms": None}),
        ({"address": [{"text": "1 Road"}]}, {"addresses": (Address(lines=("1 Road",)),)}),
        ({"address": [{"use": "home"}]}, {"addresses": None}),
        ({"multipleBirthBoolean": True}, {"multiple_birth": "Y", "birth_order": None}),
        ({"deceasedBoolean": True}, {"deceased": "Y", "deceased_at": None}),
        ({"maritalStatus": {"text": "married"}}, {"marital_status": None}),
        (
            {
                "communication": [
                    {"language": {"coding": [{"code": "fr"}]}},
                    {"language": {"coding": [{"code": "de"}]}, "preferred": True},
                ]
            },
            {"language": "de"},
        ),
        (
            {"extension": [{"url": codes.BIRTH_PLACE, "valueAddress": {"city": "Esch"}}]},
            {"birth_place": "Esch"},
        ),
    ],
)
def test_what_is_read(element: dict[str, Any], expected: dict[str, Any]) -> None:
    told = read_demographics({"resourceType": "Patient", **element})
    assert {name: getattr(told, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("fhir", "ts"),
    [
        ("1970", "1970"),
        ("1970-05", "197005"),
        ("1970-05-17", "19700517"),
        ("1970-05-17T03:04:05Z", "19700517030405+0000"),
        ("1970-05-17T03:04:05.678+01:00", "19700517030405+0100"),
        ("1970-05-17T03:04:05-05:30", "19700517030405-0530"),
    ],
)
def test_dates(fhir: str, ts: str) -> None:
    assert ts_of(fhir) == ts
    assert date_of(ts) == fhir[:10]
    back = date_time_of(ts)
    assert back is not None
    assert ts_of(back) == ts
