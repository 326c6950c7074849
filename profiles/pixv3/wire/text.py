"""Elements of HL7 V3 in exclusive canonical form, written straight; the default namespace is HL7's."""

from __future__ import annotations

from lxml import etree

from gateway.record.people import PatientId
from profiles.pixv3.codes import HL7
from profiles.xds.wire.text import attribute, text

XSI = "http://www.w3.org/2001/XMLSchema-instance"
_TYPED = frozenset({f"{{{XSI}}}nil", f"{{{XSI}}}type"})


def ii(name: str, root: str, extension: str | None = None, authority: str = "") -> str:
    """An instance identifier (ITI TF-2 E.2)."""
    named = f' assigningAuthorityName="{attribute(authority)}"' if authority else ""
    told = f' extension="{attribute(extension)}"' if extension is not None else ""
    return f'<{name}{named}{told} root="{attribute(root)}"></{name}>'


def patient_ii(name: str, patient: PatientId, authority: str = "") -> str:
    """A patient identifier."""
    return ii(name, patient.root, patient.extension, authority)


def coded(name: str, code: str, system: str = "") -> str:
    """A coded element."""
    scheme = f' codeSystem="{attribute(system)}"' if system else ""
    return f'<{name} code="{attribute(code)}"{scheme}></{name}>'


def valued(name: str, value: str) -> str:
    """An element whose value is an attribute: TS, INT, BL, TEL."""
    return f'<{name} value="{attribute(value)}"></{name}>'


def null(name: str, flavor: str) -> str:
    """An element without a value, and why."""
    return f'<{name} nullFlavor="{flavor}"></{name}>'


def texted(name: str, value: str) -> str:
    """An element with text; nothing where there is none."""
    return f"<{name}>{text(value)}</{name}>" if value else ""


def echo(element: etree._Element, inside: str = HL7) -> str:
    """A copy of an element for an answer: canonical, without prefixes, comments or foreign attributes.

    `inside` is the default namespace where it will stand. Types of XML Schema are named without prefix.
    """
    written: list[str] = []
    _copy(element, inside, written)
    return "".join(written)


def _copy(element: etree._Element, inside: str, written: list[str]) -> None:
    namespace, _, name = element.tag[1:].rpartition("}")
    declared = "" if namespace == inside else f' xmlns="{attribute(namespace)}"'
    written.append(f"<{name}{declared}{_attributes(element)}>{_escaped(element.text)}")
    for child in element:
        if isinstance(child.tag, str):
            _copy(child, namespace, written)
        written.append(_escaped(child.tail))
    written.append(f"</{name}>")


def _escaped(value: str | None) -> str:
    return text(value) if value else ""


def _attributes(element: etree._Element) -> str:
    """Those without a namespace by name, then nil and type of XML Schema."""
    if not element.attrib:
        return ""
    items = sorted((str(key), str(value)) for key, value in element.attrib.items())
    plain = "".join([f' {key}="{attribute(value)}"' for key, value in items if key[0] != "{"])
    typed = "".join(
        [
            f' xsi:{key.rpartition("}")[2]}="{attribute(value.rpartition(":")[2].strip())}"'
            for key, value in items
            if key in _TYPED
        ]
    )
    return f' xmlns:xsi="{XSI}"{plain}{typed}' if typed else plain
