"""ITI-45: the six cases of ITI TF-2 3.45.4.2.3, and what breaks the specification."""

from base64 import b64decode
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from gateway import schemas

House = Any
ADD, QUERY = "PRPA_IN201301UV02", "PRPA_IN201309UV02"
PARAMETERS = f"/{QUERY}/controlActProcess/queryByParameter/parameterList"


@pytest.fixture
def known(v3: House, say: SimpleNamespace) -> House:
    """One person, whom three systems know."""
    body = say.feed(ADD, ("A1", say.affinity), ("W1", say.ward), ("H1", say.hidden))
    assert v3.send("/pix", f"urn:hl7-org:v3:{ADD}", body).kind == "CA"
    return v3


def ask(house: House, body: str, node: str = "tester") -> Any:
    answer = house.send("/pix", f"urn:hl7-org:v3:{QUERY}", body, node)
    schemas.validate("hl7v3", answer.body)
    return answer


def test_case_1_identifiers_of_the_domains_asked_for(known: House, say: SimpleNamespace) -> None:
    answer = ask(known, say.pix_query("A1", say.affinity, say.ward))

    assert (answer.name, answer.kind, answer.response) == (
        "PRPA_IN201310UV02", "AA", ("deliveredResponse", "OK"),
    )  # fmt: skip
    assert answer.ids() == [[(say.ward, "W1")]]


def test_case_2_without_domains_all_others(known: House, say: SimpleNamespace) -> None:
    answer = ask(known, say.pix_query("W1", say.ward))

    assert answer.ids() == [[(say.affinity, "A1"), (say.hidden, "H1")]]
    assert [dict(each.attrib) for each in answer.body.iter("{urn:hl7-org:v3}name")] == [{"nullFlavor": "NA"}]


def test_what_a_node_may_not_see_is_not_told(known: House, say: SimpleNamespace) -> None:
    answer = ask(known, say.pix_query("W1", say.ward), "laboratory")
    asked = ask(known, say.pix_query("W1", say.ward, say.hidden), "laboratory")

    assert answer.ids() == [[(say.affinity, "A1")]]
    assert (asked.kind, asked.errors) == ("AE", [("204", f"{PARAMETERS}/dataSource[1]/value")])


def test_case_3_nothing_in_the_domains_asked_for(known: House, say: SimpleNamespace) -> None:
    answer = ask(known, say.pix_query("A1", say.affinity, say.laboratory))

    assert (answer.kind, answer.response, answer.ids()) == ("AA", ("deliveredResponse", "NF"), [])


@pytest.mark.parametrize(("extension", "root"), [("A404", "2.999.1.1"), ("A1", "2.999.404")])
def test_case_4_an_identifier_that_is_not_known(
    known: House, say: SimpleNamespace, extension: str, root: str
) -> None:
    answer = ask(known, say.pix_query(extension, root))

    assert (answer.kind, answer.response) == ("AE", ("deliveredResponse", "AE"))
    assert answer.errors == [("204", f"{PARAMETERS}/patientIdentifier/value")]


def test_case_5_every_unknown_domain_is_told(known: House, say: SimpleNamespace) -> None:
    answer = ask(known, say.pix_query("A1", say.affinity, "2.999.404", say.ward, "2.999.405"))

    assert (answer.kind, answer.response[1], answer.ids()) == ("AE", "AE", [])
    assert answer.errors == [("204", f"{PARAMETERS}/dataSource[{n}]/value") for n in (1, 3)]


def test_case_6_several_identifiers_of_one_domain(known: House, say: SimpleNamespace) -> None:
    body = say.feed(ADD, ("A1", say.affinity), ("W2", say.ward))
    known.send("/pix", f"urn:hl7-org:v3:{ADD}", body)

    answer = ask(known, say.pix_query("A1", say.affinity, say.ward))

    assert answer.ids() == [[(say.ward, "W1"), (say.ward, "W2")]]


def test_the_query_is_repeated_and_its_id_acknowledged(known: House, say: SimpleNamespace) -> None:
    body = say.pix_query("A1", say.affinity, say.ward)
    answer = ask(known, body)
    sent = etree.fromstring(body).find(".//{urn:hl7-org:v3}queryByParameter")
    assert sent is not None

    assert answer.one("controlActProcess/queryAck/queryId").get("extension") == "q1"
    echoed = answer.one("controlActProcess/queryByParameter")
    assert etree.tostring(echoed, method="c14n", exclusive=True) == etree.tostring(
        sent, method="c14n", exclusive=True
    )


VALUE = '<value root="2.999.1.1" extension="A1"/>'
BROKEN = {
    "status": {'<statusCode code="new"/>': '<statusCode code="old"/>'},
    "priority": {'<responsePriorityCode code="I"/>': '<responsePriorityCode code="D"/>'},
    "two identifiers": {VALUE: VALUE * 2},
    "no extension": {' extension="A1"': ""},
    "extension of a domain": {'<value root="2.999.77.1"/>': '<value root="2.999.77.1" extension="x"/>'},
    "two values of a domain": {'<value root="2.999.77.1"/>': '<value root="2.999.77.1"/>' * 2},
    "modify code": {"<responsePriorityCode": '<modifyCode code="N"/><responsePriorityCode'},
    "id of parameters": {"<parameterList>": '<parameterList><id root="2.999.3"/>'},
    "author": {
        "<queryByParameter>": '<authorOrPerformer typeCode="PRF"><assignedDevice classCode="ASSIGNED"/>'
        "</authorOrPerformer><queryByParameter>"
    },
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_what_breaks_the_specification_is_refused(known: House, say: SimpleNamespace, name: str) -> None:
    answer = ask(known, say.pix_query("A1", say.affinity, say.ward, changed=BROKEN[name]))

    assert (answer.kind, answer.response) == ("AE", ("aborted", "QE"))
    assert [code for code, _ in answer.errors] == ["SYN113"]
    issue = "controlActProcess/reasonOf/detectedIssueEvent/mitigatedBy/detectedIssueManagement/code"
    assert answer.code(issue) == "VALIDAT"
    assert answer.ids() == []


def test_semantics_text_is_not_looked_at(known: House, say: SimpleNamespace) -> None:
    changed = {
        "<semanticsText>Patient.id</semanticsText>": '<semanticsText representation="x">?</semanticsText>'
    }

    assert ask(known, say.pix_query("A1", say.affinity, say.ward, changed=changed)).kind == "AA"


def test_the_audit_has_the_patient_and_the_query(known: House, say: SimpleNamespace) -> None:
    ask(known, say.pix_query("A1", say.affinity, say.ward))
    row = known.audit()[-1]
    patient, query = row.findall("ParticipantObjectIdentification")[:2]
    text = b64decode(query.findtext("ParticipantObjectQuery") or "")

    assert row.find("EventIdentification/EventTypeCode").get("csd-code") == "ITI-45"
    assert patient.get("ParticipantObjectID") == f"A1^^^&{say.affinity}&ISO"
    assert (query.get("ParticipantObjectTypeCode"), query.get("ParticipantObjectTypeCodeRole")) == ("2", "24")
    assert etree.fromstring(text).tag == "{urn:hl7-org:v3}queryByParameter"
