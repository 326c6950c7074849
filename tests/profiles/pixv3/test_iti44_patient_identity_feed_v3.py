"""ITI-44: feeds, revisions and merges, what each is answered, and what they leave behind."""

from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from gateway import schemas
from gateway.record.people import PatientId

House = Any
ADD, REVISE, MERGE = "PRPA_IN201301UV02", "PRPA_IN201302UV02", "PRPA_IN201304UV02"
QUERY = "PRPA_IN201309UV02"
PLACES = ("/pix", "/xds/registry")


def action(name: str) -> str:
    return f"urn:hl7-org:v3:{name}"


def told(v3: House, extension: str, root: str) -> Any:
    held = v3.loop.run_until_complete(
        v3.gateway.engine.services.index.mpi.store.held(PatientId(extension, root))
    )
    return None if held is None else held.told


@pytest.mark.parametrize("path", PLACES)
def test_a_patient_is_announced_at_manager_and_registry(v3: House, say: SimpleNamespace, path: str) -> None:
    answer = v3.send(path, action(ADD), say.feed(ADD, ("A1", say.affinity)))

    assert (answer.status, answer.name, answer.kind, answer.errors) == (200, "MCCI_IN000002UV01", "CA", [])
    schemas.validate("hl7v3", answer.body)
    person = told(v3, "A1", say.affinity)
    assert (person.name.family, person.name.given, person.sex) == ("Muster", ("Anna",), "F")
    assert (person.birth_date, person.addresses[0].city) == ("19800229", "Luxembourg")


def test_the_acknowledgement_turns_the_wrapper_round(v3: House, say: SimpleNamespace) -> None:
    body = say.feed(ADD, ("A1", say.affinity))
    answer = v3.send("/pix", action(ADD), body)
    sent = etree.fromstring(body)

    assert answer.one("acknowledgement/targetMessage/id").get("root") == sent[0].get("root")
    assert answer.one("sender/device/id").get("root") == "2.999.50.1"
    assert answer.one("sender/device/asAgent/representedOrganization/id").get("root") == "2.999.50.2"
    assert answer.one("receiver/device/id").get("root") == "2.999.60.1"
    assert [answer.code(each) for each in ("processingCode", "processingModeCode", "acceptAckCode")] == [
        "T", "T", "NE",
    ]  # fmt: skip


def test_a_revision_replaces_everything(v3: House, say: SimpleNamespace) -> None:
    v3.send("/pix", action(ADD), say.feed(ADD, ("A1", say.affinity)))
    person = "<name><given>Anna</given><family>Neu</family></name>"
    answer = v3.send("/pix", action(REVISE), say.feed(REVISE, ("A1", say.affinity), person=person))

    assert answer.kind == "CA"
    now = told(v3, "A1", say.affinity)
    assert (now.name.family, now.addresses, now.birth_date, now.telecoms) == ("Neu", None, None, None)


def test_a_revision_of_somebody_unknown_announces(v3: House, say: SimpleNamespace) -> None:
    assert v3.send("/pix", action(REVISE), say.feed(REVISE, ("A9", say.ward))).kind == "CA"
    assert told(v3, "A9", say.ward) is not None


def test_a_merge_ends_one_identifier_in_the_other(v3: House, say: SimpleNamespace) -> None:
    for extension in ("A1", "A2"):
        v3.send("/pix", action(ADD), say.feed(ADD, (extension, say.affinity)))
    body = say.merge(("A1", say.affinity), ("A2", say.affinity))
    answer = v3.send("/pix", action(MERGE), body)

    assert answer.kind == "CA"
    gone = v3.send("/pix", action(QUERY), say.pix_query("A2", say.affinity))
    assert gone.errors[0][0] == "204"
    again = v3.send("/pix", action(MERGE), say.merge(("A1", say.affinity), ("A2", say.affinity)))
    where = f"/{MERGE}/controlActProcess/subject/registrationEvent/replacementOf/priorRegistration"
    assert (again.kind, again.errors) == ("CE", [("205", f"{where}/subject1/priorRegisteredRole/id")])


def test_what_the_index_refuses_stands_at_its_place(v3: House, say: SimpleNamespace) -> None:
    v3.send("/pix", action(ADD), say.feed(ADD, ("A1", say.affinity)))
    patient = "/controlActProcess/subject/registrationEvent/subject1/patient/id"
    unknown = v3.send("/pix", action(MERGE), say.merge(("A8", say.affinity), ("A1", say.affinity)))
    foreign = v3.send("/pix", action(ADD), say.feed(ADD, ("X", "2.999.404")))
    other = v3.send("/pix", action(ADD), say.feed(ADD, ("W1", say.ward)), node="laboratory")

    assert (unknown.kind, unknown.errors) == ("CE", [("204", f"/{MERGE}{patient}")])
    assert (foreign.kind, foreign.errors) == ("CE", [("204", f"/{ADD}{patient}")])
    assert (other.kind, other.errors) == ("CE", [("204", f"/{ADD}{patient}")])
    assert told(v3, "W1", say.ward) is None


def test_an_unknown_domain_beside_a_known_one_is_passed_over(v3: House, say: SimpleNamespace) -> None:
    body = say.feed(ADD, ("X", "2.999.404"), ("A1", say.affinity))

    assert v3.send("/pix", action(ADD), body).kind == "CA"
    assert told(v3, "A1", say.affinity) is not None


BAD_WRAPPER = {
    "mode": {'<processingModeCode code="T"/>': '<processingModeCode code="R"/>'},
    "accept": {'<acceptAckCode code="AL"/>': '<acceptAckCode code="NE"/>'},
    "processing": {'<processingCode code="T"/>': '<processingCode code="X"/>'},
    "device extension": {'<id root="2.999.50.1"/>': '<id root="2.999.50.1" extension="x"/>'},
    "device no OID": {'<id root="2.999.60.1"/>': '<id root="a-name"/>'},
    "organisation extension": {'<id root="2.999.50.2"/>': '<id root="2.999.50.2" extension="x"/>'},
    "interaction": {f'extension="{ADD}"': f'extension="{REVISE}"'},
    "namespace of interactions": {'root="2.16.840.1.113883.1.6" ext': 'root="2.999.1" ext'},
    "event not active": {'<statusCode code="active"/><subject1': '<statusCode code="new"/><subject1'},
    "patient not active": {'<statusCode code="active"/><patientP': '<statusCode code="new"/><patientP'},
    "no organisation": {},
    "mood": {'classCode="CACT" moodCode="EVN"': 'classCode="CACT" moodCode="RQO"'},
    "unknown element": {"<birthTime": "<other/><birthTime"},
    "class of the person": {'classCode="PSN"': 'classCode="ANM"'},
    "citizen as other id": {"</addr>": "</addr>OTHER"},
}


@pytest.mark.parametrize("name", sorted(BAD_WRAPPER))
def test_what_breaks_the_specification_is_refused(v3: House, say: SimpleNamespace, name: str) -> None:
    changed = dict(BAD_WRAPPER[name])
    if name == "no organisation":
        changed = {say.provider: ""}
    if name == "citizen as other id":
        changed["OTHER"] = (
            '<asOtherIDs classCode="CIT"><id root="2.999.4" extension="1"/><scopingOrganization '
            'classCode="ORG" determinerCode="INSTANCE"><id root="2.999.4"/></scopingOrganization>'
            "</asOtherIDs>"
        )
    answer = v3.send("/pix", action(ADD), say.feed(ADD, ("A1", say.affinity), changed=changed))

    assert (answer.name, answer.kind, [code for code, _ in answer.errors]) == (
        "MCCI_IN000002UV01", "CE", ["SYN113"],
    )  # fmt: skip
    assert told(v3, "A1", say.affinity) is None


def test_two_receivers_two_subjects_and_a_replacement_are_refused(v3: House, say: SimpleNamespace) -> None:
    plain = say.feed(ADD, ("A1", say.affinity))
    receiver = plain[plain.index("<receiver") : plain.index("<sender")]
    subject = plain[plain.index("<subject ") : plain.index("</controlActProcess>")]
    merging = say.merge(("A1", say.affinity), ("A2", say.affinity))
    replacement = merging[merging.index("<replacementOf") : merging.index("</registrationEvent>")]
    bodies = (
        plain.replace(receiver, receiver * 2),
        plain.replace(subject, subject * 2),
        plain.replace("</registrationEvent>", f"{replacement}</registrationEvent>"),
    )
    for body in bodies:
        answer = v3.send("/pix", action(ADD), body)
        assert (answer.kind, [code for code, _ in answer.errors]) == ("CE", ["SYN113"])


def test_a_merge_has_one_identifier_that_ends_and_a_name(v3: House, say: SimpleNamespace) -> None:
    one, two = ("A1", say.affinity), ("A2", say.affinity)
    name = "<name><given>Anna</given><family>Muster</family></name>"
    bodies = (
        say.merge(one, two, ("A3", say.affinity)),
        say.merge(one, two, changed={name: '<name nullFlavor="NA"/>'}),
        say.merge(one, two).replace('code="obsolete"', 'code="active"'),
        say.feed(MERGE, one),
    )
    for body in bodies:
        answer = v3.send("/pix", action(MERGE), body)
        assert (answer.kind, [code for code, _ in answer.errors]) == ("CE", ["SYN113"])


@pytest.mark.parametrize(
    ("old", "new", "code", "tag"),
    [
        ('<birthTime value="19800229"/>', '<birthTime value="19810229"/>', "102", "birthTime"),
        ('Code code="F"/>', 'Code code="Q"/>', "103", "administrativeGenderCode"),
    ],
)
def test_values_that_cannot_be_are_refused(
    v3: House, say: SimpleNamespace, old: str, new: str, code: str, tag: str
) -> None:
    answer = v3.send("/pix", action(ADD), say.feed(ADD, ("A1", say.affinity), changed={old: new}))
    where = f"/{ADD}/controlActProcess/subject/registrationEvent/subject1/patient/patientPerson/{tag}"

    assert (answer.kind, answer.errors) == ("CE", [(code, where)])


def test_another_interaction_than_the_action_promised_is_a_fault(v3: House, say: SimpleNamespace) -> None:
    answer = v3.send("/pix", action(REVISE), say.feed(ADD, ("A1", say.affinity)))

    assert answer.name == "Fault"
    assert told(v3, "A1", say.affinity) is None


def test_a_document_type_declaration_is_refused_before_anything_is_read(
    v3: House, say: SimpleNamespace
) -> None:
    raw = v3.raw("/pix", action(ADD), say.feed(ADD, ("A1", say.affinity)))
    hostile = b'<!DOCTYPE x [<!ENTITY e "Anna">]>' + raw.body.replace(b">Anna<", b">&e;<")
    answer = v3.sealed(type(raw)(**{**{f: getattr(raw, f) for f in raw.__slots__}, "body": hostile}))

    assert answer.status >= 400
    assert told(v3, "A1", say.affinity) is None


def test_the_audit_tells_create_update_and_both_sides_of_a_merge(v3: House, say: SimpleNamespace) -> None:
    one, two = ("A1", say.affinity), ("A2", say.affinity)
    for name, body in (
        (ADD, say.feed(ADD, one)),
        (REVISE, say.feed(REVISE, two)),
        (MERGE, say.merge(one, two)),
    ):
        v3.send("/pix", action(name), body)
    rows = v3.audit()[-4:]
    told_of = [row.find("EventIdentification") for row in rows]

    assert [each.get("EventActionCode") for each in told_of] == ["C", "U", "D", "U"]
    assert {each.find("EventTypeCode").get("csd-code") for each in told_of} == {"ITI-44"}
    patients = [row.find("ParticipantObjectIdentification") for row in rows]
    assert [each.get("ParticipantObjectID") for each in patients] == [
        f"{extension}^^^&{say.affinity}&ISO" for extension in ("A1", "A2", "A2", "A1")
    ]
    assert {each.find("ParticipantObjectDetail").get("type") for each in patients} == {"II"}
