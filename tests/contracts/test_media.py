"""ITI-32 through the whole pipeline: what an importer takes, what a creator gives to whom."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree

from gateway.client import xds
from gateway.declare.bindings import Octets
from gateway.record.people import PatientId
from profiles.xdm.wire.media import lay_out, write_medium
from tests.contracts.exchanging import (
    DOCUMENT,
    ENTRY_PATIENT,
    IHE,
    IMPORTED,
    MESSAGE,
    NOWHERE,
    SET,
    SET_PATIENT,
    SET_UNIQUE_ID,
    changed,
    check_told_apart,
    entries,
    files_of,
    identifier,
    issues,
    link,
    of_entry,
    of_patient,
    rows,
    take,
    texts,
)

# --- import --------------------------------------------------------------------------------------


def test_a_medium_joins_the_record(forge: Any, words: Any) -> None:
    unique_id = xds.new_oid()
    data = words.medium(forge.house, unique_id)
    found = take(forge, words, data, unchanged=False)
    assert found.status == 200
    ((severity, text),) = texts(found)
    assert (severity, text.endswith(": 1 document registered")) == ("information", True)
    assert [row.kind for row in found.audit] == [(*IMPORTED, 0)]
    assert unique_id in entries(forge.house)
    assert of_entry(forge.house, "repository, home", unique_id) == ("2.999.1.3", None)
    got = forge.send(forge.retrieve(unique_id), unchanged=False)
    assert b"a letter" in got.body


def test_the_audit_names_the_kind_of_medium_and_every_set(forge: Any, words: Any) -> None:
    data = words.medium(forge.house, xds.new_oid())
    set_id = identifier(etree.fromstring(files_of(data)[SET]), SET_UNIQUE_ID).get("value")
    (told,) = take(forge, words, data, unchanged=False).audit
    root = etree.fromstring(told.message)
    source, destination = (
        each
        for each in root.iter("ActiveParticipant")
        if each.find("RoleIDCode") is not None
        and each.find("RoleIDCode").get("csd-code") in {"110153", "110152"}
    )
    assert source.find("MediaIdentifier/MediaType").get("csd-code") == "110037"
    assert destination.find("MediaIdentifier") is None
    assert root.find("EventIdentification").get("EventActionCode") == "C"
    named = {
        each.get("ParticipantObjectID"): each.find("ParticipantObjectIDTypeCode").get("csd-code")
        for each in root.iter("ParticipantObjectIdentification")
    }
    assert named[set_id] == "ITI-32"
    assert any(words.PATIENT in name for name in named)


def test_the_same_medium_again_changes_nothing(forge: Any, words: Any) -> None:
    data = words.medium(forge.house, xds.new_oid())
    take(forge, words, data, unchanged=False)
    again = take(forge, words, data)
    assert again.status == 200
    assert "already registered, nothing was changed" in texts(again)[0][1]
    assert again.kinds == [(*IMPORTED, 0)]


def test_a_document_that_is_here_is_left_alone_whatever_another_set_says_of_it(
    forge: Any, words: Any
) -> None:
    """Less confidential metadata on a medium do not open a document that is kept here."""
    unique_id = xds.new_oid()
    take(forge, words, words.medium(forge.house, unique_id), unchanged=False)
    again = take(forge, words, words.medium(forge.house, unique_id))
    assert "1 document already registered, nothing was changed" in texts(again)[0][1]
    assert entries(forge.house).count(unique_id) == 1


def test_other_octets_under_a_known_id_are_refused(forge: Any, words: Any) -> None:
    unique_id = xds.new_oid()
    take(forge, words, words.medium(forge.house, unique_id), unchanged=False)
    other = take(forge, words, words.medium(forge.house, unique_id, b"another letter"))
    assert (other.status, issues(other)[0]["details"]["coding"][0]["code"]) == (422, "XDSNonIdenticalHash")
    assert other.kinds == [(*IMPORTED, 8)]


def test_another_set_of_the_same_id_is_refused(forge: Any, words: Any) -> None:
    data = words.medium(forge.house, xds.new_oid())
    take(forge, words, data, unchanged=False)
    name = identifier(etree.fromstring(files_of(data)[SET]), SET_UNIQUE_ID).get("value")
    other = changed(
        words,
        words.medium(forge.house, xds.new_oid()),
        lambda root: identifier(root, SET_UNIQUE_ID).set("value", name),
    )
    found = take(forge, words, other)
    assert issues(found)[0]["details"]["coding"][0]["code"] == "XDSDuplicateUniqueIdInRegistry"


def test_limited_metadata_are_enough(forge: Any, words: Any) -> None:
    """Without classes, codes and patientId: the patient is found by sourcePatientId."""

    def limit(root: etree._Element) -> None:
        for item in root.iter("{*}ExtrinsicObject", "{*}RegistryPackage"):
            for child in list(item):
                scheme = child.get("identificationScheme") or child.get("classificationScheme")
                if scheme in {ENTRY_PATIENT, SET_PATIENT} or child.get("classificationScheme"):
                    item.remove(child)

    unique_id = xds.new_oid()
    found = take(forge, words, changed(words, words.medium(forge.house, unique_id), limit), unchanged=False)
    assert found.status == 200, found.body
    assert unique_id in entries(forge.house)
    (key,) = of_entry(forge.house, "patient_key", unique_id)
    assert (key, words.PATIENT) in rows(forge.house, "SELECT key, extension FROM patient")


def test_the_patient_of_another_domain_is_found_by_the_local_identifier(forge: Any, words: Any) -> None:
    data = words.medium(forge.house, xds.new_oid())
    found = take(forge, words, changed(words, data, of_patient("X-9^^^&2.999.77&ISO")), unchanged=False)
    assert found.status == 200, found.body


def test_a_patient_that_nobody_knows_is_refused(forge: Any, words: Any) -> None:
    data = words.medium(forge.house, xds.new_oid())
    foreign = of_patient("X-9^^^&2.999.77&ISO", local="L-1^^^&2.999.78&ISO")
    root = forge.house.settings.domain.affinity_oid
    for change, outcome in ((foreign, 4), (of_patient(f"NOBODY^^^&{root}&ISO"), 4)):
        found = take(forge, words, changed(words, data, change))
        assert (found.status, issues(found)[0]["details"]["coding"][0]["code"]) == (
            422,
            "XDSUnknownPatientId",
        )
        assert found.kinds == [(*IMPORTED, outcome)]


def test_every_fault_is_named_with_its_directory(forge: Any, words: Any) -> None:
    def spoil(root: etree._Element) -> None:
        for slot in root.iter("{*}Slot"):
            if slot.get("name") in {"hash", "creationTime"}:
                slot[0][0].text = "never"

    found = take(forge, words, changed(words, words.medium(forge.house, xds.new_oid()), spoil))
    assert found.status == 422
    assert all(each["location"][0].startswith("IHE_XDM/SUBSET01: ") for each in issues(found))
    told = " ".join(text for _, text in texts(found))
    assert "hash 'never'" in told
    assert "creationTime 'never'" in told


def test_a_hash_that_is_not_that_of_the_document(forge: Any, words: Any) -> None:
    files = files_of(words.medium(forge.house, xds.new_oid()))
    found = take(forge, words, words.zipped({**files, DOCUMENT: b"A LETTER"}))
    assert issues(found)[0]["details"]["coding"][0]["code"] == "XDSRepositoryMetadataError"
    assert found.kinds == [(*IMPORTED, 8)]


def several(words: Any, *media: bytes) -> bytes:
    """The sets of several media on one."""
    files: dict[str, bytes] = {"INDEX.HTM": b"", "README.TXT": b""}
    for number, data in enumerate(media, 1):
        own = {name: each for name, each in files_of(data).items() if name.startswith("IHE_XDM")}
        files |= {name.replace("SUBSET01", f"SUBSET{number:02}"): each for name, each in own.items()}
    return bytes(words.zipped(files))


def test_several_sets_and_patients_on_one_medium(forge: Any, words: Any) -> None:
    root = forge.house.settings.domain.affinity_oid
    first, second = words.medium(forge.house, "2.25.101"), words.medium(forge.house, "2.25.102")
    second = changed(words, second, of_patient(f"{words.OTHER}^^^&{root}&ISO"))
    found = take(forge, words, several(words, first, second), unchanged=False)
    assert found.status == 200, found.body
    assert [each["location"] for each in issues(found)][:2] == [["IHE_XDM/SUBSET01"], ["IHE_XDM/SUBSET02"]]
    assert entries(forge.house)[-2:] == ["2.25.101", "2.25.102"]
    names = [
        identifier(etree.fromstring(files_of(each)[SET]), SET_UNIQUE_ID).get("value")
        for each in (first, second)
    ]
    check_told_apart(found, list(zip((words.PATIENT, words.OTHER), names, strict=True)))


def test_one_bad_set_keeps_the_others_out(forge: Any, words: Any) -> None:
    root = forge.house.settings.domain.affinity_oid
    first, second = words.medium(forge.house, "2.25.101"), words.medium(forge.house, "2.25.102")
    second = changed(words, second, of_patient(f"NOBODY^^^&{root}&ISO"))
    found = take(forge, words, several(words, first, second))
    assert found.status == 422


def test_one_document_in_two_sets(forge: Any, words: Any) -> None:
    media = [words.medium(forge.house, "2.25.103") for _ in range(2)]
    found = take(forge, words, several(words, *media), unchanged=False)
    assert found.status == 200, found.body
    assert entries(forge.house).count("2.25.103") == 2
    other = take(forge, words, several(words, media[0], words.medium(forge.house, "2.25.103", b"else")))
    assert issues(other)[0]["details"]["coding"][0]["code"] == "XDSNonIdenticalHash"


def test_what_joins_nothing_here_is_left_out_with_a_warning(forge: Any, words: Any) -> None:
    data = words.medium(forge.house, xds.new_oid())
    entry = next(etree.fromstring(files_of(data)[SET]).iter("{*}ExtrinsicObject")).get("id")
    for relation in ("APND", "RPLC", "signs"):
        data = words.medium(forge.house, xds.new_oid())
        found = take(
            forge, words, changed(words, data, link(IHE + relation, entry, NOWHERE)), unchanged=False
        )
        assert found.status == 200, found.body
        assert [severity for severity, _ in texts(found)] == ["information", "warning"]
        assert relation in texts(found)[1][1]


def test_a_replacement_of_what_is_registered_is_honoured(forge: Any, words: Any) -> None:
    (old,) = of_entry(forge.house, "uuid", words.STORED)
    data = words.medium(forge.house, xds.new_oid())
    entry = next(etree.fromstring(files_of(data)[SET]).iter("{*}ExtrinsicObject")).get("id")
    found = take(forge, words, changed(words, data, link(f"{IHE}RPLC", entry, old)), unchanged=False)
    assert [severity for severity, _ in texts(found)] == ["information"]
    assert of_entry(forge.house, "status", words.STORED) == ("Deprecated",)


def test_a_replacement_on_the_medium_itself_is_refused(forge: Any, words: Any) -> None:
    """It would leave two documents in force of which one is superseded."""
    first, second = words.medium(forge.house, "2.25.104"), words.medium(forge.house, "2.25.105")
    first = bytes(changed(words, first, lambda root: rename(root, NOWHERE)))
    entry = next(etree.fromstring(files_of(second)[SET]).iter("{*}ExtrinsicObject")).get("id")
    second = changed(words, second, link(f"{IHE}RPLC", entry, NOWHERE))
    found = take(forge, words, several(words, first, second))
    assert found.status == 400
    assert "on the same medium" in texts(found)[0][1]


def rename(root: etree._Element, name: str) -> None:
    entry = next(root.iter("{*}ExtrinsicObject"))
    old = entry.get("id")
    for each in root.iter("*"):
        for key, value in each.attrib.items():
            if value == old:
                each.set(key, name)


def test_a_node_must_be_enrolled_and_a_person_must_be_there(forge: Any, words: Any) -> None:
    raw = words.import_raw(forge.house, words.medium(forge.house, xds.new_oid()))
    found = forge.send(forge.house.peer(raw, "pharmacy"), "fhir")
    assert (found.status, found.kinds) == (403, [("110113", "110126", 8)])
    nobody = {name: value for name, value in raw.headers.items() if name != "authorization"}
    found = forge.send(type(raw)(**{**vars_of(raw), "headers": nobody}), "fhir")
    assert (found.status, found.kinds) == (401, [("110114", "110122", 8)])


def vars_of(raw: Any) -> dict[str, Any]:
    return {name: getattr(raw, name) for name in type(raw).__slots__}


@pytest.mark.parametrize(
    ("content_type", "body", "status", "kind"),
    [
        ("application/zip", b"", 400, MESSAGE),
        ("application/zip", b"no archive", 400, MESSAGE),
        ("application/fhir+json", b"{}", 415, MESSAGE),
        ("", b"PK", 415, MESSAGE),
    ],
)
def test_what_is_no_medium(
    forge: Any, words: Any, content_type: str, body: bytes, status: int, kind: tuple[str, str, int]
) -> None:
    raw = words.import_raw(forge.house, body)
    headers = {**raw.headers, "content-type": content_type}
    found = forge.send(type(raw)(**{**vars_of(raw), "headers": headers}), "fhir")
    assert (found.status, found.kinds) == (status, [kind])


# --- folders -------------------------------------------------------------------------------------


def foldered(make: Any, forge: Any, words: Any, folder: str, *documents: str) -> bytes:
    """A medium with one folder that holds all its documents."""
    patient = PatientId(words.PATIENT, forge.house.settings.domain.affinity_oid)
    data = b"a letter"
    told = {"hash": hashlib.sha1(data, usedforsecurity=False).hexdigest(), "size": len(data)}
    entries = [make.entry(unique_id=each, patient=patient, **told) for each in documents]
    held = make.folder(unique_id=folder, patient=patient)
    links = [make.member(held.id, each.id) for each in entries]
    submission = make.submission(*entries, folders=[held], links=links, patient=patient)
    buffer = io.BytesIO()
    sets = lay_out([(submission, {each.id: Octets(data) for each in entries})])
    write_medium(buffer, sets, "", "", datetime(2026, 3, 4, tzinfo=UTC))
    return buffer.getvalue()


def members(house: Any) -> list[tuple[Any, ...]]:
    """Documents by folder, as registered."""
    return rows(
        house,
        "SELECT f.unique_id, e.unique_id FROM association a JOIN folder f ON f.uuid = a.source "
        "JOIN entry e ON e.uuid = a.target ORDER BY f.unique_id, e.unique_id",
    )


def test_folders_are_found_again(forge: Any, words: Any, make: Any) -> None:
    """A folder of a second medium is the one that is here; what is new joins it, what is here stays once."""
    first = take(forge, words, foldered(make, forge, words, "2.25.7", "2.25.121"), unchanged=False)
    assert first.status == 200, first.body
    assert members(forge.house) == [("2.25.7", "2.25.121")]
    second = foldered(make, forge, words, "2.25.7", "2.25.121", "2.25.122")
    found = take(forge, words, second, unchanged=False)
    assert texts(found)[0][1].endswith("1 document registered, 1 document already registered")
    assert len(texts(found)) == 1
    assert members(forge.house) == [("2.25.7", "2.25.121"), ("2.25.7", "2.25.122")]
    assert entries(forge.house).count("2.25.121") == 1
    assert rows(forge.house, "SELECT count(*) FROM folder") == [(1,)]
    again = take(forge, words, second)
    assert texts(again)[0][1].endswith("already registered, nothing was changed")
