"""ITI-56: where the records of a patient are."""

from types import SimpleNamespace
from typing import Any

from gateway import schemas

House = Any
ADD = "PRPA_IN201301UV02"
X = "{urn:ihe:iti:xcpd:2009}"
ACTION = "urn:ihe:iti:2009:PatientLocationQuery"


def ask(house: House, extension: str, root: str, node: str = "tester") -> Any:
    body = (
        '<x:PatientLocationQueryRequest xmlns:x="urn:ihe:iti:xcpd:2009">'
        f'<x:RequestedPatientId root="{root}" extension="{extension}"/></x:PatientLocationQueryRequest>'
    )
    answer = house.send("/xcpd/responder", ACTION, body, node)
    assert answer.name == "PatientLocationQueryResponse", answer.text
    schemas.validate("xcpd", answer.body)
    return answer.body


def test_a_patient_who_is_known_is_here(v3: House, say: SimpleNamespace) -> None:
    v3.send("/pix", f"urn:hl7-org:v3:{ADD}", say.feed(ADD, ("A1", say.affinity), ("H1", say.hidden)))
    told = ask(v3, "H1", say.hidden).find(f"{X}PatientLocationResponse")

    assert told.findtext(f"{X}HomeCommunityId") == "urn:oid:2.999.1.2"
    corresponding, requested = told.find(f"{X}CorrespondingPatientId"), told.find(f"{X}RequestedPatientId")
    assert (corresponding.get("root"), corresponding.get("extension")) == (say.affinity, "A1")
    assert (requested.get("root"), requested.get("extension")) == (say.hidden, "H1")


def test_of_anybody_else_nothing_is_told(v3: House, say: SimpleNamespace) -> None:
    v3.send("/pix", f"urn:hl7-org:v3:{ADD}", say.feed(ADD, ("A1", say.affinity), ("H1", say.hidden)))
    v3.send(
        "/pix",
        f"urn:hl7-org:v3:{ADD}",
        say.feed(ADD, ("W9", say.ward), person="<name><family>X</family></name>"),
    )

    assert len(ask(v3, "A404", say.affinity)) == 0
    assert len(ask(v3, "H1", say.hidden, "laboratory")) == 0
    assert len(ask(v3, "W9", say.ward)) == 0


def test_a_request_without_identifier_is_a_fault(v3: House) -> None:
    body = '<PatientLocationQueryRequest xmlns="urn:ihe:iti:xcpd:2009"><RequestedPatientId root="2.999.1"/></PatientLocationQueryRequest>'  # noqa: E501

    assert v3.send("/xcpd/responder", ACTION, body).name == "Fault"


def test_the_audit_has_the_patient_asked_for(v3: House, say: SimpleNamespace) -> None:
    ask(v3, "A1", say.affinity)
    row = v3.audit()[-1]

    assert row.find("EventIdentification/EventTypeCode").get("csd-code") == "ITI-56"
    assert (
        row.find("ParticipantObjectIdentification").get("ParticipantObjectID") == f"A1^^^&{say.affinity}&ISO"
    )
