"""A batch: entries are requests of their own, and a bad one spoils no other (FHIR R4 http 3.1.0.11).

A transaction of several entries is one request, and is checked like any other resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree

from gateway.bindings import fhirtypes, fhirxml
from gateway.crypto.safexml import XmlLimits, parse
from gateway.errors import SchemaInvalid

BASE = "/"
"""The path of batches and transactions, below the base."""

Broken = dict[int, SchemaInvalid]
"""What is wrong with the resources of entries, by place from 0; places are told from the resource on."""

_ENTRY, _RESOURCE = f"{{{fhirxml.FHIR}}}entry", f"{{{fhirxml.FHIR}}}resource"
_TYPE = f"{{{fhirxml.FHIR}}}type"


def check(resource: Any) -> Broken:
    """Checks what came in JSON; SchemaInvalid for the frame of a batch, and for all else as a whole."""
    entries = resource.get("entry") if isinstance(resource, dict) else None
    if not isinstance(entries, list) or resource.get("type") != "batch":
        fhirtypes.check(resource)
        return {}
    fhirtypes.check({**resource, "entry": [_frame(each) for each in entries]})
    held = {at: each["resource"] for at, each in enumerate(entries) if "resource" in each}
    return {at: problem for at, each in held.items() if (problem := _problem(each)) is not None}


def read_xml(data: bytes, *, size: int, depth: int) -> tuple[dict[str, Any], Broken]:
    """What came in XML as JSON, checked; the resource of an entry that cannot be read is left out of it."""
    root = parse(data, XmlLimits(size=size, depth=depth))
    kind = root.find(_TYPE)
    if kind is None or kind.get("value") != "batch":
        resource = fhirxml.document(root)
        return resource, check(resource)
    broken: Broken = {}
    held: dict[int, dict[str, Any]] = {}
    for at, entry in enumerate(root.iterchildren(_ENTRY)):
        inside = entry.findall(_RESOURCE)
        if len(inside) == 1:
            entry.remove(inside[0])
            _take(inside[0], at, held, broken)
    resource = fhirxml.document(root)
    for at, each in held.items():
        resource["entry"][at]["resource"] = each
    return resource, broken | check(resource)


def _take(at: etree._Element, place: int, held: dict[int, dict[str, Any]], broken: Broken) -> None:
    try:
        held[place] = fhirxml.inner(at, "resource")
    except SchemaInvalid as error:
        broken[place] = error


def _frame(entry: Any) -> Any:
    """An entry without its resource."""
    if not isinstance(entry, Mapping):
        return entry
    return {name: value for name, value in entry.items() if name != "resource"}


def _problem(resource: Any) -> SchemaInvalid | None:
    try:
        fhirtypes.check(resource)
    except SchemaInvalid as error:
        return error
    return None
