"""Removal through the whole pipeline: ITI-62 of metadata, ITI-86 of documents."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from lxml import etree

from tests.contracts.updating import HERE, NOWHERE, check, errors, slot_of_entry

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
