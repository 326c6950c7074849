"""FHIR resources between JSON and XML, for every type of the element table (FHIR R4 xml, json)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from gateway.bindings.fhirtypes import (
    RESOURCE,
    XHTML,
    Element,
    Shape,
    children,
    is_attribute,
    primitives,
    resource_shape,
    shapes,
)
from gateway.crypto.safexml import XmlLimits, parse
from gateway.errors import Defect, SchemaInvalid

FHIR = "http://hl7.org/fhir"
_XHTML = "http://www.w3.org/1999/xhtml"
_SCHEMA_LOCATION = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_KNOWN = "\ufffd"

Json = Mapping[str, Any]


# --- JSON → XML ----------------------------------------------------------------------------------


def write(resource: Json) -> bytes:
    """A resource as an XML document. Defect for what the element table does not have: it was ours."""
    shape = shapes().get(resource.get("resourceType", ""))
    if shape is None:
        raise Defect("a resource of a type that the element table does not have")
    root: etree._Element = etree.Element(f"{{{FHIR}}}{shape.name}", nsmap={None: FHIR})  # type: ignore[dict-item]
    _fill(root, shape, resource)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _fill(at: etree._Element, shape: Shape, content: Json) -> None:
    names = {name.removeprefix("_") for name in content if name != "resourceType"}
    if not names <= shape.elements.keys():
        raise Defect(f"an element that {shape.name} does not have")
    for element in children(shape):
        if element.name not in names:
            continue
        if is_attribute(element, shape):
            at.set(element.name, _legal(content[element.name]))
        else:
            for value, companion in _pairs(content, element):
                _append(at, element, value, companion)


def _pairs(content: Json, element: Element) -> Iterator[tuple[Any, Any]]:
    """Values with what stands beside them; either may be None."""
    value, companion = content.get(element.name), content.get(f"_{element.name}")
    if not element.many:
        yield value, companion
        return
    values, companions = value or [], companion or []
    for at in range(max(len(values), len(companions))):
        yield values[at] if at < len(values) else None, companions[at] if at < len(companions) else None


def _append(at: etree._Element, element: Element, value: Any, companion: Any) -> None:
    if element.type == XHTML:
        at.append(parse(str(value).encode()))
        return
    child = etree.SubElement(at, f"{{{FHIR}}}{element.name}")
    if element.type == RESOURCE:
        inner = resource_shape(value.get("resourceType"), element.name)
        _fill(etree.SubElement(child, f"{{{FHIR}}}{inner.name}"), inner, value)
    elif not element.primitive:
        _fill(child, shapes()[element.type], value)
    else:
        _fill_primitive(child, value, companion)


def _fill_primitive(child: etree._Element, value: Any, companion: Any) -> None:
    if companion and "id" in companion:
        child.set("id", _legal(companion["id"]))
    if value is not None:
        child.set("value", _written(value))
    for each in (companion or {}).get("extension", ()):
        _fill(etree.SubElement(child, f"{{{FHIR}}}extension"), shapes()["Extension"], each)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _legal(str(value))


def _legal(value: str) -> str:
    """What XML cannot hold is shown as a character that is not known."""
    return _ILLEGAL.sub(_NOT_KNOWN, value)


# --- XML → JSON ----------------------------------------------------------------------------------


def read(data: bytes, *, size: int, depth: int, charset: str | None = None) -> dict[str, Any]:
    """The resource of an XML document as its JSON form; Malformed, SchemaInvalid, TooLarge or TooComplex.

    `size` in bytes, `depth` in nested elements. Types and cardinalities are left to `fhirtypes.check`.
    """
    return document(parse(data, XmlLimits(size=size, depth=depth), charset))


def document(root: etree._Element) -> dict[str, Any]:
    """The resource that a document holds; SchemaInvalid as `read`."""
    name = _name(root, "")
    return _resource(root, resource_shape(name, ""), name, frozenset({_SCHEMA_LOCATION}))


def _resource(
    at: etree._Element, shape: Shape, place: str, more: frozenset[str] = frozenset()
) -> dict[str, Any]:
    return {"resourceType": shape.name, **_object(at, shape, place, more)}


def _object(
    at: etree._Element, shape: Shape, place: str, more: frozenset[str] = frozenset()
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in at.attrib.items():
        if name in more:
            continue
        element = shape.elements.get(str(name))
        if element is None or not is_attribute(element, shape):
            raise SchemaInvalid(f"an attribute that {shape.name} does not have", location=place)
        found[element.name] = value
    _check_bare(at, place)
    for child in at.iterchildren(etree.Element):
        element = shape.elements.get(_name(child, place))
        if element is None or is_attribute(element, shape):
            raise SchemaInvalid(f"an element that {shape.name} does not have in FHIR R4", location=place)
        _take(found, child, element, f"{place}.{element.name}")
    return found


def _name(at: etree._Element, place: str) -> str:
    namespace, _, name = str(at.tag).removeprefix("{").rpartition("}")
    if namespace != FHIR and (namespace, name) != (_XHTML, "div"):
        raise SchemaInvalid(f"expected elements of the namespace {FHIR}", location=place or None)
    return name


def _check_bare(at: etree._Element, place: str) -> None:
    """No text stands between elements (FHIR R4 xml 2.6.1)."""
    texts = [at.text, *(child.tail for child in at)]
    if any(text and not text.isspace() for text in texts):
        raise SchemaInvalid("text where only elements may stand", location=place)


def _take(found: dict[str, Any], child: etree._Element, element: Element, place: str) -> None:
    value, companion = _value(child, element, place)
    if not element.many:
        if element.name in found or f"_{element.name}" in found:
            raise SchemaInvalid("an element stands twice, expected once", location=place)
        found |= {element.name: value} if value is not None else {}
        found |= {f"_{element.name}": companion} if companion else {}
        return
    values = found.setdefault(element.name, [])
    values.append(value)
    if not element.primitive:
        return
    companions = found.get(f"_{element.name}", [None] * (len(values) - 1))
    if companion or f"_{element.name}" in found:
        found[f"_{element.name}"] = [*companions, companion or None]


def _value(child: etree._Element, element: Element, place: str) -> tuple[Any, dict[str, Any]]:
    if element.type == XHTML:
        return etree.tostring(child, encoding="unicode", with_tail=False), {}
    if str(child.tag).startswith(f"{{{_XHTML}}}"):
        raise SchemaInvalid(f"expected elements of the namespace {FHIR}", location=place)
    if element.type == RESOURCE:
        return inner(child, place), {}
    if element.primitive:
        return _primitive(child, element, place)
    return _object(child, shapes()[element.type], place), {}


def inner(child: etree._Element, place: str) -> dict[str, Any]:
    """The resource inside an element; SchemaInvalid where it holds anything else."""
    inside = list(child.iterchildren(etree.Element))
    _check_bare(child, place)
    if len(inside) != 1 or child.attrib:
        raise SchemaInvalid("expected one resource", location=place)
    return _resource(inside[0], resource_shape(_name(inside[0], place), place), place)


def _primitive(child: etree._Element, element: Element, place: str) -> tuple[Any, dict[str, Any]]:
    _check_bare(child, place)
    companion: dict[str, Any] = {"id": child.get("id")} if "id" in child.attrib else {}
    if set(child.attrib) - {"id", "value"}:
        raise SchemaInvalid("an attribute that a primitive value does not have", location=place)
    for each in child.iterchildren(etree.Element):
        if _name(each, place) != "extension":
            raise SchemaInvalid("a primitive value holds extensions only", location=place)
        held = _object(each, shapes()["Extension"], f"{place}.extension")
        companion.setdefault("extension", []).append(held)
    text = child.get("value")
    value = None if text is None else primitives(element.type, text)
    if value is None and (text is not None or not companion):
        raise SchemaInvalid(f"expected a value of type {element.type}", location=place)
    return value, companion
