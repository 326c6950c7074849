"""ITI-32 through the whole pipeline: what a creator gives to whom, and what becomes of it elsewhere."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.client import xds
from tests.contracts.exchanging import (
    DOCUMENT,
    EXPORTED,
    IHE,
    SET,
    SET_PATIENT,
    SET_UNIQUE_ID,
    changed,
    check_told_apart,
    files_of,
    give,
    identifier,
    link,
    of_entry,
    of_patient,
    rows,
    take,
    texts,
)
from tests.contracts.test_media import vars_of

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
