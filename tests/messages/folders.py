"""Submissions whose document stands in a new folder."""

from __future__ import annotations

from typing import Any

from lxml import etree

from gateway.client import xds
from gateway.crypto.xmldsig import c14n
from gateway.record.people import Code

RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"


def in_folder(pieces: list[Any], unique_id: str, patient: str) -> list[Any]:
    """The submission of one document with a folder around it."""
    text = b"".join(each if isinstance(each, bytes) else b"-mark-" for each in pieces)
    root = etree.fromstring(text)
    objects = root.find(f".//{{{RIM}}}RegistryObjectList")
    assert objects is not None
    for each in etree.fromstring(_folder(unique_id, patient)):
        objects.append(each)
    head, _, rest = c14n(etree.fromstring(etree.tostring(root))).partition(b"-mark-")
    return [head, next(each for each in pieces if not isinstance(each, bytes)), rest]


def _folder(unique_id: str, patient: str) -> str:
    package = (
        '<rim:RegistryPackage id="Folder"><rim:Name><rim:LocalizedString value="Psychiatry"/></rim:Name>'
        '<rim:Classification classificationNode="urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2" '
        'classifiedObject="Folder" id="IsFolder"/>'
        + xds._coded("Folder", "1ba97051-7806-41a8-a48b-8fce7af683c5", Code("PSY", "2.999.1.12", "PSY"), 1)
        + xds._identifier("Folder", "f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a", patient, "Folder.patientId")
        .replace("&ISO", "&amp;ISO")
        .replace("&amp;amp;", "&amp;")
        + xds._identifier("Folder", "75df8f67-9973-4fbe-a900-df66cefecc5a", unique_id, "Folder.uniqueId")
        + "</rim:RegistryPackage>"
    )
    links = (
        xds._association("HasMember", "HoldsFolder", "Set", "Folder", original=True).replace(
            xds._slot("SubmissionSetStatus", "Original"), ""
        ),
        xds._association("HasMember", "Holds", "Folder", "Document0", original=True).replace(
            xds._slot("SubmissionSetStatus", "Original"), ""
        ),
        xds._association("HasMember", "HoldsLink", "Set", "Holds", original=True).replace(
            xds._slot("SubmissionSetStatus", "Original"), ""
        ),
    )
    return f'<list xmlns:rim="{RIM}">{package}{"".join(links)}</list>'
