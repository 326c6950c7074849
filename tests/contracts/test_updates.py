"""Metadata update and removal through the whole pipeline: ITI-57, 92, 62 and 86."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

ASSOCIATION = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
MU = "urn:ihe:iti:2010:AssociationType:"
APND = "urn:ihe:iti:2007:AssociationType:APND"
STATUS = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
NOWHERE = "urn:uuid:00000000-0000-4000-8000-ffffffffffff"
FRESH = "urn:uuid:00000000-0000-4000-8000-000000000001"
UNIQUE = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
PATIENTS = (
    "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427",
    "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446",
)
HERE = "2.999.1.3"
Change = Callable[[etree._Element], None]


def errors(found: Any) -> list[tuple[str, str | None]]:
    """(errorCode, location) of each error."""
    listed = re.findall(rb"<rs:RegistryError ([^>]+)>", found.body)
    return [
        (
            re.search(rb'errorCode="([^"]+)"', each)[1].decode(),  # type: ignore[index]
            where[1].decode() if (where := re.search(rb'location="([^"]*)"', each)) else None,
        )
        for each in listed
    ]


def entry_of(root: etree._Element) -> etree._Element:
    return next(root.iter(f"{RIM}ExtrinsicObject"))


def member_of(root: etree._Element) -> etree._Element:
    return next(root.iter(f"{RIM}Association"))


def head_of(root: etree._Element) -> str:
    return str(next(root.iter(f"{RIM}RegistryPackage")).get("id"))


def set_slot(name: str, *values: str) -> Change:
    """Another value of a slot of the membership; none takes the slot away."""

    def change(root: etree._Element) -> None:
        put(member_of(root), name, *values)

    return change


def put(item: etree._Element, name: str, *values: str) -> None:
    for old in item.findall(f"{RIM}Slot"):
        if old.get("name") == name:
            item.remove(old)
    if values:
        slot = etree.Element(f"{RIM}Slot", name=name)
        listed = etree.SubElement(slot, f"{RIM}ValueList")
        for value in values:
            etree.SubElement(listed, f"{RIM}Value").text = value
        item.insert(0, slot)


def slot_of_entry(name: str, *values: str) -> Change:
    def change(root: etree._Element) -> None:
        put(entry_of(root), name, *values)

    return change


def lid(value: str | None) -> Change:
    def change(root: etree._Element) -> None:
        entry = entry_of(root)
        if value is None:
            entry.attrib.pop("lid")
        else:
            entry.set("lid", value)

    return change


def external(value: str, *schemes: str) -> Change:
    def change(root: etree._Element) -> None:
        for each in root.iter(f"{RIM}ExternalIdentifier"):
            if each.get("identificationScheme") in schemes:
                each.set("value", value)

    return change


def association(root: etree._Element, kind: str, target: str, **given: str) -> etree._Element:
    """One more association of the request, by default from the set."""
    made = etree.SubElement(
        root.find(f"{RIM}RegistryObjectList"),
        f"{RIM}Association",
        id=given.get("id", FRESH),
        associationType=kind,
        sourceObject=given.get("source", head_of(root)),
        targetObject=target,
    )
    for name in ("OriginalStatus", "NewStatus"):
        if name in given:
            put(made, name, given[name])
    return made


def without_entry(root: etree._Element) -> None:
    """The set alone."""
    for item in (entry_of(root), member_of(root)):
        item.getparent().remove(item)


def status(target: str, before: str, after: str) -> Change:
    def change(root: etree._Element) -> None:
        without_entry(root)
        told = {"OriginalStatus": f"{STATUS}{before}", "NewStatus": f"{STATUS}{after}"}
        association(root, f"{MU}UpdateAvailabilityStatus", target, **told)

    return change


def stray(kind: str) -> Change:
    def change(root: etree._Element) -> None:
        association(root, kind, NOWHERE)

    return change


def stored(forge: Any) -> list[tuple[Any, ...]]:
    """(version, status, latest, uuid) of every entry."""
    return list(
        forge.house._query("SELECT version, status, latest, uuid FROM entry ORDER BY logical_id, version")
    )


def original(forge: Any) -> str:
    return str(stored(forge)[0][3])


def check(forge: Any, raw: Any, expected: list[tuple[str, str | None]], code: str = "ITI-57") -> Any:
    """Refused with these errors, without effect, told once."""
    found = forge.send(raw)
    assert found.response == "Failure", found.body
    assert errors(found) == expected
    ((_, told, outcome),) = found.kinds
    assert told == code
    assert outcome in {4, 8}
    return found


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


# --- ITI-62 --------------------------------------------------------------------------------------


def test_a_removal_names_each_object_with_its_kind(forge: Any) -> None:
    names = [
        str(forge.house._query(f"SELECT uuid FROM {table}")[0][0])  # noqa: S608 - fixed names
        for table in ("entry", "submission_set", "association")
    ]
    found = forge.accepted(forge.remove())
    assert found.kinds == [("110110", "ITI-62", 0)]
    told = etree.fromstring(found.audit[0].message)
    objects = {
        each.get("ParticipantObjectID"): each.find("ParticipantObjectIDTypeCode").get("originalText")
        for each in told.iter("ParticipantObjectIdentification")
    }
    assert [objects[name] for name in names] == ["document entry", "submission set", "association"]
    for table in ("entry", "entry_value", "submission_set", "package_value", "association", "folder"):
        assert forge.house._query(f"SELECT * FROM {table}") == []  # noqa: S608 - fixed names


def test_removals_that_are_refused(forge: Any) -> None:
    (entry,), (head,), (member,) = (
        forge.house._query(f"SELECT uuid FROM {table}")[0]  # noqa: S608 - fixed names
        for table in ("entry", "submission_set", "association")
    )
    check(forge, forge.remove(entry, NOWHERE), [("UnresolvedReferenceException", NOWHERE)], "ITI-62")
    both = [("ReferencesExistException", head), ("ReferencesExistException", entry)]
    check(forge, forge.remove(head, entry), both, "ITI-62")
    check(forge, forge.remove(head, member), [("XDSUnreferencedObjectException", entry)], "ITI-62")
    check(forge, forge.remove(entry, member), [("XDSUnreferencedObjectException", head)], "ITI-62")


def test_a_physician_removes_nothing(forge: Any) -> None:
    body = forge.remove()
    mine = forge.simple("ITI-62", forge.envelope("ITI-62", [_payload(body)]))
    assert forge.send(mine).response == "Failure"


def _payload(raw: Any) -> bytes:
    root = etree.fromstring(raw.body)
    return etree.tostring(next(root.iter("{*}RemoveObjectsRequest")), method="c14n", exclusive=True)


# --- ITI-86 --------------------------------------------------------------------------------------


def blobs(forge: Any) -> list[str]:
    return [each.name for each in forge.house.settings.content.directory.glob("*/*") if each.is_file()]


def test_the_octets_go_and_the_metadata_stay(forge: Any, words: Any) -> None:
    found = forge.accepted(forge.remove_documents((HERE, words.STORED)))
    assert found.kinds == [("110110", "ITI-86", 0)]
    retrieved = forge.send(forge.retrieve(words.STORED))
    assert retrieved.response == "Failure"
    assert errors(retrieved) == [("XDSDocumentUniqueIdError", words.STORED)]
    assert b"<rim:ExtrinsicObject " in forge.accepted(forge.query()).body
    assert len(blobs(forge)) == 1
    services = forge.house.gateway.engine.services
    assert asyncio.run(services.repository.sweep(time.time() + 1)) == 1
    assert blobs(forge) == []


def test_a_unique_id_stands_for_the_same_octets_while_the_metadata_stay(forge: Any, words: Any) -> None:
    forge.accepted(forge.remove_documents((HERE, words.STORED)))
    other = words.document(forge.house, words.STORED, data=b"<Other/>")
    refused = forge.send(forge.provide(other))
    assert refused.codes == ["XDSNonIdenticalHash"]
    told = forge.send(forge.update(slot_of_entry("hash", "1" * 40)))
    assert told.codes == ["XDSRegistryMetadataError"], "an update does not open the way either"
    same = words.document(forge.house, words.STORED)
    forge.accepted(forge.provide(same))
    assert forge.send(forge.retrieve(words.STORED), unchanged=False, secret=False).response == "Success"


def test_without_metadata_and_octets_a_unique_id_is_free(forge: Any, words: Any) -> None:
    other = words.document(forge.house, words.STORED, data=b"<Other/>")
    forge.accepted(forge.remove())
    assert forge.send(forge.provide(other)).codes == ["XDSNonIdenticalHash"], "the octets are still kept"
    forge.accepted(forge.remove_documents((HERE, words.STORED)))
    forge.accepted(forge.provide(other))


def test_a_partial_removal_is_told_twice(forge: Any, words: Any) -> None:
    found = forge.send(
        forge.remove_documents((HERE, words.STORED), (HERE, "2.25.1"), ("2.999.9", "2.25.2")),
        unchanged=False,
    )
    assert found.response == "PartialSuccess"
    assert errors(found) == [("XDSDocumentUniqueIdError", "2.25.1"), ("XDSUnknownRepositoryId", "2.25.2")]
    assert found.kinds == [("110110", "ITI-86", 0), ("110110", "ITI-86", 8)]
    done, missed = (each.message for each in found.audit)
    assert words.STORED in done
    assert "2.25.1" not in done
    assert words.STORED not in missed
    assert "2.25.1" in missed
    assert "2.25.2" in missed


def test_a_removal_of_what_is_not_there_tells_nothing(forge: Any) -> None:
    """No record is found that the decision could open, so the answer is that of any refused write."""
    for raw in (forge.remove_documents((HERE, "2.25.1")), forge.remove(NOWHERE)):
        found = forge.send(raw)
        assert found.response == "Failure"
        assert b"the request is not permitted" in found.body


def test_a_document_of_another_repository_only(forge: Any, words: Any) -> None:
    raw = forge.remove_documents(("2.999.9", words.STORED))
    check(forge, raw, [("XDSUnknownRepositoryId", words.STORED)], "ITI-86")


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
