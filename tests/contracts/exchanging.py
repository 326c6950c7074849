"""Media that are changed, taken and given, and what stands in the record afterwards (ITI-32)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from lxml import etree

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


def of_patient(value: str, *, local: str | None = None) -> Change:
    def change(root: etree._Element) -> None:
        for scheme in (ENTRY_PATIENT, SET_PATIENT):
            identifier(root, scheme).set("value", value)
        if local is not None:
            (slot,) = (each for each in root.iter("{*}Slot") if each.get("name") == "sourcePatientId")
            slot[0][0].text = local

    return change


def check_told_apart(found: Any, told: list[tuple[str, str]]) -> None:
    """An audit message for each patient, which names nothing of the others."""
    assert len(found.audit) == len(told)
    for row, (patient, set_id) in zip(found.audit, told, strict=True):
        root = etree.fromstring(row.message)
        objects = [each.get("ParticipantObjectID") for each in root.iter("ParticipantObjectIdentification")]
        assert [each.split("^")[0] for each in objects[:2]] == [patient, set_id]
        others = {word for pair in told for word in pair} - {patient, set_id}
        assert not any(word in row.message for word in others)
