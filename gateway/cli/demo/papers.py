"""The documents of the demonstration: CDA R2, with the XDS metadata that stand in them (ITI TF-3 4.2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from gateway.client.xds import Document
from gateway.crypto.safexml import parse
from gateway.errors import Malformed
from gateway.record.people import Code

_CDA = {"h": "urn:hl7-org:v3"}
_FORMAT = Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "MIME type")
_SUMMARY = Code("34133-9", "2.16.840.1.113883.6.1", "Summary of episode")


@dataclass(frozen=True, slots=True)
class Papers:
    """The four documents of one patient (id in `patient`, without its root)."""

    patient: str
    discharge: Document
    psychiatric: Document
    laboratory: Document
    prescription: Document


def read_papers(folder: Path) -> Papers:
    """The documents of a folder. The psychiatric letter is filed as a summary, a class that nurses read."""
    discharge = read_document(folder / "discharge-letter.xml")
    return Papers(
        patient=discharge.patient.partition("^")[0],
        discharge=discharge,
        psychiatric=read_document(folder / "psychiatric-letter.xml", _SUMMARY),
        laboratory=read_document(folder / "laboratory-report.xml"),
        prescription=read_document(folder / "prescription.xml"),
    )


def read_document(path: Path, class_code: Code | None = None) -> Document:
    """A CDA document with its metadata; without a class code the document's own type code is one."""
    data = path.read_bytes()
    root = parse(data)
    type_code = _code(root, "h:code")
    return Document(
        data=data,
        unique_id=_attribute(root, "h:id", "root"),
        mime_type="text/xml",
        title=root.findtext("h:title", "", _CDA),
        patient=_patient(root),
        class_code=class_code or type_code,
        type_code=type_code,
        format_code=_FORMAT,
        confidentiality=_code(root, "h:confidentialityCode"),
        author=_author(root),
        institution=_institution(root),
        created=_utc(_attribute(root, "h:effectiveTime", "value")),
    )


def _patient(root: etree._Element) -> str:
    place = "h:recordTarget/h:patientRole/h:id"
    return f"{_attribute(root, place, 'extension')}^^^&{_attribute(root, place, 'root')}&ISO"


def _author(root: etree._Element) -> str:
    """XCN: id, family and given name, prefix, authority."""
    person = "h:author/h:assignedAuthor"
    name = f"{person}/h:assignedPerson/h:name"
    family, given, prefix = (
        root.findtext(f"{name}/h:{part}", "", _CDA) for part in ("family", "given", "prefix")
    )
    authority = _attribute(root, f"{person}/h:id", "root")
    return f"{_attribute(root, f'{person}/h:id', 'extension')}^{family}^{given}^^^{prefix}^^^&{authority}&ISO"


def _institution(root: etree._Element) -> str:
    """XON: name and OID."""
    place = "h:author/h:assignedAuthor/h:representedOrganization"
    return f"{root.findtext(f'{place}/h:name', '', _CDA)}^^^^^^^^^{_attribute(root, f'{place}/h:id', 'root')}"


def _utc(text: str) -> str:
    """XDS times are in UTC."""
    return datetime.strptime(text, "%Y%m%d%H%M%S%z").astimezone(UTC).strftime("%Y%m%d%H%M%S")


def _code(root: etree._Element, place: str) -> Code:
    code, scheme, display = (_attribute(root, place, name) for name in ("code", "codeSystem", "displayName"))
    return Code(code, scheme, display)


def _attribute(root: etree._Element, place: str, name: str) -> str:
    found = root.find(place, _CDA)
    value = None if found is None else found.get(name)
    if value is None:
        raise Malformed(f"the document has no {name} there", location=place.replace("h:", ""))
    return value
