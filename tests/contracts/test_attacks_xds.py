"""XDS-01 to XDS-13 through the whole pipeline: metadata, stored queries, retrieve."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

DATA = b"<ClinicalDocument/>"
SHA1 = hashlib.sha1(DATA, usedforsecurity=False).hexdigest()
NASTY = "x' OR '1'='1'; DROP TABLE entry; --"
APPROVED = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
UNIQUE, PATIENT = (
    "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab",
    "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427",
)
SET_PATIENT = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
SET_UNIQUE = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"
Change = Callable[[etree._Element], None]


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def listed(*values: str) -> str:
    return "(" + ",".join(quoted(value) for value in values) + ")"


def cx(forge: Any, patient: str) -> str:
    return str(forge.acting.full_id(patient))


def base(forge: Any, words: Any, patient: str | None = None) -> list[tuple[str, str]]:
    asked = cx(forge, words.PATIENT) if patient is None else patient
    return [("$XDSDocumentEntryPatientId", quoted(asked)), ("$XDSDocumentEntryStatus", APPROVED)]


def found_by(forge: Any, words: Any, *more: tuple[str, str], unchanged: bool = False, **how: Any) -> Any:
    body = forge.asked(words.FIND, *base(forge, words), *more)
    return forge.send(forge.query(body=body, **how), unchanged=unchanged, secret=False)


def objects(found: Any) -> int:
    return len(re.findall(rb"<rim:ExtrinsicObject |<ExtrinsicObject ", found.body))


def tables(forge: Any) -> list[tuple[object, ...]]:
    return list(forge.house._query("SELECT type, name, sql FROM sqlite_master ORDER BY name"))


def external(words: Any, scheme: str, value: str, number: int = 0) -> Change:
    """Another value for an external identifier."""

    def change(root: etree._Element) -> None:
        items = [
            each
            for each in root.iter(f"{{{words.RIM}}}ExternalIdentifier")
            if each.get("identificationScheme") == scheme
        ]
        items[number].set("value", value)

    return change


def slot(words: Any, name: str, *values: str) -> Change:
    """One more slot for the first entry."""

    def change(root: etree._Element) -> None:
        entry = next(root.iter(f"{{{words.RIM}}}ExtrinsicObject"))
        found = etree.Element(f"{{{words.RIM}}}Slot", name=name)
        held = etree.SubElement(found, f"{{{words.RIM}}}ValueList")
        for value in values:
            etree.SubElement(held, f"{{{words.RIM}}}Value").text = value
        entry.insert(0, found)

    return change


# --- XDS-01, 02: parameters are data --------------------------------------------------------------

TEXTS = (
    "$XDSDocumentEntryClassCode",
    "$XDSDocumentEntryTypeCode",
    "$XDSDocumentEntryPracticeSettingCode",
    "$XDSDocumentEntryHealthcareFacilityTypeCode",
    "$XDSDocumentEntryFormatCode",
    "$XDSDocumentEntryEventCodeList",
    "$XDSDocumentEntryConfidentialityCode",
    "$XDSDocumentEntryAuthorPerson",
)
BY_REFERENCE = "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492"


@pytest.mark.parametrize("name", TEXTS)
def test_xds_01_sql_in_a_query_parameter(forge: Any, words: Any, name: str) -> None:
    value = NASTY if name.endswith("AuthorPerson") else f"{NASTY}^^{NASTY}"
    before = tables(forge)
    found = found_by(forge, words, (name, listed(value)))
    assert found.response == "Success", found.body
    assert objects(found) == 0
    assert found.kinds == [words.query(0)]
    assert tables(forge) == before


def test_xds_01_sql_in_a_reference_id(forge: Any, words: Any) -> None:
    slots = [*base(forge, words), ("$XDSDocumentEntryReferenceIdList", listed(NASTY))]
    found = forge.send(forge.query(body=forge.asked(BY_REFERENCE, *slots)), unchanged=False)
    assert found.response == "Success", found.body
    assert objects(found) == 0


@pytest.mark.parametrize("name", ["$XDSDocumentEntryPatientId", "$XDSDocumentEntryStatus"])
def test_xds_01_sql_in_the_patient_and_the_status(forge: Any, words: Any, name: str) -> None:
    slots = [(each, listed(NASTY) if "Status" in name else quoted(NASTY)) if each == name else (each, value)
             for each, value in base(forge, words)]  # fmt: skip
    found = forge.send(forge.query(body=forge.asked(words.FIND, *slots)), unchanged="Status" in name)
    assert objects(found) == 0
    assert found.kinds[0][1] == "ITI-18"


def test_xds_01_sql_in_the_metadata(forge: Any, words: Any) -> None:
    """Free texts are kept as they are, forms are checked."""
    before = tables(forge)
    given = words.document(
        forge.house,
        "2.25.101",
        title=NASTY,
        author=f"a^{NASTY}^Anne^^^^^^&2.999.2.1&ISO",
        institution=f"{NASTY}^^^^^^^^^2.999.2.1",
    )
    forge.accepted(forge.provide(given))
    assert tables(forge) == before
    assert objects(found_by(forge, words)) == 2
    for scheme in (UNIQUE, SET_UNIQUE, PATIENT, SET_PATIENT):
        found = forge.send(forge.register(external(words, scheme, NASTY)), unchanged=scheme != UNIQUE)
        if scheme != UNIQUE:
            assert set(found.codes) <= {"XDSRegistryMetadataError", "XDSPatientIdDoesNotMatch"}
    for name in ("languageCode", "hash", "repositoryUniqueId"):
        forge.failed(
            forge.register(replacing(words, name, NASTY)), "XDSRegistryMetadataError", words.registered(4)
        )


def replacing(words: Any, name: str, value: str) -> Change:
    def change(root: etree._Element) -> None:
        (found,) = [each for each in root.iter(f"{{{words.RIM}}}Slot") if each.get("name") == name]
        found.find(f".//{{{words.RIM}}}Value").text = value

    return change


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("$XDSDocumentEntryAuthorPerson", "%Weber%", 1),
        ("$XDSDocumentEntryAuthorPerson", "a^Webe_^%", 1),
        ("$XDSDocumentEntryAuthorPerson", "%Web\\er%", 0),
        ("$XDSDocumentEntryAuthorPerson", "\\%", 0),
        ("$XDSDocumentEntryClassCode", "18842-_^^2.16.840.1.113883.6.1", 0),
        ("$XDSDocumentEntryClassCode", "%^^2.16.840.1.113883.6.1", 0),
        ("$XDSDocumentEntryClassCode", "18842-5^^2.16.840.1.113883.6.1", 1),
        ("$XDSDocumentEntryConfidentialityCode", "_^^2.16.840.1.113883.5.25", 0),
        ("$XDSDocumentEntryConfidentialityCode", "%^^%", 0),
        ("$XDSDocumentEntryConfidentialityCode", "N^^2.16.840.1.113883.5.25", 1),
    ],
)
def test_xds_02_like_only_in_author_person(forge: Any, words: Any, name: str, value: str, count: int) -> None:
    found = found_by(forge, words, (name, listed(value)))
    assert objects(found) == count
    assert found.kinds == [words.query(0)]


# --- XDS-03, 04, 05: queries that are refused -----------------------------------------------------


def test_xds_03_what_a_query_needs(forge: Any, words: Any) -> None:
    patient, status = base(forge, words)
    cases = [
        (words.FIND, [status], "XDSStoredQueryMissingParam"),
        (words.FIND, [patient], "XDSStoredQueryMissingParam"),
        (words.FIND, [patient, patient, status], "XDSStoredQueryParamNumber"),
        (f"urn:uuid:{uuid.uuid4()}", [patient, status], "XDSUnknownStoredQuery"),
        ("", [patient, status], "XDSUnknownStoredQuery"),
    ]
    for identifier, slots, code in cases:
        forge.failed(forge.query(body=forge.asked(identifier, *slots)), code, words.query(4))


def test_xds_04_a_query_tells_no_patient_from_another(forge: Any, words: Any) -> None:
    """Another authority, an unknown patient: the answer of one who may see nothing."""
    asked = {
        "unknown": cx(forge, "CONTRACT-99"),
        "other authority": "CONTRACT-1^^^&2.999.77&ISO",
        "malformed": "CONTRACT-1",
        "malformed too": "CONTRACT-1^^^PASSERELLE",
    }
    answers = set()
    for patient in asked.values():
        body = forge.asked(words.FIND, *base(forge, words, patient))
        found = forge.send(forge.query(body=body), unchanged=False)
        answers.add((found.response, tuple(found.codes), objects(found)))
        assert [each.event for each in found.audit] == ["110112"]
        assert found.audit[0].outcome in {0, 4}
    assert answers == {("Success", (), 0)}


@pytest.mark.parametrize("way", ["provide", "register"])
def test_xds_04_a_submission_for_a_patient_nobody_announced(forge: Any, words: Any, way: str) -> None:
    for value in (cx(forge, "CONTRACT-99"), "CONTRACT-1^^^&2.999.77&ISO"):
        both = every(external(words, PATIENT, value), external(words, SET_PATIENT, value))
        raw = forge.provide(edit=both) if way == "provide" else forge.register(both)
        expected = words.provided(4) if way == "provide" else words.registered(4)
        forge.failed(raw, "XDSUnknownPatientId", expected)


def every(*changes: Change) -> Change:
    def change(root: etree._Element) -> None:
        for each in changes:
            each(root)

    return change


def test_xds_04_a_malformed_patient_id(forge: Any, words: Any) -> None:
    both = every(external(words, PATIENT, "CONTRACT-1"), external(words, SET_PATIENT, "CONTRACT-1"))
    forge.failed(forge.register(both), "XDSRegistryMetadataError", words.registered(4))


def test_xds_05_more_than_the_cap(forge: Any, words: Any) -> None:
    forge.accepted(forge.provide(words.document(forge.house, "2.25.501")))
    with forge.limited(query_objects=2, query_references=2) as tight:
        assert objects(found_by(tight, words)) == 2
        tight.accepted(tight.provide(words.document(forge.house, "2.25.502")))
        for returned in ("LeafClass", "ObjectRef"):
            body = tight.asked(words.FIND, *base(tight, words), returned=returned)
            found = tight.failed(tight.query(body=body), "XDSTooManyResults", words.query(4))
            assert objects(found) == 0
            assert b"ObjectRef" not in found.body.replace(b"ask for ObjectRef", b"")


# --- XDS-06 to 11: submissions --------------------------------------------------------------------


def test_xds_06_two_patients_in_one_submission(forge: Any, words: Any) -> None:
    other = external(words, SET_PATIENT, cx(forge, words.OTHER))
    forge.failed(forge.provide(edit=other), "XDSPatientIdDoesNotMatch", words.provided(8))
    forge.failed(forge.register(other), "XDSPatientIdDoesNotMatch", words.registered(8))


def test_xds_06_a_folder_of_another_patient(forge: Any, words: Any) -> None:
    def change(root: etree._Element) -> None:
        objects_of = next(root.iter(f"{{{words.RIM}}}RegistryObjectList"))
        objects_of.append(folder(words, cx(forge, words.OTHER)))
        member = next(each for each in objects_of if each.tag == f"{{{words.RIM}}}Association")
        copied = etree.fromstring(etree.tostring(member))
        copied.set("id", "MemberFolder")
        copied.set("targetObject", "Folder")
        objects_of.append(copied)

    forge.failed(forge.provide(edit=change), "XDSPatientIdDoesNotMatch", words.provided(8))


def folder(words: Any, patient: str) -> etree._Element:
    code = (
        '<rim:Classification id="f2" classifiedObject="Folder" nodeRepresentation="x" '
        'classificationScheme="urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5"><rim:Slot name="codingScheme">'
        "<rim:ValueList><rim:Value>2.999.1</rim:Value></rim:ValueList></rim:Slot>"
        '<rim:Name><rim:LocalizedString value="x"/></rim:Name></rim:Classification>'
    )
    identifier = (
        '<rim:ExternalIdentifier id="{}" registryObject="Folder" value="{}" identificationScheme="{}">'
        '<rim:Name><rim:LocalizedString value="{}"/></rim:Name></rim:ExternalIdentifier>'
    )
    return etree.fromstring(
        f'<rim:RegistryPackage xmlns:rim="{words.RIM}" id="Folder"><rim:Name><rim:LocalizedString value="F"/>'
        '</rim:Name><rim:Classification id="f1" classifiedObject="Folder" '
        'classificationNode="urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"/>'
        + code
        + identifier.format(
            "f3",
            patient.replace("&", "&amp;"),
            "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a",
            "XDSFolder.patientId",
        )
        + identifier.format(
            "f4", "2.25.6061", "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a", "XDSFolder.uniqueId"
        )
        + "</rim:RegistryPackage>"
    )


def entries(forge: Any, unique_id: str) -> list[tuple[object, ...]]:
    return [
        row
        for row in forge.house._query("SELECT unique_id, hash, size, status, patient_key FROM entry")
        if row[0] == unique_id
    ]


def test_xds_07_the_same_document_again(forge: Any, words: Any) -> None:
    """A retry of the submission has one effect; the same octets in another submission are another entry."""
    given = words.document(forge.house, "2.25.701")
    forge.accepted(forge.provide(given, edit=external(words, SET_UNIQUE, "2.25.7010")))
    forge.accepted(forge.provide(given, edit=external(words, SET_UNIQUE, "2.25.7010")))
    assert len(entries(forge, "2.25.701")) == 1


def test_xds_07_other_octets_under_the_same_id(forge: Any, words: Any) -> None:
    before = entries(forge, words.STORED)
    other = words.document(forge.house, words.STORED, data=b"<Other/>")
    forge.failed(forge.provide(other), "XDSNonIdenticalHash", words.provided(8))
    registered = forge.register(external(words, UNIQUE, words.STORED))
    forge.failed(registered, "XDSNonIdenticalHash", words.registered(8))
    assert entries(forge, words.STORED) == before
    assert DATA in forge.accepted(forge.retrieve(words.STORED)).body


def test_xds_07_the_set_id_of_another_submission(forge: Any, words: Any) -> None:
    forge.accepted(forge.provide(edit=external(words, SET_UNIQUE, "2.25.7020")))
    again = forge.provide(edit=external(words, SET_UNIQUE, "2.25.7020"))
    forge.failed(again, "XDSDuplicateUniqueIdInRegistry", words.provided(8))


def test_xds_08_an_id_twice_in_one_message(forge: Any, words: Any) -> None:
    one, other = (words.document(forge.house, each) for each in ("2.25.801", "2.25.802"))
    twice = external(words, UNIQUE, "2.25.801", 1)
    raw = forge.provide(one, other, edit=twice)
    forge.failed(raw, "XDSRepositoryDuplicateUniqueIdInMessage", words.provided(8))
    same = external(words, SET_UNIQUE, "2.25.803")
    raw = forge.register(every(same, external(words, UNIQUE, "2.25.803")))
    forge.failed(raw, "XDSRegistryDuplicateUniqueIdInMessage", words.registered(8))


def uuid_of(forge: Any, unique_id: str) -> str:
    found = forge.house._query(f"SELECT uuid FROM entry WHERE unique_id = '{unique_id}'")  # noqa: S608
    return str(found[0][0])


def renamed(new: str) -> Change:
    """The entry under another id, everywhere."""

    def change(root: etree._Element) -> None:
        for each in root.iter():
            for name, value in each.attrib.items():
                if value == "Document0":
                    each.set(name, new)

    return change


def test_xds_08_the_uuid_of_another_patients_document(forge: Any, words: Any) -> None:
    other = words.document(forge.house, "2.25.804", patient=cx(forge, words.OTHER))
    forge.accepted(forge.provide(other))
    taken = uuid_of(forge, "2.25.804")
    before = entries(forge, "2.25.804")
    forge.failed(forge.provide(edit=renamed(taken)), "XDSRegistryMetadataError", words.provided(8))
    forge.failed(forge.register(renamed(taken)), "XDSRegistryMetadataError", words.registered(8))
    assert entries(forge, "2.25.804") == before


def replacing_document(forge: Any, words: Any, target: str) -> Any:
    return forge.provide(words.document(forge.house, f"2.25.{uuid.uuid4().int}", replaces=target))


def test_xds_09_replacements_that_are_refused(forge: Any, words: Any) -> None:
    other = words.document(forge.house, "2.25.901", patient=cx(forge, words.OTHER))
    forge.accepted(forge.provide(other))
    foreign, own = uuid_of(forge, "2.25.901"), uuid_of(forge, words.STORED)
    raw = replacing_document(forge, words, foreign)
    forge.failed(raw, "XDSPatientIdDoesNotMatch", words.provided(8))
    raw = replacing_document(forge, words, f"urn:uuid:{uuid.uuid4()}")
    forge.failed(raw, "UnresolvedReferenceException", words.provided(8))
    assert entries(forge, words.STORED)[0][3] == "Approved"
    forge.accepted(replacing_document(forge, words, own))
    assert entries(forge, words.STORED)[0][3] == "Deprecated"
    raw = replacing_document(forge, words, own)
    forge.failed(raw, "XDSRegistryDeprecatedDocumentError", words.provided(8))
    assert entries(forge, "2.25.901")[0][3] == "Approved"


def test_xds_10_the_repository_has_the_last_word(forge: Any, words: Any) -> None:
    given = words.document(forge.house, "2.25.1001")

    def chosen(root: etree._Element) -> None:
        slot(words, "repositoryUniqueId", "2.999.9.9")(root)
        next(root.iter(f"{{{words.RIM}}}ExtrinsicObject")).set(
            "status", "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
        )

    forge.accepted(forge.provide(given, edit=chosen))
    (row,) = entries(forge, "2.25.1001")
    assert row[1:4] == (SHA1, len(DATA), "Approved")
    found = found_by(forge, words)
    assert b"2.999.9.9" not in found.body
    assert found.body.count(b"<rim:Value>2.999.1.3</rim:Value>") + found.body.count(b">2.999.1.3<") >= 2
    for name, value in (("hash", "0" * 40), ("size", "1")):
        raw = forge.provide(edit=slot(words, name, value))
        forge.failed(raw, "XDSRepositoryMetadataError", words.provided(8))


def test_xds_11_reserved_slots(forge: Any, words: Any) -> None:
    raw = forge.provide(edit=slot(words, "urn:ihe:iti:xds:2099:evil", "x"))
    forge.failed(raw, "XDSRegistryMetadataError", words.provided(4))


def test_xds_11_many_slots_and_long_values_are_bounded(forge: Any, words: Any) -> None:
    def many(root: etree._Element) -> None:
        for number in range(5_000):
            slot(words, f"urn:oid:2.999.{number}", "x")(root)

    for change in (many, slot(words, "urn:oid:2.999.1", "x" * 1_000_000)):
        began = time.perf_counter()
        found = forge.send(forge.provide(edit=change), secret=False)
        assert time.perf_counter() - began < 3
        assert found.fault[1] == "Sender" or set(found.codes) == {"XDSRegistryMetadataError"}
        assert [each.outcome for each in found.audit] == [4]


# --- XDS-12, 13: retrieve -------------------------------------------------------------------------


def test_xds_12_one_permitted_among_a_thousand(forge: Any, words: Any) -> None:
    """A patient asks for an own document and for those of others."""
    foreign = words.document(forge.house, "2.25.1299", patient=cx(forge, words.OTHER))
    forge.accepted(forge.provide(foreign))
    unknown = [f"2.25.12000{number}" for number in range(998)]
    portal = forge.house.partner("patient-portal", "patient")
    raw = forge.retrieve(
        words.STORED,
        "2.25.1299",
        *unknown,
        partner="patient-portal",
        assertion=portal.assertion(cx(forge, words.PATIENT)),
    )
    found = forge.send(raw, unchanged=False, secret=False)
    assert found.response == "PartialSuccess"
    assert set(found.codes) == {"XDSDocumentUniqueIdError"}
    assert len(found.codes) == 999
    assert found.body.count(DATA) == 1
    contexts = re.findall(rb'codeContext="([^"]+)"', found.body)
    told = {re.sub(rb"2\.25\.\d+|trace [0-9a-f]+", b"", each) for each in contexts}
    assert len(told) == 1, "foreign and unknown are told in the same words"
    assert sorted(each.outcome for each in found.audit) == [0, 8]
    assert {each.event for each in found.audit} == {"110106"}


def test_xds_13_guessed_ids(forge: Any, words: Any) -> None:
    guessed = [f"2.25.{number}" for number in range(4700, 4711)]
    found = forge.failed(forge.retrieve(*guessed), "XDSDocumentUniqueIdError", words.retrieved(8))
    assert len(found.codes) == len(guessed)


def test_xds_14_a_patient_merged_between_query_and_retrieve(forge: Any, words: Any) -> None:
    """Who may see the survivor may see the document; one who asks for the old id gets nothing."""
    given = words.document(forge.house, "2.25.1401", patient=cx(forge, words.OTHER))
    forge.accepted(forge.provide(given))
    merge = words.hl7(forge.house, "A40", words.PATIENT, words.OTHER)
    assert b"\rMSA|AA" in forge.send(merge, "hl7v2", unchanged=False).body
    found = forge.accepted(forge.retrieve("2.25.1401"))
    assert DATA in found.body
    assert "CONTRACT-1^^^" in found.audit[0].message
    portal = forge.house.partner("patient-portal", "patient")
    raw = forge.retrieve(
        "2.25.1401", partner="patient-portal", assertion=portal.assertion(cx(forge, words.OTHER))
    )
    forge.failed(raw, "XDSDocumentUniqueIdError", words.retrieved(8))
