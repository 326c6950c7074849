"""The published schemas: found in a checkout or a wheel, loaded once, applied to payloads (XML Schema 1.0).

Every published schema is trusted; what is validated is not. A text for the caller names elements and
attributes, and never repeats a value of the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from lxml import etree

from gateway.errors import Defect, SchemaInvalid

_XS = "{http://www.w3.org/2001/XMLSchema}"
_BASE64 = "xs:base64Binary"
_XML = "http://www.w3.org/XML/1998/namespace"
_XOP = "http://www.w3.org/2004/08/xop/include"

_SEEN = re.compile(r"Element '(?:\{[^}]*\})?([^']{1,80})'(?:, attribute '(?:\{[^}]*\})?([^']{1,80})')?")
_MISSING_ATTRIBUTE = re.compile(r"The attribute '(?:\{[^}]*\})?([^']{1,80})' is required")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*) \)")
_NAMESPACE = re.compile(r"\{[^}]*\}")
_MOST_EXPECTED = 6
_CONTENT = "SCHEMAV_ELEMENT_CONTENT"
_TEXT_ONLY = "it may hold text only"
_NOT_ALLOWED = "it is not allowed here"
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        _CONTENT: _NOT_ALLOWED,
        "SCHEMAV_CVC_ELT_1": "it is no message of this schema",
        "SCHEMAV_CVC_TYPE_3_1_1": _NOT_ALLOWED,
        "SCHEMAV_CVC_TYPE_3_1_2": _TEXT_ONLY,
        "SCHEMAV_CVC_COMPLEX_TYPE_2_1": "it must be empty",
        "SCHEMAV_CVC_COMPLEX_TYPE_2_2": _TEXT_ONLY,
        "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "text stands between its elements",
        "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": _NOT_ALLOWED,
        "SCHEMAV_CVC_MAXLENGTH_VALID": "the value is too long",
        "SCHEMAV_CVC_ENUMERATION_VALID": "the value is not one of those allowed",
    }
)


def validate(name: str, element: etree._Element) -> None:
    """SchemaInvalid, with element and line, unless `element` follows the published schema `name`.

    The tree is left as it is. Where a schema with a namespace (its messages may come by MTOM) has base64,
    an xop:Include may stand (XOP 1.0 2.1).
    """
    checked = schema(name)
    if not checked.validate(element):
        raise _refusal(checked.error_log[0])  # type: ignore[index]  # the stubs lack that a log is a list


@cache
def schema(name: str) -> etree.XMLSchema:
    """The published schema `name`, such as "xdsb"; Defect when there is none."""
    tree = _read(_path(name))
    if tree.getroot().get("targetNamespace") is None:
        return etree.XMLSchema(tree)
    for place in list(tree.iter(f"{_XS}element", f"{_XS}extension")):
        if place.get("type", place.get("base")) == _BASE64:
            _admit_include(place)
    return etree.XMLSchema(tree)


def inlined(namespaces: Iterable[str]) -> list[etree._Element]:
    """Schemas of these namespaces and of all they import, what is imported first; no import tells a location.

    Each is a tree of its own, free to be moved. Attributes of the XML namespace are admitted as any attribute
    of it, because clients would fetch its schema from the W3C. Defect for a namespace that is not published.
    """
    roots = [_read(path).getroot() for path in _paths().values()]
    published = {root.get("targetNamespace", ""): root for root in roots}
    found: dict[str, etree._Element] = {}
    for namespace in namespaces:
        _collect(namespace, published, found)
    return list(found.values())


def _collect(
    namespace: str, published: Mapping[str, etree._Element], found: dict[str, etree._Element]
) -> None:
    if namespace in found:
        return
    if namespace not in published:
        raise Defect(f"no schema is published for {namespace}")
    root = published[namespace]
    for each in list(root.iterchildren(f"{_XS}import")):
        each.attrib.pop("schemaLocation", "")
        if each.get("namespace") == _XML:
            root.remove(each)
        else:
            _collect(each.get("namespace", ""), published, found)
    _admit_xml_attributes(root)
    found[namespace] = root


def _admit_xml_attributes(root: etree._Element) -> None:
    for attribute in list(root.iter(f"{_XS}attribute")):
        holder = attribute.getparent()
        if holder is not None and attribute.get("ref", "").startswith("xml:"):
            holder.remove(attribute)
            etree.SubElement(holder, f"{_XS}anyAttribute", namespace=_XML, processContents="lax")


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


def text(name: str) -> str:
    """A published table that is no XML, such as "r4-elements"; Defect when there is none."""
    path = next(iter(_folder().rglob(f"{name}.txt")), None)
    if path is None:
        raise Defect(f"no table is published under the name {name}")
    return path.read_text("utf-8")


@cache
def _paths() -> Mapping[str, Path]:
    """Every published schema by the name of its file."""
    return {path.stem: path for path in sorted(_folder().rglob("*.xsd"))}


def _folder() -> Path:
    package = Path(__file__).parent
    checkout = package.parent / "schemas"
    return checkout if checkout.is_dir() else package / "_schemas"


def _refusal(entry: etree._LogEntry) -> SchemaInvalid:
    seen = _SEEN.match(entry.message)
    name, attribute = (seen[1], seen[2]) if seen else ("payload", None)
    place = f"attribute {attribute} of {name}" if attribute else name
    return SchemaInvalid(
        f"{place} in line {entry.line} does not follow the schema: {_reason(entry)}", location=name
    )


def _reason(entry: etree._LogEntry) -> str:
    lacks = entry.type_name == "SCHEMAV_CVC_COMPLEX_TYPE_4"
    missing = _MISSING_ATTRIBUTE.search(entry.message) if lacks else None
    if missing:
        return f"attribute {missing[1]} is missing"
    reason = _REASONS.get(entry.type_name, "the value has not the form it must have")
    # in no other kind of message are the expected names those of the schema alone
    expected = _EXPECTED.search(entry.message) if entry.type_name == _CONTENT else None
    if expected is None:
        return reason
    incomplete = ": Missing child element" in entry.message
    return f"{'it is incomplete' if incomplete else reason}; expected {_names(expected[1])}"


def _names(listed: str) -> str:
    names = _NAMESPACE.sub("", listed).split(", ")
    return " or ".join(names[:_MOST_EXPECTED]) + (" …" if len(names) > _MOST_EXPECTED else "")
