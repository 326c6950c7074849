"""XDR through the whole pipeline: what a Document Recipient takes, leaves out and refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from lxml import etree

from gateway.client import xds
from gateway.crypto.xmldsig import HeaderBlock

RECIPIENT = "ITI-41@Document Recipient"
SET_FLAG = "urn:uuid:5003a9db-8d8d-49e6-bf0c-990e34ac7707"
ENTRY_FLAG = "urn:uuid:ab9b591b-83ab-4d03-8f5d-f93b1fb92e85"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
NOWHERE = "urn:uuid:00000000-0000-4000-8000-ffffffffffff"
IHE = "urn:ihe:iti:2007:AssociationType:"
MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
HOME, ELSEWHERE = "urn:oid:2.999.1.2", "urn:oid:2.999.77"
Change = Callable[[etree._Element], Any]


def told(outcome: int) -> tuple[str, str, int]:
    return "110107", "ITI-41", outcome


def push(forge: Any, *changes: Change, unique_id: str | None = None, words: Any = None, **how: Any) -> Any:
    """An ITI-41 to the recipient, its metadata changed before it is signed."""

    def edit(root: etree._Element) -> None:
        for change in changes:
            change(root)

    documents = (words.document(forge.house, unique_id),) if unique_id else ()
    return forge.provide(*documents, edit=edit, code=RECIPIENT, **how)


def limited(words: Any, source_patient: str | None) -> Change:
    """Leaves only what limited metadata must have, and flags it."""

    def change(root: etree._Element) -> None:
        entry = next(root.iter(f"{{{words.RIM}}}ExtrinsicObject"))
        head = next(root.iter(f"{{{words.RIM}}}RegistryPackage"))
        for item, flag, kept in ((entry, ENTRY_FLAG, ()), (head, SET_FLAG, ("submissionTime",))):
            for child in list(item):
                name = etree.QName(child).localname
                patient = name == "ExternalIdentifier" and "patientId" in etree.tostring(child).decode()
                slot = name == "Slot" and child.get("name") not in kept
                code = name == "Classification" and child.get("classificationScheme") is not None
                if patient or slot or code or name in {"Name", "Description"}:
                    item.remove(child)
            mark = etree.Element(f"{{{words.RIM}}}Classification", id=f"flag-{flag[-4:]}")
            mark.set("classifiedObject", item.get("id") or "")
            mark.set("classificationNode", flag)
            first = item.find(f"{{{words.RIM}}}ExternalIdentifier")
            assert first is not None
            first.addprevious(mark)
        if source_patient is not None:
            slot = etree.Element(f"{{{words.RIM}}}Slot", name="sourcePatientId")
            held = etree.SubElement(slot, f"{{{words.RIM}}}ValueList")
            etree.SubElement(held, f"{{{words.RIM}}}Value").text = source_patient
            entry.insert(0, slot)

    return change


def linked(words: Any, kind: str, target: str, source: str | None = None) -> Change:
    """One more association from the document."""

    def change(root: etree._Element) -> None:
        entry = next(root.iter(f"{{{words.RIM}}}ExtrinsicObject"))
        listed = next(root.iter(f"{{{words.RIM}}}RegistryObjectList"))
        document = entry.get("id") or ""
        link = etree.SubElement(listed, f"{{{words.RIM}}}Association", id="Link", associationType=kind)
        link.set("sourceObject", source or document)
        link.set("targetObject", document if source else target)
        if source:
            head = next(root.iter(f"{{{words.RIM}}}RegistryPackage")).get("id") or ""
            held = etree.SubElement(listed, f"{{{words.RIM}}}Association", id="Held", associationType=kind)
            held.set("sourceObject", head)
            held.set("targetObject", "Link")

    return change


def home_slot(words: Any, home: str) -> Change:
    def change(root: etree._Element) -> None:
        slots = etree.Element(f"{{{RS}}}RequestSlotList")
        slot = etree.SubElement(slots, f"{{{words.RIM}}}Slot", name="homeCommunityId")
        held = etree.SubElement(slot, f"{{{words.RIM}}}ValueList")
        etree.SubElement(held, f"{{{words.RIM}}}Value").text = home
        root[0].insert(0, slots)

    return change


def entries(forge: Any) -> int:
    return int(forge.house._query("SELECT count(*) FROM entry")[0][0])


def warnings(answer: Any) -> list[str]:
    found = re.findall(r'errorCode="(\w+)"[^>]*ErrorSeverityType:Warning"', answer.body.decode())
    assert len(found) == len(answer.codes)
    return [str(each) for each in found]


def test_what_is_pushed_can_be_retrieved(forge: Any, words: Any) -> None:
    unique_id = xds.new_oid()
    assert forge.accepted(push(forge, unique_id=unique_id, words=words)).kinds == [told(0)]
    found = forge.send(forge.retrieve(unique_id), unchanged=False, secret=False)
    assert found.response == "Success"
    assert b"<ClinicalDocument/>" in found.body


def test_the_same_submission_again_changes_nothing(forge: Any, words: Any) -> None:
    kept: list[etree._Element] = []
    link = linked(words, f"{IHE}APND", NOWHERE)
    first = push(forge, link, lambda root: kept.extend(deepcopy(list(root))))
    answer = forge.send(first, unchanged=False, secret=False)
    assert warnings(answer) == ["PartialAppendContentNotProcessed"]
    number = entries(forge)
    forge.accepted(push(forge, lambda root: root.__setitem__(slice(None), kept)))
    assert entries(forge) == number


def test_limited_metadata_of_a_patient_that_the_source_names(forge: Any, words: Any) -> None:
    number = entries(forge)
    patient = forge.acting.full_id(words.PATIENT)
    forge.accepted(push(forge, limited(words, patient)))
    assert entries(forge) == number + 1
    slots = [
        ("$XDSDocumentEntryPatientId", f"'{patient}'"),
        ("$XDSDocumentEntryStatus", f"('{words.APPROVED}')"),
    ]
    found = forge.send(forge.query(body=forge.asked(words.FIND, *slots)), unchanged=False, secret=False)
    assert found.body.count(b"<rim:ExtrinsicObject ") == 2
    assert ENTRY_FLAG.encode() not in found.body


@pytest.mark.parametrize("patient", ["NOBODY^^^&2.999.1.1&ISO", None])
def test_limited_metadata_of_nobody_known(forge: Any, words: Any, patient: str | None) -> None:
    answer = forge.failed(push(forge, limited(words, patient)), "XDSUnknownPatientId", told(4))
    assert b"NOBODY" not in answer.body


def test_limited_metadata_are_for_a_recipient_only(forge: Any, words: Any) -> None:
    raw = forge.provide(edit=limited(words, forge.acting.full_id(words.PATIENT)))
    answer = forge.failed(raw, "XDSRegistryMetadataError", words.provided(4))
    assert b"DocumentEntry.limitedMetadata is given" in answer.body


def test_a_metadata_fault_in_the_words_of_a_recipient(forge: Any, words: Any) -> None:
    def change(root: etree._Element) -> None:
        next(root.iter(f"{{{words.RIM}}}ExtrinsicObject")).set("mimeType", "xml")

    answer = forge.failed(push(forge, change), "XDSRepositoryMetadataError", told(4))
    assert b"mimeType &apos;xml&apos; is not a media type" in answer.body.replace(b"'", b"&apos;")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (f"{IHE}RPLC", "PartialReplaceContentNotProcessed"),
        (f"{IHE}APND", "PartialAppendContentNotProcessed"),
        (f"{IHE}XFRM", "PartialTransformNotProcessed"),
        (f"{IHE}XFRM_RPLC", "PartialTransformReplaceNotProcessed"),
        (f"{IHE}signs", "PartialRelationshipContentNotProcessed"),
        ("urn:ihe:iti:2010:AssociationType:IsSnapshotOf", "PartialRelationshipContentNotProcessed"),
    ],
)
def test_a_relationship_to_nothing_is_left_out(forge: Any, words: Any, kind: str, code: str) -> None:
    number = entries(forge)
    answer = forge.send(push(forge, linked(words, kind, NOWHERE)), unchanged=False, secret=False)
    assert (answer.response, warnings(answer)) == ("Success", [code])
    assert entries(forge) == number + 1
    assert forge.house._query(f"SELECT count(*) FROM association WHERE target = '{NOWHERE}'") == [(0,)]  # noqa: S608


def test_a_folder_that_is_not_here_is_left_out(forge: Any, words: Any) -> None:
    raw = push(forge, linked(words, MEMBER, "", NOWHERE))
    answer = forge.send(raw, unchanged=False, secret=False)
    assert (answer.response, set(warnings(answer))) == ("Success", {"PartialFolderContentNotProcessed"})


def test_a_replacement_that_can_be_done_is_done(forge: Any, words: Any) -> None:
    ((stored,),) = forge.house._query(f"SELECT uuid FROM entry WHERE unique_id = '{words.STORED}'")  # noqa: S608
    forge.accepted(push(forge, linked(words, f"{IHE}RPLC", str(stored))))
    rows = forge.house._query(f"SELECT status FROM entry WHERE uuid = '{stored}'")  # noqa: S608
    assert rows == [("Deprecated",)]
    again = forge.send(push(forge, linked(words, f"{IHE}RPLC", str(stored))), unchanged=False, secret=False)
    assert warnings(again) == ["PartialReplaceContentNotProcessed"]


def test_our_home_community_is_ignored(forge: Any, words: Any) -> None:
    block = HeaderBlock(
        "{urn:ihe:iti:xdr:2014}homeCommunityBlock",
        f'<xdr:homeCommunityId xmlns:xdr="urn:ihe:iti:xdr:2014">{HOME}</xdr:homeCommunityId>'.encode(),
    )
    forge.accepted(push(forge, home_slot(words, HOME), more=(block,)))


def test_another_home_community_is_refused(forge: Any, words: Any) -> None:
    forge.failed(push(forge, home_slot(words, ELSEWHERE)), "XDSUnknownCommunity", told(4))
    block = HeaderBlock(
        "{urn:ihe:iti:xdr:2014}homeCommunityBlock",
        f'<xdr:homeCommunityId xmlns:xdr="urn:ihe:iti:xdr:2014">{ELSEWHERE}</xdr:homeCommunityId>'.encode(),
    )
    forge.failed(push(forge, more=(block,)), "XDSUnknownCommunity", told(4))
