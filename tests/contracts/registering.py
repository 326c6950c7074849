"""Submissions and queries changed in one place, and what was found and registered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from lxml import etree

DATA = b"<ClinicalDocument/>"
SHA1 = hashlib.sha1(DATA, usedforsecurity=False).hexdigest()
NASTY = "x' OR '1'='1'; DROP TABLE entry; --"
APPROVED = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
UNIQUE, PATIENT = (
    "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab",
    "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427",
)
SET_PATIENT = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
SET_UNIQUE = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"
Change = Callable[[etree._Element], None]


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def listed(*values: str) -> str:
    return "(" + ",".join(quoted(value) for value in values) + ")"


def cx(forge: Any, patient: str) -> str:
    return str(forge.acting.full_id(patient))


def base(forge: Any, words: Any, patient: str | None = None) -> list[tuple[str, str]]:
    asked = cx(forge, words.PATIENT) if patient is None else patient
    return [("$XDSDocumentEntryPatientId", quoted(asked)), ("$XDSDocumentEntryStatus", APPROVED)]


def found_by(forge: Any, words: Any, *more: tuple[str, str], unchanged: bool = False, **how: Any) -> Any:
    body = forge.asked(words.FIND, *base(forge, words), *more)
    return forge.send(forge.query(body=body, **how), unchanged=unchanged, secret=False)


def objects(found: Any) -> int:
    return len(re.findall(rb"<rim:ExtrinsicObject |<ExtrinsicObject ", found.body))


def tables(forge: Any) -> list[tuple[object, ...]]:
    return list(forge.house._query("SELECT type, name, sql FROM sqlite_master ORDER BY name"))


def external(words: Any, scheme: str, value: str, number: int = 0) -> Change:
    """Another value for an external identifier."""

    def change(root: etree._Element) -> None:
        items = [
            each
            for each in root.iter(f"{{{words.RIM}}}ExternalIdentifier")
            if each.get("identificationScheme") == scheme
        ]
        items[number].set("value", value)

    return change


def slot(words: Any, name: str, *values: str) -> Change:
    """One more slot for the first entry."""

    def change(root: etree._Element) -> None:
        entry = next(root.iter(f"{{{words.RIM}}}ExtrinsicObject"))
        found = etree.Element(f"{{{words.RIM}}}Slot", name=name)
        held = etree.SubElement(found, f"{{{words.RIM}}}ValueList")
        for value in values:
            etree.SubElement(held, f"{{{words.RIM}}}Value").text = value
        entry.insert(0, found)

    return change


def every(*changes: Change) -> Change:
    def change(root: etree._Element) -> None:
        for each in changes:
            each(root)

    return change
