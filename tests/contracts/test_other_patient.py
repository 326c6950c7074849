"""A document that was filed under the wrong patient is moved by a metadata update (ITI-57)."""

from __future__ import annotations

from typing import Any

from lxml import etree


def other_patient(words: Any) -> Any:
    """Names the other patient wherever the request names one, and keeps the associations where they are."""

    def change(root: etree._Element) -> None:
        for item in root.iter(f"{{{words.RIM}}}ExternalIdentifier"):
            value = item.get("value") or ""
            item.set("value", value.replace(words.PATIENT, words.OTHER))

    return change


def sent(forge: Any, words: Any, change: Any) -> Any:
    root = etree.fromstring(words.update_body(forge.house))
    change(root)
    body = words.c14n(etree.fromstring(etree.tostring(root)))
    return forge.simple("ITI-57", forge.envelope("ITI-57", [body]))


def test_it_is_read_through_the_record_it_belongs_to_now(forge: Any, words: Any) -> None:
    patients = dict(forge.house._query("SELECT extension, key FROM patient"))
    forge.accepted(sent(forge, words, other_patient(words)))
    rows = forge.house._query("SELECT patient_key, version, status, latest FROM entry ORDER BY version")
    assert rows == [
        (patients[words.PATIENT], 1, "Deprecated", 0),
        (patients[words.OTHER], 2, "Approved", 1),
    ]
    assert forge.house._query("SELECT record_key FROM content") == [(patients[words.OTHER],)]
    answer = forge.send(forge.retrieve(words.STORED), unchanged=False, secret=False)
    assert b"<ClinicalDocument/>" in answer.body


def test_the_record_it_came_from_gives_it_no_more(forge: Any, words: Any) -> None:
    forge.accepted(sent(forge, words, other_patient(words)))
    mine = forge.acting.full_id(words.PATIENT)
    slots = [
        ("$XDSDocumentEntryPatientId", f"'{mine}'"),
        ("$XDSDocumentEntryStatus", f"('{words.APPROVED}')"),
    ]
    found = forge.send(forge.query(body=forge.asked(words.FIND, *slots)), unchanged=False, secret=False)
    assert b"<rim:ExtrinsicObject " not in found.body


def test_nor_does_it_through_fhir(forge: Any, words: Any) -> None:
    """ITI-67 shows what no metadata update has put aside."""
    root = forge.house.settings.domain.affinity_oid
    forge.accepted(sent(forge, words, other_patient(words)))
    for patient, number in ((words.PATIENT, 0), (words.OTHER, 1)):
        query = f"patient.identifier=urn:oid:{root}|{patient}&status=current"
        raw = words.fhir(forge.house, "/DocumentReference", query)
        found = forge.send(raw, "fhir", secret=False)
        assert f'"total":{number}'.encode() in found.body, found.body
