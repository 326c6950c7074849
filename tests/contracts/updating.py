"""Updates that are changed in one place, and what comes of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

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
