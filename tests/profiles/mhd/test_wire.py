"""DocumentEntry → DocumentReference: whole, valid, and read from a fragment as from a tree."""

import timeit
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from fhir.resources.R4B.documentreference import DocumentReference

from gateway.crypto.safexml import parse
from gateway.record.documents import Author, DocumentEntry, EntryType, Status
from gateway.record.people import Code, PatientId
from gateway.stores.marks import fill
from gateway.stores.rows import entry_row
from profiles.mhd.wire.document_reference import document_reference
from profiles.mhd.wire.fragment import author_persons, read_fragment
from profiles.mhd.wire.people import organization, practitioner, reference_id, source_patient, telecom
from profiles.mhd.wire.values import coding, date_time, unique_id
from profiles.xds import codes
from profiles.xds.wire.read import Problems, read_entry
from profiles.xds.wire.write import entry_fragment

BASE = "https://localhost:8443/fhir"
PATIENT = PatientId("P-1", "2.999.1.1")
Entry = Callable[..., DocumentEntry]


def row(entry: DocumentEntry) -> Any:
    return SimpleNamespace(**entry_row(1, 1, entry, entry_fragment(entry), 1))


def by_tree(entry: DocumentEntry) -> DocumentEntry:
    text = fill(entry_fragment(entry), status="x", patient=str(PATIENT).replace("&", "&amp;"))
    problems = Problems()
    found = read_entry(parse(f'<r xmlns:rim="{codes.RIM}">{text}</r>'.encode())[0], problems)
    assert not problems
    return replace(found, logical_id=None, status=entry.status)


def variants(entry: Entry) -> list[DocumentEntry]:
    bare = DocumentEntry(
        id="urn:uuid:00000009-0000-4000-8000-000000000000",
        unique_id="2.999.4.9",
        patient=PATIENT,
        mime_type="text/plain",
        status=Status.DEPRECATED,
    )
    odd = entry(
        8,
        title='a > b & "c" <d>\n\tžluťoučký &amp; &copy;',
        comments="x > y",
        class_code=Code("a>b&c", "2.999.7", 'Display > "all"'),
        type=EntryType.ON_DEMAND,
        hash=None,
        size=None,
        extra=(("urn:example:slot", ("1", "2")),),
        uri="u" * 600,
        authors=(Author(person="^O&apos;Neil > x", institutions=("A & B",)),),
    )
    return [entry(1), bare, odd]


def test_a_fragment_reads_as_its_tree_does(entry: Entry) -> None:
    for each in variants(entry):
        read = read_fragment(row(each), PATIENT)
        expected = replace(by_tree(each), uri=None, extra=())
        assert read == expected


def test_every_variant_is_valid_fhir(entry: Entry) -> None:
    for each in variants(entry):
        resource = document_reference(each, (("RPLC", "urn:uuid:x"),), BASE)
        DocumentReference.model_validate(resource)
        assert set(resource) >= {"masterIdentifier", "identifier", "status", "subject", "content"}


def test_contained_resources_are_all_referred_to(entry: Entry) -> None:
    resource = document_reference(entry(1), (), BASE)
    text = str(resource)
    for contained in resource["contained"]:
        assert f"'#{contained['id']}'" in text


def test_both_ways_of_telling_identifiers_apart(entry: Entry) -> None:
    found = document_reference(entry(1), (), BASE)["identifier"]
    told = [(each["use"], each["type"]["coding"][0]["code"], each["value"]) for each in found]
    assert told == [
        ("official", "entryUUID", "urn:uuid:00000001-0000-4000-8000-000000000000"),
        ("usual", "uniqueId", "urn:oid:2.999.4.1"),
    ]


def test_hash_is_base64_of_the_octets(entry: Entry) -> None:
    attachment = document_reference(entry(1), (), BASE)["content"][0]["attachment"]
    assert attachment["hash"] == "2jmj7l5rSw0yVb/vlWAYkK/YBwk="
    assert attachment["size"] == 0


def test_on_demand_shows_by_absent_hash_and_size(entry: Entry) -> None:
    held = entry(1, type=EntryType.ON_DEMAND, hash=None, size=None)
    attachment = document_reference(held, (), BASE)["content"][0]["attachment"]
    assert not {"hash", "size"} & set(attachment)


@pytest.mark.parametrize(
    ("dtm", "written"),
    [
        ("2026", "2026"),
        ("202601", "2026-01"),
        ("20260102", "2026-01-02"),
        ("2026010203", "2026-01-02T03:00:00Z"),
        ("202601020304", "2026-01-02T03:04:00Z"),
        ("20260102030405", "2026-01-02T03:04:05Z"),
    ],
)
def test_times_keep_their_precision(dtm: str, written: str) -> None:
    assert date_time(dtm) == written


@pytest.mark.parametrize(
    ("value", "system", "written"),
    [
        ("2.999.1", "urn:ietf:rfc:3986", "urn:oid:2.999.1"),
        ("2.999.1^A-1", "urn:oid:2.999.1", "A-1"),
        ("urn:uuid:0", "urn:ietf:rfc:3986", "urn:uuid:0"),
    ],
)
def test_unique_ids(value: str, system: str, written: str) -> None:
    assert unique_id(value) == {"system": system, "value": written}


def test_code_systems_that_no_uri_stands_for_are_left_out() -> None:
    assert coding(Code("a", "Local codes")) == {"code": "a"}
    assert coding(Code("a", "2.999.7")) == {"system": "urn:oid:2.999.7", "code": "a"}
    assert coding(Code("a", "2.16.840.1.113883.6.1"))["system"] == "http://loinc.org"


def test_people_organizations_and_telecoms() -> None:
    person = practitioner("7^Wel\\T\\by&x^Marcus^^^^^^&2.999.6&ISO", "p")
    assert person["name"] == [{"family": "Wel&by", "given": ["Marcus"]}]
    assert person["identifier"] == [{"system": "urn:oid:2.999.6", "value": "7"}]
    assert organization("Name^^^^^^^^^2.999", "o")["identifier"][0]["value"] == "urn:oid:2.999"
    assert telecom("^NET^Internet^a@example.org") == {"system": "email", "value": "a@example.org"}
    assert telecom("^PRN^PH^^^^^^^^^555 1") == {"system": "phone", "value": "555 1"}
    assert telecom("^^Internet") is None


def test_source_patient_and_references() -> None:
    assert source_patient(None, (), "x") is None
    found = source_patient("1^^^&2.999.1&ISO", ("PID-3|1^^^&2.999.1&ISO", "PID-8|A", "PID-7|bad"), "x")
    assert found is not None
    assert len(found["identifier"]) == 1
    assert found["gender"] == "other"
    assert "birthDate" not in found
    kind, held = reference_id("W-1^^^^urn:ihe:iti:xdw:2013:workflowInstanceId")
    assert kind == "urn:ihe:iti:xdw:2013:workflowInstanceId"
    assert held["identifier"]["value"] == "W-1"


def test_authors_of_a_fragment(entry: Entry) -> None:
    assert [*author_persons(entry_fragment(entry(1)))] == [entry(1).authors[0].person, "^Kildare"]


def test_ten_entries_take_about_a_millisecond(entry: Entry) -> None:
    held = row(entry(1))

    def once() -> None:
        document_reference(read_fragment(held, PATIENT), (), BASE)

    assert min(timeit.repeat(once, number=100, repeat=5)) / 100 < 0.0005  # the machine may be busy
