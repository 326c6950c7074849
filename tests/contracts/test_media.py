"""ITI-32 through the whole pipeline: what an importer takes, what a creator gives to whom."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.client import xds
from gateway.declare.bindings import Octets
from gateway.record.people import PatientId
from profiles.xdm.wire.media import lay_out, write_medium

SET, DOCUMENT = "IHE_XDM/SUBSET01/METADATA.XML", "IHE_XDM/SUBSET01/DOC00001.XML"
ENTRY_PATIENT = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
SET_PATIENT = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
SET_UNIQUE_ID = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"
IMPORTED, EXPORTED = ("110107", "ITI-32"), ("110106", "ITI-32")
MESSAGE, ABUSE = ("110113", "message-security", 8), ("110113", "protocol-abuse", 4)
NOWHERE = "urn:uuid:00000000-0000-4000-8000-ffffffffffff"
IHE = "urn:ihe:iti:2007:AssociationType:"
MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
Change = Callable[[etree._Element], object]


def files_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def changed(words: Any, data: bytes, *changes: Change) -> bytes:
    """A medium whose metadata were changed."""
    files = files_of(data)
    root = etree.fromstring(files[SET])
    for change in changes:
        change(root)
    return bytes(words.zipped({**files, SET: etree.tostring(root)}))


def take(forge: Any, words: Any, data: bytes, **how: Any) -> Any:
    """An import, with everything that `forge.send` checks."""
    return forge.send(words.import_raw(forge.house, data), "fhir", **how)


def give(forge: Any, words: Any, query: str = "", **how: Any) -> Any:
    root = forge.house.settings.domain.affinity_oid
    asked = f"patient=urn:oid:{root}%7C{words.PATIENT}"
    return forge.send(words.fhir(forge.house, "/$export-media", asked + query), "fhir", **how)


def texts(found: Any) -> list[tuple[str, str]]:
    return [(each["severity"], each["details"]["text"]) for each in issues(found)]


def issues(found: Any) -> list[dict[str, Any]]:
    return list(json.loads(found.body)["issue"])


def rows(house: Any, statement: str) -> list[tuple[Any, ...]]:
    return list(house._query(statement))


def of_entry(house: Any, columns: str, unique_id: str) -> tuple[Any, ...]:
    """Columns of the one entry of a document."""
    (found,) = rows(house, f"SELECT {columns} FROM entry WHERE unique_id = '{unique_id}'")  # noqa: S608
    return found


def entries(house: Any) -> list[str]:
    return [str(row[0]) for row in rows(house, "SELECT unique_id FROM entry ORDER BY key")]


def identifier(root: etree._Element, scheme: str) -> etree._Element:
    (found,) = (
        each for each in root.iter("{*}ExternalIdentifier") if each.get("identificationScheme") == scheme
    )
    return found


def link(relation: str, source: str, target: str, name: str = "Link1") -> Change:
    def change(root: etree._Element) -> None:
        item = etree.SubElement(root[0], "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}Association", id=name)
        for key, value in (("associationType", relation), ("sourceObject", source), ("targetObject", target)):
            item.set(key, value)

    return change


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


def of_patient(value: str, *, local: str | None = None) -> Change:
    def change(root: etree._Element) -> None:
        for scheme in (ENTRY_PATIENT, SET_PATIENT):
            identifier(root, scheme).set("value", value)
        if local is not None:
            (slot,) = (each for each in root.iter("{*}Slot") if each.get("name") == "sourcePatientId")
            slot[0][0].text = local

    return change


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


def check_told_apart(found: Any, told: list[tuple[str, str]]) -> None:
    """An audit message for each patient, which names nothing of the others."""
    assert len(found.audit) == len(told)
    for row, (patient, set_id) in zip(found.audit, told, strict=True):
        root = etree.fromstring(row.message)
        objects = [each.get("ParticipantObjectID") for each in root.iter("ParticipantObjectIdentification")]
        assert [each.split("^")[0] for each in objects[:2]] == [patient, set_id]
        others = {word for pair in told for word in pair} - {patient, set_id}
        assert not any(word in row.message for word in others)


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


# --- export --------------------------------------------------------------------------------------


def test_a_medium_is_made_and_named_in_the_audit(forge: Any, words: Any) -> None:
    found = give(forge, words, "&institution=Clinic%20%3Cb%3E", secret=False)
    assert (found.status, found.headers["content-type"]) == (200, "application/zip")
    assert "attachment" in found.headers["content-disposition"]
    files = files_of(found.body)
    assert list(files) == ["INDEX.HTM", "README.TXT", SET, DOCUMENT]
    assert files[DOCUMENT] == b"<ClinicalDocument/>"
    assert b"Clinic &lt;b&gt;" in files["INDEX.HTM"]
    assert b"Clinic <b>" in files["README.TXT"]
    (told,) = found.audit
    assert told.kind == (*EXPORTED, 0)
    set_id = identifier(etree.fromstring(files[SET]), SET_UNIQUE_ID).get("value")
    root = etree.fromstring(told.message)
    objects = {each.get("ParticipantObjectID") for each in root.iter("ParticipantObjectIdentification")}
    assert set_id in objects
    media = root.find(".//MediaIdentifier").getparent()
    assert media.find("RoleIDCode").get("csd-code") == "110152"
    assert root.find("EventIdentification").get("EventActionCode") == "R"


def test_every_export_is_a_new_set(forge: Any, words: Any) -> None:
    first, second = (etree.fromstring(files_of(give(forge, words, secret=False).body)[SET]) for _ in range(2))
    ids = [{each.get("id") for each in root[0] if each.get("id")} for root in (first, second)]
    assert not ids[0] & ids[1]
    assert identifier(first, SET_UNIQUE_ID).get("value") != identifier(second, SET_UNIQUE_ID).get("value")
    statuses = [
        each[0][0].text for each in first.iter("{*}Slot") if each.get("name") == "SubmissionSetStatus"
    ]
    assert statuses == ["Original"]


def test_documents_by_name(forge: Any, words: Any) -> None:
    take(forge, words, words.medium(forge.house, "2.25.106"), unchanged=False)
    assert len(files_of(give(forge, words, secret=False).body)) == 5
    for asked in ("&document=2.25.106", "&document=urn:oid:2.25.106"):
        assert files_of(give(forge, words, asked, secret=False).body)[DOCUMENT] == b"a letter"
    both = f"&document=2.25.106,{words.STORED}"
    assert len(files_of(give(forge, words, both, secret=False).body)) == 5


@pytest.mark.parametrize("query", ["&document=2.25.999", "&document=2.25.4711&document=2.25.999"])
def test_a_document_that_is_not_there(forge: Any, words: Any, query: str) -> None:
    found = give(forge, words, query)
    assert (found.status, found.kinds) == (404, [(*EXPORTED, 8)])


def test_what_may_not_be_read_is_not_there(forge: Any, words: Any) -> None:
    """A document above the rank of the person is on no medium, and asking for it tells nothing."""
    secret = forge.provide(
        words.document(
            forge.house,
            "2.25.107",
            confidentiality=xds.Code("V", "2.16.840.1.113883.5.25", "very restricted"),
        ),
        assertion=forge.assertion(organisation="2.999.2.1"),
    )
    assert forge.send(secret, unchanged=False).response == "Success"
    root = forge.house.settings.domain.affinity_oid
    asked = f"patient=urn:oid:{root}%7C{words.PATIENT}"
    raw = words.fhir(forge.house, "/$export-media", asked)
    other = with_token(raw, forge.assertion(organisation="2.999.2.3"))
    files = files_of(forge.send(other, "fhir", secret=False).body)
    assert [name for name in files if "DOC" in name] == [DOCUMENT]
    named = with_token(
        words.fhir(forge.house, "/$export-media", f"{asked}&document=2.25.107"),
        forge.assertion(organisation="2.999.2.3"),
    )
    hidden = forge.send(named, "fhir")
    assert hidden.status == 404
    assert "110147" in hidden.audit[0].message
    absent = give(forge, words, "&document=2.25.999")
    assert re.sub(rb"[0-9a-f]{32}", b"", hidden.body) == re.sub(rb"[0-9a-f]{32}", b"", absent.body)


def with_token(raw: Any, assertion: bytes) -> Any:
    token = base64.urlsafe_b64encode(assertion).rstrip(b"=").decode()
    return type(raw)(**{**vars_of(raw), "headers": {**raw.headers, "authorization": f"Bearer {token}"}})


def test_a_deprecated_document_stays_here(forge: Any, words: Any) -> None:
    (old,) = of_entry(forge.house, "uuid", words.STORED)
    newer = words.document(forge.house, "2.25.108", replaces=old)
    assert forge.send(forge.provide(newer), unchanged=False).response == "Success"
    files = files_of(give(forge, words, secret=False).body)
    assert b"2.25.108" in files[SET]
    assert words.STORED.encode() not in files[SET]
    assert give(forge, words, f"&document={words.STORED}").status == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("patient=CONTRACT-1", 400),
        ("patient=urn:oid:2.999.1.1%7CA%5EB", 400),
        ("patient=urn:oid:2.999.1.1%7CUNKNOWN", 404),
        ("patient=urn:oid:2.999.1.1%7CCONTRACT-2", 404),
        ("patient=urn:oid:2.999.1.1%7CCONTRACT-1&institution=a&institution=b", 400),
        (f"patient=urn:oid:2.999.1.1%7CCONTRACT-1&institution={'a' * 201}", 400),
    ],
)
def test_requests_that_cannot_be_answered(forge: Any, words: Any, query: str, status: int) -> None:
    found = forge.send(words.fhir(forge.house, "/$export-media", query), "fhir")
    assert found.status == status
    assert len(found.audit) == 1


def test_two_patients_on_one_medium(forge: Any, words: Any) -> None:
    root = forge.house.settings.domain.affinity_oid
    data = words.medium(forge.house, "2.25.109")
    take(forge, words, changed(words, data, of_patient(f"{words.OTHER}^^^&{root}&ISO")), unchanged=False)
    found = give(forge, words, f"&patient=urn:oid:{root}%7C{words.OTHER}", secret=False)
    files = files_of(found.body)
    metadata = [etree.fromstring(files[f"IHE_XDM/SUBSET0{number}/METADATA.XML"]) for number in (1, 2)]
    patients = [identifier(each, SET_PATIENT).get("value").split("^")[0] for each in metadata]
    assert sorted(patients) == [words.PATIENT, words.OTHER]
    names = [identifier(each, SET_UNIQUE_ID).get("value") for each in metadata]
    check_told_apart(found, list(zip(patients, names, strict=True)))
    times = {
        slot[0][0].text
        for each in metadata
        for slot in each.iter("{*}Slot")
        if slot.get("name") == "submissionTime"
    }
    assert len(times) == 2


# --- round trip ----------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(installation: Any, words: Any, tmp_path: Path) -> Iterator[Any]:
    """A second gateway with an empty record, where both patients are known."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    house = words.standing(installation, folder, words.empty_record(installation))
    for patient in (words.PATIENT, words.OTHER):
        asyncio.run(house.call("hl7v2", words.hl7(house, "A01", patient)))
    yield house
    asyncio.run(house.gateway.close())


def stored(house: Any) -> list[tuple[Any, ...]]:
    """What a registry and a repository keep of every document, but ids of objects and times."""
    return rows(
        house,
        "SELECT unique_id, status, type, e.mime_type, class_code, document_class, type_code, format_code, "
        "facility_type, practice_setting, creation_time, service_start, service_stop, rank, organisation, "
        "repository, home, hash, e.size, e.version, latest, offline, p.extension, p.root "
        "FROM entry e JOIN patient p ON p.key = e.patient_key ORDER BY unique_id",
    )


def test_what_is_exported_here_is_imported_elsewhere_field_by_field(
    forge: Any, words: Any, elsewhere: Any
) -> None:
    full = words.document(
        forge.house,
        "2.25.110",
        title='Über <&> "alles"',
        mime_type="application/pdf",
        data=bytes(range(256)) * 99,
    )
    assert forge.send(forge.provide(full), unchanged=False).response == "Success"
    (first,) = of_entry(forge.house, "uuid", words.STORED)
    appended = changed(
        words,
        words.medium(forge.house, "2.25.111"),
        lambda root: link(f"{IHE}APND", next(root.iter("{*}ExtrinsicObject")).get("id"), first)(root),
    )
    assert take(forge, words, appended, unchanged=False).status == 200
    data = give(forge, words, secret=False).body
    answer = asyncio.run(elsewhere.call("fhir", words.import_raw(elsewhere, data)))
    assert answer.status == 200, answer
    assert stored(elsewhere) == stored(forge.house)
    assert rows(elsewhere, "SELECT count(*) FROM association WHERE relation = 'APND'") == [(1,)]
    again = give(type(forge)(elsewhere), words, secret=False).body
    ours, theirs = (entries_of(files_of(each)[SET]) for each in (data, again))
    assert ours == theirs
    octets = [
        sorted(each for name, each in files_of(medium).items() if "/DOC" in name) for medium in (data, again)
    ]
    assert octets[0] == octets[1]


def entries_of(metadata: bytes) -> list[str]:
    """Every entry as it is written, without the ids of its own."""
    found = []
    for entry in etree.fromstring(metadata).iter("{*}ExtrinsicObject"):
        text = etree.tostring(entry, method="c14n").decode().replace(entry.get("id"), "")
        found.append(re.sub(r"DOC\d{5}", "DOC", text))
    return sorted(found)


def test_a_medium_that_comes_home_changes_nothing(forge: Any, words: Any) -> None:
    data = give(forge, words, secret=False).body
    found = take(forge, words, data)
    assert "1 document already registered, nothing was changed" in texts(found)[0][1]
