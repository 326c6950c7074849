"""The elements of FHIR R4 resources as a table, and whether a resource follows it (FHIR R4 json, datatypes).

What profiles demand beyond that is theirs to check. Texts name elements of the table, and repeat nothing that
was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any

from gateway import schemas
from gateway.errors import SchemaInvalid

Json = Mapping[str, Any]

RESOURCE, XHTML = "Resource", "xhtml"
_TYPE = "resourceType"


@dataclass(frozen=True, slots=True)
class Element:
    """One line of the table: `choice` is the name that elements share of which one may stand."""

    name: str
    type: str
    required: bool
    many: bool
    choice: str

    @property
    def primitive(self) -> bool:
        """Whether its value is a single text, number or truth value."""
        return self.type[0].islower()


@dataclass(frozen=True, slots=True)
class Shape:
    """A type: its elements in the order of XML."""

    name: str
    elements: Mapping[str, Element]

    @property
    def is_resource(self) -> bool:
        """Whether it stands for itself, with a name of its own."""
        return "implicitRules" in self.elements


_COMPANION = Shape(
    "Element",
    {
        "id": Element("id", "string", required=False, many=False, choice=""),
        "extension": Element("extension", "Extension", required=False, many=True, choice=""),
    },
)
"""What may stand beside a primitive value, as `_name`."""


@cache
def shapes() -> Mapping[str, Shape]:
    """Every type by its name; those that exist only inside another by their path, `Patient.contact`."""
    found: dict[str, dict[str, Element]] = {}
    for line in schemas.text("r4-elements").splitlines():
        path, kind, cardinality, *choice = line.split(" ")
        owner, _, name = path.rpartition(".")
        found.setdefault(owner, {})[name] = Element(
            name,
            kind,
            required=cardinality.startswith("1"),
            many=cardinality.endswith("*"),
            choice=choice[0] if choice else "",
        )
    return {owner: Shape(owner, elements) for owner, elements in found.items()}


def resource_shape(name: object, place: str) -> Shape:
    """The shape of a resource by its type; SchemaInvalid for what is none, or none that is known here."""
    shape = shapes().get(name) if isinstance(name, str) else None
    if shape is None or not shape.is_resource:
        raise SchemaInvalid("expected a resource of a type that is known here", location=place or None)
    return shape


def check(resource: Any) -> None:
    """SchemaInvalid, with the FHIRPath, unless names, types and cardinalities are those of FHIR R4."""
    if not isinstance(resource, dict):
        raise SchemaInvalid("expected a resource: one JSON object")
    shape = resource_shape(resource.get(_TYPE), "")
    _check_object(resource, shape, shape.name)


def _check_resource(value: Any, place: str) -> None:
    if not isinstance(value, dict):
        raise SchemaInvalid("expected a resource", location=place)
    _check_object(value, resource_shape(value.get(_TYPE), place), place)


def _check_object(value: Any, shape: Shape, place: str) -> None:
    if not isinstance(value, dict) or not value:
        raise SchemaInvalid(f"expected {shape.name}, an object that is not empty", location=place)
    for name, content in value.items():
        if name == _TYPE and shape.is_resource:
            continue
        element = shape.elements.get(name.removeprefix("_"))
        if element is None or (name.startswith("_") and not _has_companion(element, shape)):
            raise SchemaInvalid(f"an element that {shape.name} does not have in FHIR R4", location=place)
        _check_element(content, element, f"{place}.{element.name}", companion=name.startswith("_"))
        if element.many and element.primitive:
            _check_places(value, element, f"{place}.{element.name}")
    _check_presence(value, shape, place)


def is_attribute(element: Element, shape: Shape) -> bool:
    """The id of what is no resource, and the url of an extension: attributes in XML (FHIR R4 xml 2.6.1)."""
    return not shape.is_resource and (
        element.name == "id" or (shape.name == "Extension" and element.name == "url")
    )


def _has_companion(element: Element, shape: Shape) -> bool:
    """Whether a value may have an id and extensions: ids, what XML has as attribute and XHTML have none."""
    return (
        element.primitive
        and element.name != "id"
        and element.type != XHTML
        and not is_attribute(element, shape)
    )


def _check_places(holder: Json, element: Element, place: str) -> None:
    """Values and companions stand beside each other, and none is without both (FHIR R4 json 2.6.2.3)."""
    values, companions = holder.get(element.name), holder.get(f"_{element.name}")
    listed = [each for each in (values, companions) if isinstance(each, list)]
    if len({len(each) for each in listed}) > 1:
        raise SchemaInvalid("values and their companions are not of one number", location=place)
    if any(all(each is None for each in pair) for pair in zip(*listed, strict=True)):
        raise SchemaInvalid("null where neither a value nor its companion stands", location=place)


def _check_presence(value: Json, shape: Shape, place: str) -> None:
    """Required elements are there, and one of each choice at most."""
    for name, required in _groups(shape).items():
        given = [each for each in name.split(" ") if each in value or f"_{each}" in value]
        if required and not given:
            raise SchemaInvalid("a required element is missing", location=f"{place}.{name.split(' ')[0]}")
        if len(given) > 1:
            raise SchemaInvalid("only one form of this element may stand", location=f"{place}.{given[0]}")


@cache
def _groups_of(name: str) -> Mapping[str, bool]:
    shape = shapes()[name]
    grouped: dict[str, list[Element]] = {}
    for each in shape.elements.values():
        if each.choice or each.required:
            grouped.setdefault(each.choice or each.name, []).append(each)
    return {" ".join(each.name for each in held): held[0].required for held in grouped.values()}


def _groups(shape: Shape) -> Mapping[str, bool]:
    """Names that are demanded or exclude each other, separated by spaces, and whether one is demanded."""
    return {} if shape is _COMPANION else _groups_of(shape.name)


def _check_element(content: Any, element: Element, place: str, *, companion: bool) -> None:
    if not element.many:
        _check_value(content, element, place, companion=companion)
        return
    if not isinstance(content, list) or not content:
        raise SchemaInvalid("expected an array that is not empty", location=place)
    for at, each in enumerate(content):
        # A place without value or without companion (FHIR R4 json 2.6.2.3).
        if each is None and element.primitive:
            continue
        _check_value(each, element, f"{place}[{at}]", companion=companion)


def _check_value(value: Any, element: Element, place: str, *, companion: bool) -> None:
    if companion:
        _check_object(value, _COMPANION, place)
    elif element.primitive:
        if not fits(value, element.type):
            raise SchemaInvalid(f"expected a value of type {element.type}", location=place)
    elif element.type == RESOURCE:
        _check_resource(value, place)
    else:
        _check_object(value, shapes()[element.type], place)


# --- primitive values ----------------------------------------------------------------------------

_LEGAL = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]+")
_DAY = r"(?P<year>\d{4})(?:-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12]\d|3[01]))?)?"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?"
_ZONE = r"(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)"
_FORMS = MappingProxyType(
    {
        "id": re.compile(r"[A-Za-z0-9.-]{1,64}"),
        "code": re.compile(r"\S+(?: \S+)*"),
        "uri": re.compile(r"\S+"),
        "url": re.compile(r"\S+"),
        "canonical": re.compile(r"\S+"),
        "oid": re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+", re.ASCII),
        "uuid": re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        "date": re.compile(_DAY, re.ASCII),
        "dateTime": re.compile(rf"{_DAY}(?:(?<=-\d\d-\d\d)T{_CLOCK}{_ZONE})?", re.ASCII),
        "instant": re.compile(rf"{_DAY}(?<=-\d\d-\d\d)T{_CLOCK}{_ZONE}", re.ASCII),
        "time": re.compile(_CLOCK, re.ASCII),
        "base64Binary": re.compile(
            r"\s*(?:(?:[A-Za-z0-9+/]\s*){4})*(?:(?:[A-Za-z0-9+/]\s*){2}={2}\s*|(?:[A-Za-z0-9+/]\s*){3}=\s*)?"
        ),
    }
)
_LEAST = MappingProxyType({"integer": -(2**31), "unsignedInt": 0, "positiveInt": 1})
_MOST = 2**31 - 1
_DATED = frozenset({"date", "dateTime", "instant"})


def fits(value: Any, kind: str) -> bool:
    """Whether a JSON value is one of a primitive type."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in _LEAST:
        return isinstance(value, int) and not isinstance(value, bool) and _LEAST[kind] <= value <= _MOST
    if kind == "decimal":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, str) or not _LEGAL.fullmatch(value) or not value.strip():
        return False
    form = _FORMS.get(kind)
    match = form.fullmatch(value) if form is not None else None
    return form is None or (match is not None and (kind not in _DATED or _exists(match)))


def _exists(match: re.Match[str]) -> bool:
    try:
        date(int(match["year"]), int(match["month"] or 1), int(match["day"] or 1))
    except ValueError:
        return False
    return True


def primitives(kind: str, text: str) -> bool | int | float | str | None:
    """The JSON value of what XML writes as text; None when it is none of the type."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text)
    if kind in _LEAST:
        return int(text) if _INTEGER.fullmatch(text) else None
    if kind == "decimal":
        return float(text) if _DECIMAL.fullmatch(text) else None
    return text


_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,10})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?(?:[eE][+-]?\d{1,2})?", re.ASCII)


def children(shape: Shape) -> Iterator[Element]:
    """The elements of a type as XML orders them."""
    yield from shape.elements.values()
