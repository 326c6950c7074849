"""ITI-61 through the whole pipeline: on-demand entries, their snapshots, and delayed assembly."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from gateway.client import queries, xds

STABLE, ON_DEMAND = (
    "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1",
    "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248",
)
SNAPSHOT = "urn:ihe:iti:2010:AssociationType:IsSnapshotOf"
EMPTY_SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
Change = Callable[[etree._Element], Any]


def submit(forge: Any, code: str, body: bytes, change: Change | None = None) -> Any:
    root = etree.fromstring(body)
    if change is not None:
        change(root)
    text = etree.tostring(root, method="c14n", exclusive=True)
    return forge.simple(code, forge.envelope(code, [text]))


def entry_of(root: etree._Element, words: Any) -> etree._Element:
    return next(root.iter(f"{{{words.RIM}}}ExtrinsicObject"))


def set_slot(words: Any, name: str, value: str) -> Change:
    def change(root: etree._Element) -> None:
        entry = entry_of(root, words)
        for slot in entry.findall(f"{{{words.RIM}}}Slot[@name='{name}']"):
            entry.remove(slot)
        slot = etree.Element(f"{{{words.RIM}}}Slot", name=name)
        held = etree.SubElement(slot, f"{{{words.RIM}}}ValueList")
        etree.SubElement(held, f"{{{words.RIM}}}Value").text = value
        entry.insert(0, slot)

    return change


def found(forge: Any, words: Any, *types: str) -> list[str]:
    """The object types of the patient's entries, asked for with $XDSDocumentEntryType or without."""
    patient = forge.acting.full_id(words.PATIENT)
    slots = [
        ("$XDSDocumentEntryPatientId", f"'{patient}'"),
        ("$XDSDocumentEntryStatus", f"('{words.APPROVED}')"),
    ]
    if types:
        slots.append(("$XDSDocumentEntryType", "(" + ",".join(f"'{each}'" for each in types) + ")"))
    answer = forge.send(forge.query(body=forge.asked(words.FIND, *slots)), unchanged=False, secret=False)
    return sorted(re.findall(r'objectType="(urn:uuid:[^"]+)" status', answer.body.decode()))


def uuid_of(forge: Any, unique_id: str) -> str:
    rows = forge.house._query(f"SELECT uuid FROM entry WHERE unique_id = '{unique_id}' ORDER BY key")  # noqa: S608
    return str(rows[0][0])


def test_an_on_demand_entry_is_found_when_it_is_asked_for(forge: Any, words: Any) -> None:
    answer = forge.accepted(submit(forge, "ITI-61", words.on_demand(forge.house, xds.new_oid())))
    assert answer.kinds == [("110107", "ITI-61", 0)]
    assert found(forge, words) == [STABLE]
    assert found(forge, words, ON_DEMAND) == [ON_DEMAND]
    assert found(forge, words, STABLE, ON_DEMAND) == sorted([STABLE, ON_DEMAND])


def test_the_unique_id_of_an_on_demand_entry_may_come_again(forge: Any, words: Any) -> None:
    unique_id = xds.new_oid()
    for _ in range(2):
        forge.accepted(submit(forge, "ITI-61", words.on_demand(forge.house, unique_id)))
    assert found(forge, words, ON_DEMAND) == [ON_DEMAND, ON_DEMAND]


def test_the_unique_id_of_a_stable_document_is_taken(forge: Any, words: Any) -> None:
    raw = submit(forge, "ITI-61", words.on_demand(forge.house, words.STORED))
    answer = forge.failed(raw, "XDSRegistryMetadataError", ("110107", "ITI-61", 8))
    assert f"uniqueId {words.STORED} stands for a stable document".encode() in answer.body


@pytest.mark.parametrize(("name", "value"), [("creationTime", "2026"), ("hash", EMPTY_SHA1), ("size", "0")])
def test_what_only_a_document_has(forge: Any, words: Any, name: str, value: str) -> None:
    body = words.on_demand(forge.house, xds.new_oid())
    raw = submit(forge, "ITI-61", body, set_slot(words, name, value))
    answer = forge.failed(raw, "XDSRegistryMetadataError", ("110107", "ITI-61", 4))
    assert f"DocumentEntry.{name} is given".encode() in answer.body


def test_each_kind_of_entry_has_its_transaction(forge: Any, words: Any) -> None:
    on_demand, stable = (make(forge.house, xds.new_oid()) for make in (words.on_demand, words.register_body))
    first = forge.failed(submit(forge, "ITI-42", on_demand), "XDSRegistryMetadataError", words.registered(4))
    assert b"registered by ITI-61" in first.body
    kind = ("110107", "ITI-61", 4)
    second = forge.failed(submit(forge, "ITI-61", stable), "XDSRegistryMetadataError", kind)
    assert b"registered by ITI-42" in second.body


@pytest.mark.parametrize(
    ("repository", "code"),
    [("2.999.9.9", "XDSUnknownRepositoryId"), ("2.999.1.3", "XDSDocumentUniqueIdError")],
)
def test_this_repository_makes_no_documents(forge: Any, words: Any, repository: str, code: str) -> None:
    unique_id = xds.new_oid()
    body = words.on_demand(forge.house, unique_id)
    forge.accepted(submit(forge, "ITI-61", body, set_slot(words, "repositoryUniqueId", repository)))
    asked = queries.retrieve_body([(repository, unique_id)])
    text = forge.envelope("ITI-43", [asked])
    answer = forge.send(forge.package("ITI-43", forge.packaged(text, [])), secret=False)
    assert (answer.response, set(answer.codes)) == ("Failure", {code})


def test_a_snapshot_joins_its_on_demand_entry(forge: Any, words: Any) -> None:
    unique_id = xds.new_oid()
    forge.accepted(submit(forge, "ITI-61", words.on_demand(forge.house, unique_id)))

    def snapshot(root: etree._Element, target: str = uuid_of(forge, unique_id)) -> None:
        listed = next(root.iter(f"{{{words.RIM}}}RegistryObjectList"))
        link = etree.SubElement(listed, f"{{{words.RIM}}}Association", id="Snapshot", targetObject=target)
        link.set("sourceObject", entry_of(root, words).get("id") or "")
        link.set("associationType", SNAPSHOT)

    forge.accepted(submit(forge, "ITI-42", words.register_body(forge.house, xds.new_oid()), snapshot))
    assert forge.house._query("SELECT count(*) FROM association WHERE relation = 'IsSnapshotOf'") == [(1,)]
    body = words.register_body(forge.house, xds.new_oid())
    stored = uuid_of(forge, words.STORED)
    raw = submit(forge, "ITI-42", body, lambda root: snapshot(root, stored))
    answer = forge.failed(raw, "XDSRegistryMetadataError", words.registered(8))
    assert b"is not an on-demand entry" in answer.body


def test_a_document_that_is_assembled_later(forge: Any, words: Any) -> None:
    def empty(root: etree._Element) -> None:
        set_slot(words, "hash", EMPTY_SHA1)(root)
        set_slot(words, "size", "0")(root)

    forge.accepted(submit(forge, "ITI-42", words.register_body(forge.house, xds.new_oid()), empty))
    assert found(forge, words) == [STABLE, STABLE]
