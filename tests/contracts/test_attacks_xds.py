"""XDS-01 to XDS-05 through the whole pipeline: values, stored queries, patients that are told apart."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from lxml import etree

from tests.contracts.registering import (
    NASTY,
    PATIENT,
    SET_PATIENT,
    SET_UNIQUE,
    UNIQUE,
    Change,
    base,
    cx,
    every,
    external,
    found_by,
    listed,
    objects,
    quoted,
    tables,
)

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
