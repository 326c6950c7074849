"""Metadata update and removal through the whole pipeline: ITI-57, 92, 62 and 86."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from tests.contracts.updating import (
    APND,
    ASSOCIATION,
    FRESH,
    MU,
    NOWHERE,
    PATIENTS,
    RIM,
    STATUS,
    UNIQUE,
    check,
    entry_of,
    errors,
    external,
    lid,
    member_of,
    original,
    set_slot,
    slot_of_entry,
    status,
    stored,
    stray,
)

# --- ITI-57 and ITI-92 ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ITI-57", "ITI-92"])
def test_a_new_version_is_what_queries_find(forge: Any, words: Any, code: str) -> None:
    first = original(forge)
    found = forge.accepted(forge.update(code=code))
    assert found.kinds == [("110107", code, 0)]
    assert 'EventActionCode="U"' in found.audit[0].message
    assert [row[:3] for row in stored(forge)] == [(1, "Deprecated", 0), (2, "Approved", 1)]
    assert forge.house._query("SELECT DISTINCT logical_id FROM entry") == [(first,)]
    answer = forge.accepted(forge.query())
    root = etree.fromstring(answer.body)
    (entry,) = root.iter(f"{RIM}ExtrinsicObject")
    assert (entry.get("lid"), entry.get("status")) == (first, f"{STATUS}Approved")
    assert entry.get("id") not in {first, None}
    assert entry.find(f"{RIM}VersionInfo").get("versionName") == "2"
    assert words.STORED.encode() in answer.body


def test_the_same_update_again_has_one_effect(forge: Any) -> None:
    kept: list[etree._Element] = []

    def keep(root: etree._Element) -> None:
        if kept:
            root[:] = [etree.fromstring(etree.tostring(each)) for each in kept[0]]
        else:
            kept.append(etree.fromstring(etree.tostring(root)))

    forge.accepted(forge.update(keep))
    once = stored(forge)
    forge.accepted(forge.update(keep))
    assert stored(forge) == once
    assert len(once) == 2


def test_a_status_goes_and_comes_back(forge: Any) -> None:
    name = original(forge)
    for before, after in (("Approved", "Deprecated"), ("Deprecated", "Approved")):
        forge.accepted(forge.update(status(name, before, after)))
        assert [row[:3] for row in stored(forge)] == [(1, after, 1)]
    assert forge.house._query("SELECT DISTINCT relation FROM association") == [("HasMember",)]


RULES = {
    "no lid": (lid(None), ["XDSInvalidRequestException", "XDSMetadataUpdateError"]),
    "unknown lid": (lid(NOWHERE), ["UnresolvedReferenceException", "XDSMetadataVersionError"]),
    "symbolic lid": (lid("Document01"), ["XDSMetadataUpdateError"]),
    "other uniqueId": (external("2.999.4", UNIQUE), ["XDSMetadataIdentifierError"]),
    "unknown patient": (external("NOBODY^^^&2.999.1.1&ISO", *PATIENTS), ["XDSUnknownPatientId"]),
    "other hash": (slot_of_entry("hash", "1" * 40), ["XDSRegistryMetadataError"]),
    "other size": (slot_of_entry("size", "1"), ["XDSRegistryMetadataError"]),
    "incomplete": (slot_of_entry("creationTime"), ["XDSRegistryMetadataError"]),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_version_that_is_refused(forge: Any, rule: str) -> None:
    change, expected = RULES[rule]
    found = forge.send(forge.update(change))
    assert found.response == "Failure", found.body
    assert found.codes == expected
    assert [each.type for each in found.audit] == ["ITI-57"]
    if rule != "unknown patient":
        places = {where for _, where in errors(found)}
        assert len(places) == 1
        assert places != {None}


MEMBERSHIPS = {
    "no version": (set_slot("PreviousVersion"), "XDSMetadataUpdateOperationError"),
    "no number": (set_slot("PreviousVersion", "one"), "XDSMetadataVersionError"),
    "two versions": (set_slot("PreviousVersion", "1", "2"), "XDSRegistryMetadataError"),
    "late version": (set_slot("PreviousVersion", "2"), "XDSMetadataVersionError"),
    "propagation": (set_slot("AssociationPropagation", "perhaps"), "XDSMetadataUpdateOperationError"),
    "reference": (set_slot("SubmissionSetStatus", "Reference"), "XDSMetadataUpdateOperationError"),
    "stray member": (stray(ASSOCIATION), "XDSMetadataUpdateOperationError"),
    "stray addendum": (stray(APND), "XDSMetadataUpdateOperationError"),
    "stray submit": (stray(f"{MU}SubmitAssociation"), "XDSMetadataUpdateOperationError"),
}


@pytest.mark.parametrize("rule", MEMBERSHIPS)
def test_a_request_whose_operations_are_not_clear(forge: Any, rule: str) -> None:
    change, code = MEMBERSHIPS[rule]
    found = forge.send(forge.update(change))
    assert found.response == "Failure", found.body
    ((told, where),) = errors(found)
    assert told == code
    assert where


@pytest.mark.parametrize(
    ("target", "before", "after", "code"),
    [
        ("document", "Deprecated", "Approved", "XDSMetadataUpdateError"),
        ("document", "Approved", "Approved", "XDSMetadataUpdateOperationError"),
        ("document", "Approved", "Withdrawn", "XDSMetadataUpdateOperationError"),
        ("nothing", "Approved", "Deprecated", "UnresolvedReferenceException"),
        ("set", "Approved", "Deprecated", "XDSMetadataUpdateOperationError"),
        ("membership", "Approved", "Deprecated", "XDSMetadataUpdateOperationError"),
    ],
)
def test_a_status_that_stays(forge: Any, target: str, before: str, after: str, code: str) -> None:
    name = {
        "document": lambda: original(forge),
        "nothing": lambda: NOWHERE,
        "set": lambda: forge.house._query("SELECT uuid FROM submission_set")[0][0],
        "membership": lambda: forge.house._query("SELECT uuid FROM association")[0][0],
    }[target]()
    check(forge, forge.update(status(str(name), before, after)), [(code, FRESH)])


def test_a_deprecated_document_is_updated_by_iti_92_only(forge: Any) -> None:
    forge.accepted(forge.update(status(original(forge), "Approved", "Deprecated")))
    refused = forge.send(forge.update())
    assert refused.codes == ["XDSMetadataUpdateError"]
    forge.accepted(forge.update(code="ITI-92"))
    assert [row[:3] for row in stored(forge)] == [(1, "Deprecated", 0), (2, "Deprecated", 1)]


def own_lid(root: etree._Element) -> None:
    entry_of(root).set("lid", str(entry_of(root).get("id")))


def no_member(root: etree._Element) -> None:
    root.find(f"{RIM}RegistryObjectList").remove(member_of(root))


RESTRICTED = {
    "own lid": (own_lid, "XDSInvalidRequestException"),
    "no member": (no_member, "XDSMetadataAnnotationError"),
    "no version": (set_slot("PreviousVersion"), "XDSMetadataVersionError"),
    "late version": (set_slot("PreviousVersion", "3"), "XDSMetadataVersionError"),
    "no propagation": (set_slot("AssociationPropagation", "no"), "XDSMetadataAnnotationError"),
    "status": (stray(f"{MU}UpdateAvailabilityStatus"), "UnmodifiableMetadataError"),
    "submit": (stray(f"{MU}SubmitAssociation"), "UnmodifiableMetadataError"),
    "source patient": (slot_of_entry("sourcePatientId", "X^^^&2.999.2.1&ISO"), "UnmodifiableMetadataError"),
    "repository": (slot_of_entry("repositoryUniqueId", "2.999.9"), "UnmodifiableMetadataError"),
    "availability": (
        slot_of_entry("documentAvailability", "urn:ihe:iti:2010:DocumentAvailability:Offline"),
        "UnmodifiableMetadataError",
    ),
    "uniqueId": (external("2.999.4", UNIQUE), "XDSMetadataIdentifierError"),
}


@pytest.mark.parametrize("rule", RESTRICTED)
def test_what_a_restricted_update_leaves_alone(forge: Any, rule: str) -> None:
    change, code = RESTRICTED[rule]
    found = forge.send(forge.update(change, code="ITI-92"))
    assert found.response == "Failure", found.body
    ((told, where),) = errors(found)
    assert told == code
    assert where
    assert [each.type for each in found.audit] == ["ITI-92"]


def test_the_patient_of_a_document_is_not_changed_by_a_restricted_update(forge: Any, words: Any) -> None:
    other = external(forge.acting.full_id(words.OTHER), *PATIENTS)
    found = forge.send(forge.update(other, code="ITI-92"))
    assert found.codes == ["XDSPatientIDReconciliationError"]
    forge.accepted(forge.update(lambda root: (other(root), set_slot("AssociationPropagation", "no")(root))))
    assert len(set(forge.house._query("SELECT patient_key FROM entry"))) == 2


def test_a_restricted_update_finds_its_entry_without_a_lid(forge: Any) -> None:
    forge.accepted(forge.update(lid(None), code="ITI-92"))
    assert [row[0] for row in stored(forge)] == [1, 2]


# --- two at once ---------------------------------------------------------------------------------


def together(forge: Any, *raws: Any) -> list[str]:
    """Through two pipelines in one loop; their commits meet in one group, or in two."""

    async def both() -> list[Any]:
        engine = forge.house.gateway.engine
        return await asyncio.gather(*(forge.house.call("soap", raw, replace(engine)) for raw in raws))

    bodies = [b"".join(each.pieces) for each in asyncio.run(both())]
    return [re.search(rb"ResponseStatusType:(\w+)", body)[1].decode() for body in bodies]  # type: ignore[index]


def test_two_updates_of_one_version_at_once(forge: Any) -> None:
    rows = forge.house.audit_rows()
    answers = together(forge, forge.update(), forge.update(), forge.update())
    assert sorted(answers) == ["Failure", "Failure", "Success"]
    assert [row[:3] for row in stored(forge)] == [(1, "Deprecated", 0), (2, "Approved", 1)]
    assert forge.house._query("SELECT count(*) FROM submission_set") == [(2,)]
    assert forge.house.audit_rows() == rows + 3


def test_an_update_and_a_removal_at_once(forge: Any) -> None:
    answers = together(forge, forge.update(), forge.remove())
    assert "Success" in answers
    ends = forge.house._query("SELECT source, target FROM association")
    there = {
        name
        for table in ("entry", "submission_set", "association")
        for (name,) in forge.house._query(f"SELECT uuid FROM {table}")  # noqa: S608 - fixed names
    }
    assert {end for pair in ends for end in pair} <= there
    assert len(stored(forge)) <= 1
