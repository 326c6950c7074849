"""The published schemas: found in a checkout or a wheel, loaded once, applied to payloads (XML Schema 1.0).

Every published schema is trusted; what is validated is not. A text for the caller names elements and
attributes, and never repeats a value of the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from lxml import etree

from gateway.errors import Defect, SchemaInvalid

_XS = "{http://www.w3.org/2001/XMLSchema}"
_BASE64 = "xs:base64Binary"
_XOP = "http://www.w3.org/2004/08/xop/include"

_SEEN = re.compile(r"Element '(?:\{[^}]*\})?([^']{1,80})'(?:, attribute '(?:\{[^}]*\})?([^']{1,80})')?")
_ATTRIBUTE = re.compile(r"[Tt]he attribute '(?:\{[^}]*\})?([^']{1,80})'")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*) \)")
_NAMESPACE = re.compile(r"\{[^}]*\}")
_MOST_EXPECTED = 6
_TOO_LONG = "the value is too long"
_REASONS: Mapping[str, str] = {
    "SCHEMAV_ELEMENT_CONTENT": "an element is missing, or stands where it may not",
    "SCHEMAV_CVC_ELT_1": "it is no message of this transaction",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_1": "it must be empty",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "text stands between its elements",
    "SCHEMAV_CVC_TYPE_3_1_2": "it may hold text only",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_2": "it may hold text only",
    "SCHEMAV_CVC_MAXLENGTH_VALID": _TOO_LONG,
    "SCHEMAV_CVC_ENUMERATION_VALID": "the value is not one of those allowed",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "attribute {attribute} is not allowed",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "attribute {attribute} is missing",
}


def validate(name: str, element: etree._Element) -> None:
    """SchemaInvalid, with element and line, unless `element` follows the published schema `name`.

    The tree is left as it is. Where the schema has base64 text, an xop:Include may stand (XOP 1.0 2.1).
    """
    checked = schema(name)
    if not checked.validate(element):
        raise _refusal(checked.error_log[0])  # type: ignore[index]  # the stubs lack that a log is a list


@cache
def schema(name: str) -> etree.XMLSchema:
    """The published schema `name`, such as "xdsb"; Defect when there is none."""
    tree = _read(_path(name))
    for place in list(tree.iter(f"{_XS}element", f"{_XS}extension")):
        if place.get("type", place.get("base")) == _BASE64:
            _admit_include(place)
    return etree.XMLSchema(tree)


def inlined(namespaces: Iterable[str]) -> list[etree._Element]:
    """Schemas of these namespaces and of all they import, in one piece: no import tells a location.

    Each is a tree of its own, free to be moved. Defect for a namespace of which nothing is published.
    """
    roots = [_read(path).getroot() for path in _paths().values()]
    published = {root.get("targetNamespace"): root for root in roots}
    found: dict[str, etree._Element] = {}
    wanted = list(namespaces)
    while wanted:
        namespace = wanted.pop(0)
        if namespace in found:
            continue
        if namespace not in published:
            raise Defect(f"no schema is published for {namespace}")
        found[namespace] = published[namespace]
        wanted.extend(_imported(found[namespace]))
    return list(found.values())


def _imported(root: etree._Element) -> Iterator[str]:
    for each in root.iterchildren(f"{_XS}import"):
        each.attrib.pop("schemaLocation", "")
        yield each.get("namespace", "")


def _admit_include(place: etree._Element) -> None:
    """Lets an xop:Include stand for base64 text; the text itself is checked where it is decoded."""
    attributes = list(place)
    if place.tag == f"{_XS}element":
        del place.attrib["type"]
        holder = etree.SubElement(place, f"{_XS}complexType")
    else:
        holder = next(place.iterancestors(f"{_XS}complexType"))
        del holder[:]
    holder.set("mixed", "true")
    sequence = etree.SubElement(holder, f"{_XS}sequence")
    etree.SubElement(sequence, f"{_XS}any", namespace=_XOP, processContents="skip", minOccurs="0")
    holder.extend(attributes)


def _read(path: Path) -> etree._ElementTree:
    parser = etree.XMLParser(
        no_network=True, resolve_entities=False, load_dtd=False, remove_comments=True, remove_blank_text=True
    )
    return etree.parse(path, parser)


def _path(name: str) -> Path:
    if name not in _paths():
        raise Defect(f"no schema is published under the name {name}")
    return _paths()[name]


@cache
def _paths() -> Mapping[str, Path]:
    """Every published schema by the name of its file."""
    package = Path(__file__).parent
    checkout = package.parent / "schemas"
    folder = checkout if checkout.is_dir() else package / "_schemas"
    return {path.stem: path for path in sorted(folder.rglob("*.xsd"))}


def _refusal(entry: etree._LogEntry) -> SchemaInvalid:
    seen = _SEEN.match(entry.message)
    name, attribute = (seen[1], seen[2]) if seen else ("the payload", None)
    return SchemaInvalid(
        f"{name} in line {entry.line} does not follow the schema: {_reason(entry)}"
        + (f" (attribute {attribute})" if attribute else ""),
        location=name,
    )


def _reason(entry: etree._LogEntry) -> str:
    told = _ATTRIBUTE.search(entry.message)
    reason = _REASONS.get(entry.type_name, "a value has not the form it must have")
    reason = reason.format(attribute=told[1] if told else "")
    # only here does the message hold names of the schema alone
    expected = _EXPECTED.search(entry.message) if entry.type_name == "SCHEMAV_ELEMENT_CONTENT" else None
    return f"{reason}; expected {_names(expected[1])}" if expected else reason


def _names(listed: str) -> str:
    names = _NAMESPACE.sub("", listed).split(", ")
    return " or ".join(names[:_MOST_EXPECTED]) + (" …" if len(names) > _MOST_EXPECTED else "")
