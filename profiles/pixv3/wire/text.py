"""Elements of HL7 V3 in exclusive canonical form, written straight; the default namespace is HL7's."""

from __future__ import annotations

from lxml import etree

from gateway.record.people import PatientId
from profiles.pixv3.codes import HL7
from profiles.xds.wire.text import attribute, text

XSI = "http://www.w3.org/2001/XMLSchema-instance"
_TYPE, _NIL = f"{{{XSI}}}type", f"{{{XSI}}}nil"


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
    qualified = etree.QName(element)
    namespace = qualified.namespace or ""
    name = qualified.localname
    declared = f' xmlns="{attribute(namespace)}"' if namespace != inside else ""
    typed = [(each, element.get(each)) for each in (_NIL, _TYPE) if element.get(each) is not None]
    schema = f' xmlns:xsi="{XSI}"' if typed else ""
    plain = sorted((str(key), value) for key, value in element.attrib.items() if not str(key).startswith("{"))
    written = "".join(f' {key}="{attribute(str(value))}"' for key, value in plain)
    written += "".join(
        f' xsi:{key.partition("}")[2]}="{attribute((value or "").rpartition(":")[2].strip())}"'
        for key, value in typed
    )
    content = [text(element.text or "")]
    for child in element:
        if isinstance(child.tag, str):
            content.append(echo(child, namespace))
        content.append(text(child.tail or ""))
    return f"<{name}{declared}{schema}{written}>{''.join(content)}</{name}>"
