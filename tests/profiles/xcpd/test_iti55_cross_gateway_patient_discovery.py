"""ITI-55: what a request must say, and the cases of ITI TF-2 3.55.4.2.2."""

from base64 import b64decode
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from gateway import schemas
from gateway.client.xcpd import Community, Sought, discovery_body, read_discovery
from gateway.errors import Meaning, Problem
from gateway.record.demographics import PersonName
from gateway.record.people import PatientId
from profiles.xcpd.iti55_cross_gateway_patient_discovery import refuse

House = Any
ADD, QUERY, ANSWER = "PRPA_IN201301UV02", "PRPA_IN201305UV02", "PRPA_IN201306UV02"
PARAMETERS = f"/{QUERY}/controlActProcess/queryByParameter/parameterList"
ACTION = f"urn:hl7-org:v3:{QUERY}:CrossGatewayPatientDiscovery"
DEFERRED = f"urn:hl7-org:v3:{QUERY}:Deferred:CrossGatewayPatientDiscovery"
SEX = '<livingSubjectAdministrativeGender><value code="F"/></livingSubjectAdministrativeGender>'
ISSUE = "controlActProcess/reasonOf/detectedIssueEvent"
EVENT = "controlActProcess/subject/registrationEvent"


@pytest.fixture
def known(v3: House, say: SimpleNamespace) -> House:
    """Anna Muster, whom two systems know."""
    body = say.feed(ADD, ("A1", say.affinity), ("W1", say.ward))
    assert v3.send("/pix", f"urn:hl7-org:v3:{ADD}", body).kind == "CA"
    return v3


def everything(say: SimpleNamespace, **more: Any) -> str:
    """All that was told of Anna Muster."""
    return say.pdq_query(
        SEX,
        say.born("19800229"),
        say.named("Muster", "Anna"),
        "<patientAddress><value><streetAddressLine>1 Rue du Test</streetAddressLine><city>Luxembourg</city>"
        "<postalCode>L-1234</postalCode></value></patientAddress>",
        '<patientTelecom><value value="tel:+3521234"/></patientTelecom>',
        **more,
    )


def ask(house: House, body: str, action: str = ACTION) -> Any:
    answer = house.send("/xcpd/responder", action, body)
    assert answer.name != "Fault", answer.text
    schemas.validate("hl7v3", answer.body)
    return answer


def test_case_1_one_match_with_one_id_and_its_community(known: House, say: SimpleNamespace) -> None:
    answer = ask(known, everything(say))

    assert (answer.name, answer.kind, answer.response) == (ANSWER, "AA", ("deliveredResponse", "OK"))
    assert answer.ids() == [[(say.affinity, "A1")]]
    other = answer.one(f"{EVENT}/subject1/patient/patientPerson/asOtherIDs/id")
    assert (other.get("root"), other.get("extension")) == (say.ward, "W1")
    entity = f"{EVENT}/custodian/assignedEntity"
    assert dict(answer.one(f"{entity}/id").attrib) == {"root": "2.999.1.2"}
    assert dict(answer.one(f"{entity}/code").attrib) == {
        "code": "NotHealthDataLocator", "codeSystem": "1.3.6.1.4.1.19376.1.2.27.2",
    }  # fmt: skip
    score = answer.one(f"{EVENT}/subject1/patient/subjectOf1/queryMatchObservation/value").get("value")
    assert 0 < int(score) <= 100


def test_an_identifier_alone_is_enough(known: House, say: SimpleNamespace) -> None:
    wanted = f'<livingSubjectId><value root="{say.ward}" extension="W1"/></livingSubjectId>'
    nobody = f'<livingSubjectId><value root="{say.ward}" extension="W404"/></livingSubjectId>'

    assert ask(known, say.pdq_query(wanted)).ids() == [[(say.affinity, "A1")]]
    assert ask(known, say.pdq_query(nobody)).response == ("deliveredResponse", "NF")


def test_case_3_what_would_help_to_be_sure(known: House, say: SimpleNamespace) -> None:
    answer = ask(known, say.pdq_query(say.born("19800229"), say.named("Muster", "Ana")))

    assert (answer.kind, answer.response, answer.ids()) == ("AA", ("deliveredResponse", "OK"), [])
    asked = [dict(each.attrib) for each in answer.all(f"{ISSUE}/triggerFor/actOrderRequired/code")]
    assert {each["codeSystem"] for each in asked} == {"1.3.6.1.4.1.19376.1.2.27.1"}
    assert [each["code"] for each in asked] == [
        "LivingSubjectAdministrativeGenderRequested", "PatientAddressRequested", "PatientTelecomRequested",
        "MothersMaidenNameRequested",
    ]  # fmt: skip


def test_case_4_nobody_is_like_that(known: House, say: SimpleNamespace) -> None:
    answer = ask(known, say.pdq_query(say.born("19450101"), say.named("Nobody", "Nadia")))

    assert (answer.kind, answer.response, answer.ids()) == ("AA", ("deliveredResponse", "NF"), [])
    assert answer.all("controlActProcess/reasonOf") == []


@pytest.mark.parametrize(
    ("meaning", "reason"),
    [
        (Meaning.BUSY, "ResponderBusy"),
        (Meaning.NOT_PERMITTED, "AnswerNotAvailable"),
        (Meaning.TOO_WIDE, "AnswerNotAvailable"),
        (Meaning.GENERAL, "InternalError"),
    ],
)
def test_case_5_why_there_is_no_answer(meaning: Meaning, reason: str) -> None:
    text = b"".join(refuse((Problem(meaning, "text"),)).pieces).decode()

    assert f'<code code="{reason}" codeSystem="1.3.6.1.4.1.19376.1.2.27.3"></code>' in text
    assert '<queryResponseCode code="AE">' in text


ADDRESS, END, NAMED = "<patientAddress>", "</patientAddress>", "<livingSubjectName>"
MAIDEN = '<mothersMaidenName><value use="SRCH"><family>x</family></value></mothersMaidenName>'
SCOPE = '<otherIDsScopingOrganization><value root="2.999.1.1"/></otherIDsScopingOrganization>'
BARE = '<livingSubjectId><value root="2.999.1"/></livingSubjectId>'
SEMANTICS = "</value><semanticsText>livingSubjectName"
CHANGED = {
    "inexact maiden name": {ADDRESS: f"{MAIDEN}{ADDRESS}"},
    "two values of a name": {SEMANTICS: SEMANTICS.replace("><", "><value/><", 1)},
    "two addresses": {END: f"{END}{ADDRESS}<value/>{END}"},
    "identifier without extension": {NAMED: f"{BARE}{NAMED}"},
    "priority": {'Code code="I"/>': 'Code code="X"/>'},
    "domains": {ADDRESS: f"{SCOPE}{ADDRESS}"},
}
BROKEN = {
    "no birth time": lambda say: say.pdq_query(say.named("Muster", "Anna")),
    "no name": lambda say: say.pdq_query(say.born("19800229")),
    "nothing": lambda say: say.pdq_query(),
    "inexact name": lambda say: say.pdq_query(say.born("19800229"), say.named("Muster", "Anna", use="SRCH")),
    "quantity": lambda say: everything(say, quantity=5),
} | {name: lambda say, changed=changed: everything(say, changed=changed) for name, changed in CHANGED.items()}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_what_breaks_the_specification_is_refused(known: House, say: SimpleNamespace, name: str) -> None:
    answer = ask(known, BROKEN[name](say))

    assert (answer.kind, answer.response) == ("AE", ("aborted", "QE")), answer.text
    assert [code for code, _ in answer.errors] == ["SYN113"]
    assert answer.ids() == []


def test_a_name_of_null_does_not_count_as_an_identifier(known: House, say: SimpleNamespace) -> None:
    null = '<livingSubjectId><value nullFlavor="UNK"/></livingSubjectId>'

    assert ask(known, say.pdq_query(null)).response == ("aborted", "QE")


def test_a_deferred_answer_is_refused(known: House, say: SimpleNamespace) -> None:
    body = everything(say, changed={'Code code="I"/>': 'Code code="D"/>'})
    deferred, usual = ask(known, body, DEFERRED), ask(known, body)

    assert (deferred.name, deferred.kind, deferred.errors[0][0]) == ("MCCI_IN000002UV01", "AE", "NS250")
    assert (usual.name, usual.kind, usual.errors[0][0]) == (ANSWER, "AE", "NS250")
    assert usual.response == ("aborted", "AE")


def test_senders_may_want_no_acknowledgement(known: House, say: SimpleNamespace) -> None:
    assert ask(known, everything(say, accept="NE")).ids() == [[(say.affinity, "A1")]]


def test_the_action_of_pdqv3_is_not_answered_here(known: House, say: SimpleNamespace) -> None:
    answer = known.send("/xcpd/responder", f"urn:hl7-org:v3:{QUERY}", everything(say))

    assert answer.name == "Fault"


def test_the_audit_has_those_told_of(known: House, say: SimpleNamespace) -> None:
    ask(known, everything(say))
    row = known.audit()[-1]
    patients = [
        each.get("ParticipantObjectID")
        for each in row.findall("ParticipantObjectIdentification")
        if each.get("ParticipantObjectTypeCode") == "1"
    ]

    query = row.find("ParticipantObjectIdentification[@ParticipantObjectTypeCodeRole='24']")
    details = {
        each.get("type"): b64decode(each.get("value")) for each in query.iter("ParticipantObjectDetail")
    }

    assert details["ihe:homeCommunityID"] == b"urn:oid:2.999.1.2"
    assert row.find("EventIdentification/EventTypeCode").get("csd-code") == "ITI-55"
    assert patients == [f"A1^^^&{say.affinity}&ISO"]


def test_our_own_initiating_gateway_understands_the_answer(known: House, say: SimpleNamespace) -> None:
    between = Community(sender="2.999.60.1", receiver="2.999.50.1", home="2.999.9")
    sought = Sought(identifiers=(PatientId("W1", say.ward),))
    body = discovery_body(sought, between, datetime(2026, 11, 22, tzinfo=UTC)).decode()
    found = read_discovery(ask(known, body).body)

    assert (found.code, len(found.matches)) == ("OK", 1)
    assert found.matches[0].home == "2.999.1.2"
    assert found.matches[0].identifiers == (PatientId("A1", say.affinity), PatientId("W1", say.ward))
    assert found.matches[0].name == PersonName(family="Muster", given=("Anna",))
