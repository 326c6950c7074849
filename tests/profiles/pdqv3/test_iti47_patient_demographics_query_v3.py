"""ITI-47: every parameter, the cases of ITI TF-2 3.47.4.2.3, and answers in parts."""

from base64 import b64decode
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from gateway import schemas

House = Any
ADD, QUERY, ANSWER = "PRPA_IN201301UV02", "PRPA_IN201305UV02", "PRPA_IN201306UV02"
CONTINUE, CANCEL = "QUQI_IN000003UV01_Continue", "QUQI_IN000003UV01_Cancel"
PARAMETERS = f"/{QUERY}/controlActProcess/queryByParameter/parameterList"
GIVEN = ("Anna", "Berta", "Clara", "Dora", "Emma")
ACK = "controlActProcess/queryAck"


def action(name: str) -> str:
    return f"urn:hl7-org:v3:{name}"


def person(given: str, number: int, more: str = "") -> str:
    return (
        f'<name use="L"><given>{given}</given><family>Muster</family></name>'
        f'<telecom use="HP" value="tel:+352 62100000{number}"/>'
        f'<administrativeGenderCode code="F"/><birthTime value="198{number}0{number + 1}1{number}"/>'
        f"<addr><streetAddressLine>{number + 1} Rue du Test</streetAddressLine><city>Ville {number}</city>"
        f"<postalCode>L-123{number}</postalCode><country>LU</country></addr>{more}"
    )


MOTHER = (
    '<personalRelationship classCode="PRS"><code code="MTH" codeSystem="2.16.840.1.113883.5.111"/>'
    '<relationshipHolder1 classCode="PSN" determinerCode="INSTANCE"><name><family>Vorher</family></name>'
    "</relationshipHolder1></personalRelationship>"
)


@pytest.fixture
def five(v3: House, say: SimpleNamespace) -> House:
    """Five persons; the first is known to two systems, the second told her mother's maiden name."""
    for number, given in enumerate(GIVEN):
        ids = [(f"A{number}", say.affinity)] + ([("W0", say.ward), ("H0", say.hidden)] if not number else [])
        body = say.feed(ADD, *ids, person=person(given, number, MOTHER if number == 1 else ""))
        answer = v3.send("/pix", action(ADD), body)
        assert answer.kind == "CA", answer.text
    return v3


def ask(house: House, body: str, node: str = "tester", name: str = QUERY) -> Any:
    answer = house.send("/pdq", action(name), body, node)
    assert answer.name != "Fault", answer.text
    schemas.validate("hl7v3", answer.body)
    return answer


def quantities(answer: Any) -> tuple[int, ...]:
    names = ("resultTotalQuantity", "resultCurrentQuantity", "resultRemainingQuantity")
    return tuple(int(answer.one(f"{ACK}/{name}").get("value")) for name in names)


def found(answer: Any) -> list[str]:
    """Given names, in order."""
    return [each.text for each in answer.body.iter("{urn:hl7-org:v3}given") if _of_patient(each)]


def _of_patient(given: etree._Element) -> bool:
    return any(etree.QName(each).localname == "patient" for each in given.iterancestors())


def test_case_1_everybody_who_fits_with_all_identifiers(five: House, say: SimpleNamespace) -> None:
    answer = ask(five, say.pdq_query(say.named("Muster", "Anna")))

    assert (answer.name, answer.kind, answer.response) == (ANSWER, "AA", ("deliveredResponse", "OK"))
    assert quantities(answer) == (1, 1, 0)
    assert answer.ids() == [[(say.affinity, "A0"), (say.ward, "W0"), (say.hidden, "H0")]]
    event = "controlActProcess/subject/registrationEvent"
    patient = f"{event}/subject1/patient"
    assert answer.one(f"{patient}/patientPerson/name/family").text == "Muster"
    assert answer.one(f"{patient}/patientPerson/birthTime").get("value") == "19800110"
    assert answer.one(f"{patient}/providerOrganization/id").get("root") == say.affinity
    assert answer.one(f"{patient}/subjectOf1/queryMatchObservation/value").get("value") == "100"
    assert answer.code(f"{patient}/subjectOf1/queryMatchObservation/code") == "IHE_PDQ"
    assert answer.one(f"{event}/custodian/assignedEntity/id").get("root") == "2.999.1.2"


def test_case_2_identifiers_of_the_domains_asked_for(five: House, say: SimpleNamespace) -> None:
    scope = [say.parameter("otherIDsScopingOrganization", f'<value root="{each}"/>') for each in (
        say.ward, say.laboratory
    )]  # fmt: skip
    answer = ask(five, say.pdq_query(say.named("Muster", "Anna"), *scope))

    assert answer.ids() == [[(say.ward, "W0")]]
    other = "controlActProcess/subject/registrationEvent/subject1/patient/patientPerson/asOtherIDs"
    assert answer.one(f"{other}/id").get("nullFlavor") == "NA"
    assert answer.one(f"{other}/scopingOrganization/id").get("root") == say.laboratory


def test_case_3_every_unknown_domain_is_told(five: House, say: SimpleNamespace) -> None:
    scope = [say.parameter("otherIDsScopingOrganization", f'<value root="{each}"/>') for each in (
        "2.999.404", say.ward, say.hidden
    )]  # fmt: skip
    answer = ask(five, say.pdq_query(say.named("Muster", "Anna"), *scope), "laboratory")

    assert (answer.kind, answer.response, answer.ids()) == ("AE", ("deliveredResponse", "AE"), [])
    where = f"{PARAMETERS}/otherIDsScopingOrganization"
    assert answer.errors == [("204", f"{where}[{n}]/value") for n in (1, 3)]
    assert quantities(answer) == (0, 0, 0)


def test_nobody_fits(five: House, say: SimpleNamespace) -> None:
    answer = ask(five, say.pdq_query(say.named("Nobody", "Nadia")))

    assert (answer.kind, answer.response, quantities(answer)) == (
        "AA",
        ("deliveredResponse", "NF"),
        (0, 0, 0),
    )


def test_what_a_node_may_not_see_is_not_told(five: House, say: SimpleNamespace) -> None:
    answer = ask(five, say.pdq_query(say.named("Muster", "Anna")), "laboratory")

    assert answer.ids() == [[(say.affinity, "A0"), (say.ward, "W0")]]


def value(name: str, *contents: str) -> str:
    """A parameter without semantics."""
    return f"<{name}>{''.join(contents)}</{name}>"


NAME, BORN, IDS = "livingSubjectName", "livingSubjectBirthTime", "livingSubjectId"
CRITERIA = {
    "inexact name": (value(NAME, '<value use="SRCH"><family>Must*</family></value>'), GIVEN),
    "two names": (
        value(NAME, "<value><given>Anna</given></value>")
        + value(NAME, "<value><given>Berta</given></value>"),
        ("Anna", "Berta"),
    ),
    "sex": (
        value("livingSubjectAdministrativeGender", '<value code="M"/>')
        + value(NAME, "<value><family>Muster</family></value>"),
        (),
    ),
    "day": (value(BORN, '<value value="19810211"/>'), ("Berta",)),
    "year": (value(BORN, '<value value="1981"/>'), ("Berta",)),
    "month": (value(BORN, '<value value="198203"/>'), ("Clara",)),
    "range": (
        value(BORN, '<value><low value="1981"/><high value="198203"/></value>'),
        ("Berta", "Clara"),
    ),
    "identifier": (value(IDS, '<value root="2.999.77.1" extension="W0"/>'), ("Anna",)),
    "alternatives": (
        value(
            IDS,
            '<value root="2.999.1.1" extension="A1"/>',
            '<value root="2.999.1.1" extension="A2"/>',
        ),
        ("Berta", "Clara"),
    ),
    "two identifiers": (
        value(IDS, '<value root="2.999.77.1" extension="W0"/>')
        + value(IDS, '<value root="2.999.1.1" extension="A1"/>'),
        (),
    ),
    "address": (
        value(
            "patientAddress",
            "<value><streetAddressLine>2 Rue</streetAddressLine><city>Ville 1</city></value>",
        ),
        ("Berta",),
    ),
    "telephone": (value("patientTelecom", '<value value="tel:+352621000002"/>'), ("Clara",)),
    "mother": (
        value("mothersMaidenName", "<value><family>Vorher</family></value>")
        + value("patientAddress", "<value><country>LU</country></value>"),
        ("Berta",),
    ),
}


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_each_parameter_narrows(five: House, say: SimpleNamespace, name: str) -> None:
    parameters, expected = CRITERIA[name]
    answer = ask(five, say.pdq_query(parameters))

    assert answer.kind == "AA", answer.text
    assert sorted(found(answer)) == sorted(expected)


def test_the_lowest_degree_counts(five: House, say: SimpleNamespace) -> None:
    def degree(value: int) -> str:
        return (
            f'<matchCriterionList><minimumDegreeMatch><value xsi:type="INT" value="{value}"/>'
            "<semanticsText>x</semanticsText></minimumDegreeMatch></matchCriterionList>"
        )

    begun = say.named("Must", "Anna")
    low = ask(five, say.pdq_query(begun, degree=degree(10)))
    high = ask(five, say.pdq_query(begun, degree=degree(95)))
    broken = ask(five, say.pdq_query(begun, degree=degree(101)))

    assert (found(low), found(high)) == (["Anna"], [])
    assert [code for code, _ in broken.errors] == ["SYN113"]


END = "</parameterList>"
BROKEN = {
    "status": {'<statusCode code="new"/>': '<statusCode code="old"/>'},
    "priority": {'Code code="I"/>': 'Code code="D"/>'},
    "modality": {'Code code="R"/>': 'Code code="T"/>'},
    "id of the parameters": {"<parameterList>": '<parameterList><id root="2.999.3"/>'},
    "sort": {END: f"{END}<sortControl/>"},
    "provider": {END: value("principalCareProviderId", '<value root="2.999.3" extension="1"/>') + END},
    "wrong order": {"<parameterList>": "<parameterList>" + value("patientTelecom", "<value/>")},
    "scope with extension": {
        END: value("otherIDsScopingOrganization", '<value root="2.999.1.1" extension="1"/>') + END
    },
    "two addresses": {
        END: value("patientAddress", "<value><city>x</city></value>", "<value><city>y</city></value>") + END
    },
    "weight": {
        "<parameterList>": "<matchCriterionList><matchWeight><value xsi:type='INT' value='1'/>"
        "<semanticsText>x</semanticsText></matchWeight></matchCriterionList><parameterList>"
    },
    "identifier without extension": {
        "<livingSubjectName>": value(IDS, "<value root='2.999.1.1'/>") + "<livingSubjectName>"
    },
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_what_breaks_the_specification_is_refused(five: House, say: SimpleNamespace, name: str) -> None:
    answer = ask(five, say.pdq_query(say.named("Muster", "Anna"), changed=BROKEN[name]))

    assert (answer.kind, answer.response) == ("AE", ("aborted", "QE")), answer.text
    assert [code for code, _ in answer.errors] == ["SYN113"]


def test_a_quantity_is_a_number_above_0(five: House, say: SimpleNamespace) -> None:
    for wrong in (0, -1):
        answer = ask(five, say.pdq_query(say.named("Muster"), quantity=wrong))
        assert [code for code, _ in answer.errors] == ["SYN113"]


# --- parts ---------------------------------------------------------------------------------------


def test_an_answer_is_told_in_parts_in_order(five: House, say: SimpleNamespace) -> None:
    whole = found(ask(five, say.pdq_query(say.named("Muster"))))
    first = ask(five, say.pdq_query(say.named("Muster"), quantity=2))
    second = ask(five, say.continuation(), name=CONTINUE)
    third = ask(five, say.continuation(), name=CONTINUE)
    after = ask(five, say.continuation(), name=CONTINUE)

    assert sorted(whole) == sorted(GIVEN)
    assert [quantities(each) for each in (first, second, third, after)] == [
        (5, 2, 3), (5, 2, 1), (5, 1, 0), (5, 0, 0),
    ]  # fmt: skip
    assert found(first) + found(second) + found(third) == whole
    assert [each.response[1] for each in (first, second, third, after)] == ["OK", "OK", "OK", "NF"]
    assert second.one("controlActProcess/queryAck/queryId").get("extension") == "q1"
    echoed = [etree.tostring(each.one("controlActProcess/queryByParameter")) for each in (first, second)]
    assert echoed[0] == echoed[1]


def test_a_part_is_told_again_from_its_start(five: House, say: SimpleNamespace) -> None:
    whole = found(ask(five, say.pdq_query(say.named("Muster"), quantity=1)))
    ask(five, say.continuation(quantity=3), name=CONTINUE)
    again = ask(five, say.continuation(start=1, quantity=1), name=CONTINUE)
    rest = ask(five, say.continuation(start=5), name="PDSupplier_QUQI_IN000003UV01_Continue")

    assert found(again) == whole
    assert (len(found(rest)), quantities(rest)) == (1, (5, 1, 0))


def test_parts_keep_to_the_domains_asked_for(five: House, say: SimpleNamespace) -> None:
    scope = say.parameter("otherIDsScopingOrganization", f'<value root="{say.affinity}"/>')
    ask(five, say.pdq_query(say.named("Muster"), scope, quantity=1))
    rest = ask(five, say.continuation(quantity=9), name=CONTINUE)

    assert {root for ids in rest.ids() for root, _ in ids} == {say.affinity}
    assert len(rest.ids()) == 4


def test_a_query_of_somebody_else_or_unknown_does_not_go_on(five: House, say: SimpleNamespace) -> None:
    ask(five, say.pdq_query(say.named("Muster"), quantity=2))
    foreign = ask(five, say.continuation(), "laboratory", CONTINUE)
    unknown = ask(five, say.continuation(query_id="q2"), name=CONTINUE)

    for answer in (foreign, unknown):
        assert (answer.kind, answer.response) == ("AE", ("aborted", "QE"))
        assert [code for code, _ in answer.errors] == ["204"]
        assert answer.ids() == []


@pytest.mark.parametrize("root", ["QUQI_IN000003UV01", "QUQI_IN000003UV01_Cancel"])
def test_a_query_is_cancelled(five: House, say: SimpleNamespace, root: str) -> None:
    ask(five, say.pdq_query(say.named("Muster"), quantity=2))
    foreign = ask(five, say.continuation("aborted", root=root), "laboratory", CANCEL)
    cancelled = ask(five, say.continuation("aborted", root=root), name=CANCEL)
    after = ask(five, say.continuation(), name=CONTINUE)
    again = ask(five, say.continuation("aborted", root=root), name=CANCEL)

    assert (foreign.kind, foreign.errors[0][0]) == ("CE", "204")
    assert (cancelled.name, cancelled.kind) == ("MCCI_IN000002UV01", "CA")
    assert (after.kind, after.errors[0][0]) == ("AE", "204")
    assert (again.kind, again.errors[0][0]) == ("CE", "204")


BROKEN_CONTINUATIONS = {
    "status": {"waitContinuedQueryResponse": "aborted"},
    "mode": {'<processingModeCode code="T"/>': '<processingModeCode code="I"/>'},
    "accept": {'<acceptAckCode code="AL"/>': '<acceptAckCode code="NE"/>'},
    "acknowledgement": {'<typeCode code="AA"/>': '<typeCode code="AE"/>'},
    "trigger": {'code="PRPA_TE000003UV01"': 'code="PRPA_TE201305UV02"'},
    "interaction": {'extension="QUQI_IN000003UV01"': 'extension="PRPA_IN201305UV02"'},
}


@pytest.mark.parametrize("name", sorted(BROKEN_CONTINUATIONS))
def test_a_broken_continuation_is_refused(five: House, say: SimpleNamespace, name: str) -> None:
    ask(five, say.pdq_query(say.named("Muster"), quantity=2))
    body = say.continuation()
    for old, new in BROKEN_CONTINUATIONS[name].items():
        assert old in body
        body = body.replace(old, new)
    answer = ask(five, body, name=CONTINUE)

    assert (answer.kind, answer.response) == ("AE", ("aborted", "QE"))
    assert [code for code, _ in answer.errors] == ["SYN113"]


def test_a_continuation_may_do_without_acknowledgement(five: House, say: SimpleNamespace) -> None:
    ask(five, say.pdq_query(say.named("Muster"), quantity=2))
    body = say.continuation().replace('code="PRPA_TE000003UV01"', 'code="QUQI_TE000003UV01"')
    start, end = body.index("<acknowledgement>"), body.index("</acknowledgement>")
    answer = ask(five, body[:start] + body[end + len("</acknowledgement>") :], name=CONTINUE)

    assert (answer.kind, answer.response) == ("AA", ("deliveredResponse", "OK"))
    assert quantities(answer) == (5, 2, 1)


def test_a_replayed_continuation_is_refused(five: House, say: SimpleNamespace) -> None:
    ask(five, say.pdq_query(say.named("Muster"), quantity=2))
    raw = five.raw("/pdq", action(CONTINUE), say.continuation())

    assert (five.sealed(raw).status, five.sealed(raw).status) == (200, 400)
    assert quantities(ask(five, say.continuation(), name=CONTINUE)) == (5, 1, 0)


def test_the_audit_has_the_query_and_those_found(five: House, say: SimpleNamespace) -> None:
    ask(five, say.pdq_query(say.named("Muster", "Anna")))
    objects = five.audit()[-1].findall("ParticipantObjectIdentification")
    query = next(each for each in objects if each.get("ParticipantObjectTypeCodeRole") == "24")

    assert [
        each.get("ParticipantObjectID") for each in objects if each.get("ParticipantObjectTypeCode") == "1"
    ] == [f"A0^^^&{say.affinity}&ISO"]
    text = b64decode(query.findtext("ParticipantObjectQuery") or "")
    assert etree.fromstring(text).tag == "{urn:hl7-org:v3}queryByParameter"
