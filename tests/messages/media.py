"""Media that come in and go out (ITI-32)."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace

from lxml import etree

from gateway.client import xds
from gateway.declare.bindings import Raw
from gateway.declare.transaction import AnyTransaction
from tests.housing import PATIENT, House
from tests.messages.fhir import fhir
from tests.messages.xds import RIM, register_body


def medium(house: House, unique_id: str, data: bytes = b"a letter") -> bytes:
    """A medium with one submission set of one document, as another system would write it."""
    root = etree.fromstring(register_body(house, unique_id))
    entry = next(root.iter(f"{{{RIM}}}ExtrinsicObject"))
    told = {"hash": hashlib.sha1(data, usedforsecurity=False).hexdigest(), "size": str(len(data))}
    for slot in list(entry.iterchildren(f"{{{RIM}}}Slot")):
        if slot.get("name") in told:
            slot[0][0].text = told[slot.get("name")]
        elif slot.get("name") == "repositoryUniqueId":
            slot.set("name", "URI")
            slot[0][0].text = "DOC00001.XML"
    return zipped(
        {
            "INDEX.HTM": b"<html></html>",
            "README.TXT": b"a medium",
            "IHE_XDM/SUBSET01/METADATA.XML": etree.tostring(root),
            "IHE_XDM/SUBSET01/DOC00001.XML": data,
        }
    )


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def import_raw(house: House, data: bytes) -> Raw:
    raw = fhir(house, "/$import-media")
    return replace(raw, method="POST", headers={**raw.headers, "content-type": "application/zip"}, body=data)


def media_raw(house: House, transaction: AnyTransaction) -> Raw:
    """Both transactions of ITI-32: what comes in, and what goes out."""
    if transaction.binding.method == "POST":
        return import_raw(house, medium(house, xds.new_oid()))
    root = house.settings.domain.affinity_oid
    return fhir(house, "/$export-media", f"patient=urn:oid:{root}%7C{PATIENT}")
