"""gateway.client.xcpd: questions that follow the schema, and answers of others, strict or loose."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from gateway import schemas
from gateway.client.xcpd import Community, Match, Sought, discovery_body, read_discovery
from gateway.errors import Malformed
from gateway.record.demographics import PersonName
from gateway.record.people import PatientId

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
BETWEEN = Community(sender="2.999.60.1", receiver="2.999.50.1", home="2.999.1.2")
V = "{urn:hl7-org:v3}"
CORPUS = Path(os.environ.get("PASSERELLE_SHARED", Path(__file__).parents[4] / "shared")) / "corpus" / "iti-55"
SOUGHT = Sought(
    family="Muster & Söhne",
    given=("Anna", "M<"),
    birth_date="19800229",
    sex="F",
    identifiers=(PatientId("A\"1'", "2.999.1"),),
)


def test_a_question_follows_the_schema_and_is_canonical() -> None:
    body = discovery_body(SOUGHT, BETWEEN, AT)
    element = etree.fromstring(body)

    schemas.validate("hl7v3", element)
    assert etree.tostring(element, method="c14n", exclusive=True) == body
    values = {each.getparent().tag.removeprefix(V): each for each in element.iter(f"{V}value")}
    assert values["livingSubjectBirthTime"].get("value") == "19800229"
    assert values["livingSubjectId"].get("extension") == "A\"1'"
    assert values["livingSubjectName"].findtext(f"{V}family") == "Muster & Söhne"
    home = element.find(f"{V}sender/{V}device/{V}asAgent/{V}representedOrganization/{V}id")
    assert home is not None
    assert dict(home.attrib) == {"root": "2.999.1.2"}


def answer(content: str, code: str) -> etree._Element:
    return etree.fromstring(
        f'<PRPA_IN201306UV02 xmlns="urn:hl7-org:v3"><controlActProcess>{content}<queryAck>'
        f'<queryResponseCode code="{code}"/></queryAck></controlActProcess></PRPA_IN201306UV02>'
    )


def test_what_would_help_and_why_there_is_no_answer() -> None:
    helped = answer(
        "<reasonOf><detectedIssueEvent><triggerFor><actOrderRequired><code code='PatientAddressRequested'/>"
        "</actOrderRequired></triggerFor></detectedIssueEvent></reasonOf>",
        "OK",
    )
    failed = answer(
        "<reasonOf><detectedIssueEvent><mitigatedBy><detectedIssueManagement><code code='ResponderBusy'/>"
        "</detectedIssueManagement></mitigatedBy></detectedIssueEvent></reasonOf>",
        "AE",
    )

    assert read_discovery(helped).wanted == ("PatientAddressRequested",)
    assert (read_discovery(failed).code, read_discovery(failed).reasons) == ("AE", ("ResponderBusy",))


@pytest.mark.parametrize(
    "custodian",
    ["", "<custodian><assignedEntity><code code='NotHealthDataLocator'/></assignedEntity></custodian>"],
)
def test_a_match_of_nobody_knows_whom_is_left_out(custodian: str) -> None:
    told = answer(
        "<subject><registrationEvent><subject1><patient><id root='2.999' extension='1'/></patient></subject1>"
        f"{custodian}</registrationEvent></subject>",
        "OK",
    )

    assert read_discovery(told).matches == ()


def test_another_answer_is_refused() -> None:
    with pytest.raises(Malformed):
        read_discovery(etree.fromstring('<MCCI_IN000002UV01 xmlns="urn:hl7-org:v3"/>'))


def of_corpus(name: str) -> etree._Element:
    path = CORPUS / name
    if not path.is_file():
        pytest.skip(f"no {path}; name its place with PASSERELLE_SHARED")
    return next(etree.fromstring(path.read_bytes()).iter(f"{V}PRPA_IN201306UV02"))


def test_answers_of_other_products_are_read() -> None:
    loose = read_discovery(of_corpus("metriport/xcpd_match.xml"))
    nobody = read_discovery(of_corpus("metriport/xcpd_no_match.xml"))
    sample = read_discovery(of_corpus("ipf/iti55-sample-response.xml"))

    assert [each.name for each in loose.matches] == [
        PersonName(family="NWHINZZZTESTPATIENT", given=("NWHINONE",))
    ]
    assert [(each.home, each.score, each.locates) for each in loose.matches] == [
        ("2.16.840.1.113883.3.9621", 99, False)
    ]
    assert (nobody.code, nobody.matches) == ("NF", ())
    assert sample.matches[0] == Match(
        home="1.2.840.114350.1.13.99998.8734",
        identifiers=(
            PatientId("34827K410", "1.2.840.114350.1.13.99998.8734"),
            PatientId("38273D433", "1.2.840.114350.1.13.99997.2.3412"),
            PatientId("999-88-6345", "2.16.840.1.113883.4.1"),
        ),
        name=PersonName(family="Jones", given=("James",)),
        birth_date="19630804",
        sex="M",
        locates=True,
        score=92,
    )
    assert len(sample.matches) == 2
