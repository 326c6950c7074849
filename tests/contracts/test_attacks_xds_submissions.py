"""XDS-06 to XDS-14 through the whole pipeline: submissions that contradict the record, guessed names."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from lxml import etree

from tests.contracts.registering import (
    DATA,
    SET_PATIENT,
    SET_UNIQUE,
    SHA1,
    UNIQUE,
    Change,
    cx,
    every,
    external,
    found_by,
    slot,
)

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
