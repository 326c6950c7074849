"""Persons: what HL7 V3 says is read, what is known is written, and both ways lead to the same."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway import schemas
from gateway.errors import Meaning, Refused
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.domain import Domain, IdentityDomain
from gateway.record.people import PatientId
from profiles.pixv3.wire.read_person import (
    read_address,
    read_name,
    read_patient_id,
    read_person,
    read_sex,
    read_telecom,
)
from profiles.pixv3.wire.write_person import person_content

V3 = "urn:hl7-org:v3"
DOMAIN = Domain(
    environment="test",
    affinity_root="2.999.1",
    affinity_namespace="XAD",
    home_community="2.999.9",
    repository="2.999.8",
    base_url="https://localhost",
    identities={"2.999.2": IdentityDomain(namespace="WARD", root="2.999.2")},
)


def element(text: str) -> etree._Element:
    return etree.fromstring(text.replace(">", f' xmlns="{V3}">', 1) if "/>" not in text[: text.index(">") + 1]
                            else text.replace("/>", f' xmlns="{V3}"/>', 1))  # fmt: skip


def person(content: str) -> Demographics:
    return read_person(element(f"<patientPerson>{content}</patientPerson>"), DOMAIN, "/p")


FULL = Demographics(
    names=(
        PersonName(family="Muster & Söhne", given=("Anna", "Maria"), prefix="Dr.", suffix="II", use="L"),
        PersonName(family="Vorher", given=("Anna",), use="M"),
        PersonName(family="Alias", use="A"),
    ),
    mothers_maiden_name="Mutter",
    birth_date="19800229",
    sex="F",
    addresses=(
        Address(
            lines=("1 Rue du Test", "bis"), city="Ville", state="LU", postcode="L-1", country="LU", use="H"
        ),
        Address(city="Wien", use="B"),
    ),
    telecoms=(
        Telecom(value="+3521234", use="home"),
        Telecom(value="+352621", use="mobile"),
        Telecom(value="99", system="fax", use="work"),
        Telecom(value="anna@example.org", system="email"),
    ),
    birth_place="Esch",
    multiple_birth="Y",
    birth_order="2",
    marital_status="M",
    language="fr-LU",
    nationality="LU",
    deceased="Y",
    deceased_at="20260101",
)  # fmt: skip


def test_what_is_written_is_read_again() -> None:
    assert person(person_content(FULL)) == FULL


def test_what_is_written_is_canonical_and_follows_the_schema() -> None:
    text = f'<patientPerson xmlns="{V3}">{person_content(FULL)}</patientPerson>'
    tree = etree.fromstring(text)

    assert etree.tostring(tree, method="c14n", exclusive=True) == text.encode()
    message = (
        f'<PRPA_IN201301UV02 xmlns="{V3}" ITSVersion="XML_1.0"><id root="2.999"/><creationTime value="2026"/>'
        '<interactionId root="2.999"/><processingCode code="P"/><processingModeCode code="T"/>'
        '<acceptAckCode code="AL"/><receiver typeCode="RCV"><device classCode="DEV" '
        'determinerCode="INSTANCE"><id root="2.999"/></device></receiver><sender typeCode="SND">'
        '<device classCode="DEV" '
        'determinerCode="INSTANCE"><id root="2.999"/></device></sender><controlActProcess classCode="CACT" '
        'moodCode="EVN"><subject typeCode="SUBJ"><registrationEvent classCode="REG" moodCode="EVN">'
        '<statusCode code="active"/><subject1 typeCode="SBJ"><patient classCode="PAT"><id root="2.999"/>'
        f'<statusCode code="active"/>{text}</patient></subject1><custodian typeCode="CST"><assignedEntity '
        'classCode="ASSIGNED"><id root="2.999"/></assignedEntity></custodian></registrationEvent></subject>'
        "</controlActProcess></PRPA_IN201301UV02>"
    )
    schemas.validate("hl7v3", etree.fromstring(message))


words = st.text(st.characters(whitelist_categories=("Lu", "Ll"), whitelist_characters="&<'\""), min_size=1)


@given(
    st.lists(
        st.tuples(words, st.lists(words, max_size=3), st.sampled_from(["", "L", "A", "M", "S"])), max_size=3
    ),
    st.sampled_from(["F", "M", "O", "U", "N", None]),
    st.lists(st.tuples(words, words, st.sampled_from(["H", "B", "C", ""])), max_size=2),
)
def test_any_name_sex_and_address_survive(names: list, sex: str | None, addresses: list) -> None:
    told = Demographics(
        names=tuple(PersonName(family=f, given=tuple(g), use=u) for f, g, u in names) or None,
        sex=sex,
        addresses=tuple(Address(lines=(line,), city=city, use=use) for line, city, use in addresses) or None,
    )
    read = person(person_content(told))

    assert read.names == (told.names or ())  # a person without a name is told as one whose name is unknown
    assert replace(read, names=None) == replace(told, names=None, sex={"N": ""}.get(sex or "", sex))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('<name nullFlavor="NA"/>', None),
        ("<name></name>", None),
        ("<name> Anna  Muster </name>", PersonName(family="Anna Muster")),
        ("<name><family>A</family><family>B</family></name>", PersonName(family="A B")),
        (
            '<name><family qualifier="SP BR">Alt</family><family>Neu</family><given>\n A </given></name>',
            PersonName(family="Neu", given=("A",)),
        ),
        ('<name><family qualifier="BR">Alt</family></name>', PersonName(family="Alt", use="M")),
    ],
)
def test_names(text: str, name: PersonName | None) -> None:
    assert read_name(element(text)) == name


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        read_name(element(f"<name><family>{'x' * 1_001}</family></name>"))
    assert caught.value.problems[0].meaning is Meaning.DATA_TYPE
    assert "xxx" not in caught.value.detail


@pytest.mark.parametrize(
    ("text", "telecom"),
    [
        ('<telecom value="tel:1"/>', Telecom(value="1")),
        ('<telecom value="1 2"/>', Telecom(value="1 2")),
        ('<telecom use="PG WP" value="fax:3"/>', Telecom(value="3", system="fax", use="work")),
        ('<telecom value="http://x.example"/>', Telecom(value="http://x.example", system="other")),
        ('<telecom value=""/>', None),
        ('<telecom nullFlavor="NA"/>', None),
    ],
)
def test_telecoms(text: str, telecom: Telecom | None) -> None:
    assert read_telecom(element(text)) == telecom


def test_a_street_is_put_together() -> None:
    read = read_address(element("<addr><houseNumber>5</houseNumber><streetName>Rue</streetName></addr>"))

    assert read == Address(lines=("Rue 5",))
    assert read_address(element("<addr></addr>")) is None


@pytest.mark.parametrize(
    ("attributes", "sex"),
    [
        ('code="F"', "F"), ('code="UN"', "O"), ('nullFlavor="UNK"', "U"), ('nullFlavor="NA"', ""),
        ('code="A" codeSystem="2.16.840.1.113883.12.1"', "A"),
    ],
)  # fmt: skip
def test_sexes(attributes: str, sex: str) -> None:
    assert read_sex(element(f"<administrativeGenderCode {attributes}/>"), "/p") == sex


def test_letters_of_table_0001_are_taken_only_by_its_name() -> None:
    with pytest.raises(Refused):
        read_sex(element('<administrativeGenderCode code="A"/>'), "/p")


def test_identifiers() -> None:
    read = [
        read_patient_id(element(f"<id {attributes}/>"), DOMAIN, "/id")
        for attributes in (
            'root="2.999.1" extension="1"',
            'assigningAuthorityName="WARD" extension="1"',
            'root="2.999.1"',
            'extension="1"',
            'nullFlavor="NA" root="2.999.1" extension="1"',
        )
    ]

    assert read == [PatientId("1", "2.999.1"), PatientId("1", "2.999.2"), None, None, None]
    for wrong in ("a^b", "x" * 129):
        with pytest.raises(Refused):
            read_patient_id(element(f'<id root="2.999.1" extension="{wrong}"/>'), DOMAIN, "/id")


def test_what_was_not_sent_is_not_known_and_what_was_null_is_empty() -> None:
    nothing = person("<name nullFlavor='UNK'/>")
    nulls = person("<name nullFlavor='UNK'/><birthTime nullFlavor='UNK'/><deceasedInd nullFlavor='UNK'/>")

    assert (nothing.names, nothing.birth_date, nothing.addresses) == ((), None, None)
    assert (nulls.birth_date, nulls.deceased) == ("", "")
