"""Valid bodies of the transactions with the registry and the repository."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from xml.sax.saxutils import escape

from lxml import etree

from gateway.client import xds
from gateway.crypto.xmldsig import c14n
from gateway.record.people import Code
from tests.housing import PATIENT, House

RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
FIND = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
FIND_MANY = "urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"


def document(house: House, unique_id: str, **changes: object) -> xds.Document:
    acting = house.partner("hospital", "physician")
    base = xds.Document(
        data=b"<ClinicalDocument/>",
        unique_id=unique_id,
        mime_type="text/xml",
        title="Letter",
        patient=acting.full_id(PATIENT),
        class_code=Code("18842-5", "2.16.840.1.113883.6.1", "Letter"),
        type_code=Code("18842-5", "2.16.840.1.113883.6.1", "Letter"),
        format_code=Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "MIME"),
        confidentiality=Code("N", "2.16.840.1.113883.5.25", "normal"),
        author="a^Weber^Anne^^^^^^&2.999.2.1&ISO",
        institution="Test Hospital^^^^^^^^^2.999.2.1",
        created="20260101120000",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def provide_pieces(house: House, *documents: xds.Document) -> list:
    pieces: list = []

    class Catch:
        async def call(self, _url: str, _action: str, given: list, **_rest: object) -> object:
            pieces.extend(given)
            raise StopAsyncIteration

    endpoints = house.partner("hospital", "physician").endpoints
    with contextlib.suppress(RuntimeError, StopAsyncIteration):
        asyncio.run(xds.provide(Catch(), endpoints, documents, None))  # type: ignore[arg-type]
    return pieces


def register_body(house: House, unique_id: str) -> bytes:
    pieces = provide_pieces(house, document(house, unique_id))
    marked = b"".join(piece if isinstance(piece, bytes) else b"x" for piece in pieces)
    root = etree.fromstring(marked)
    submit = root[0]
    entry = next(submit.iter(f"{{{RIM}}}ExtrinsicObject"))
    for name, value in (("hash", "0" * 40), ("size", "7"), ("repositoryUniqueId", "2.999.9.9")):
        slot = etree.Element(f"{{{RIM}}}Slot", name=name)
        listed = etree.SubElement(slot, f"{{{RIM}}}ValueList")
        etree.SubElement(listed, f"{{{RIM}}}Value").text = value
        entry.insert(0, slot)
    return c14n(etree.fromstring(etree.tostring(submit)))


def on_demand_body(house: House, unique_id: str) -> bytes:
    """An ITI-61 body: the entry of an ITI-42 without what its document would tell."""
    root = etree.fromstring(register_body(house, unique_id))
    entry = next(root.iter(f"{{{RIM}}}ExtrinsicObject"))
    entry.set("objectType", "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248")
    for slot in entry.findall(f"{{{RIM}}}Slot"):
        if slot.get("name") in {"creationTime", "hash", "size"}:
            entry.remove(slot)
    return c14n(etree.fromstring(etree.tostring(root)))


def query_body(house: House) -> bytes:
    patient = house.partner("hospital", "physician").full_id(PATIENT)
    return stored_query(
        FIND, ("$XDSDocumentEntryPatientId", f"'{patient}'"), ("$XDSDocumentEntryStatus", f"('{APPROVED}')")
    )


def many_body() -> bytes:
    """The documents of a class, of all patients."""
    wanted = ("$XDSDocumentEntryClassCode", "('18842-5^^2.16.840.1.113883.6.1')")
    return stored_query(FIND_MANY, wanted, ("$XDSDocumentEntryStatus", f"('{APPROVED}')"))


def stored_query(identifier: str, *slots: tuple[str, str], returned: str = "LeafClass") -> bytes:
    """The Body of a stored query with these slots; a line of a text is a value of its own."""
    listed = "".join(
        f'<rim:Slot name="{name}"><rim:ValueList>'
        + "".join(f"<rim:Value>{escape(value)}</rim:Value>" for value in text.split("\n"))
        + "</rim:ValueList></rim:Slot>"
        for name, text in slots
    )
    return (
        '<query:AdhocQueryRequest xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0">'
        f'<query:ResponseOption returnComposedObjects="true" returnType="{returned}">'
        f'</query:ResponseOption><rim:AdhocQuery xmlns:rim="{RIM}" id="{identifier}">{listed}'
        "</rim:AdhocQuery></query:AdhocQueryRequest>"
    ).encode()


def update_body(house: House) -> bytes:
    """A new version of the stored entry, with another title."""
    fresh = etree.fromstring(register_body(house, STORED))
    row = house._query(f"SELECT uuid, hash, size FROM entry WHERE unique_id = '{STORED}'")[0]  # noqa: S608
    entry = next(fresh.iter(f"{{{RIM}}}ExtrinsicObject"))
    entry.set("lid", str(row[0]))
    told = {"hash": str(row[1]), "size": str(row[2]), "repositoryUniqueId": "2.999.1.3"}
    for slot in entry.iterchildren(f"{{{RIM}}}Slot"):
        if slot.get("name") in told:
            slot[0][0].text = told[slot.get("name")]
    member = next(fresh.iter(f"{{{RIM}}}Association"))
    slot = etree.SubElement(member, f"{{{RIM}}}Slot", name="PreviousVersion")
    etree.SubElement(etree.SubElement(slot, f"{{{RIM}}}ValueList"), f"{{{RIM}}}Value").text = "1"
    member.insert(1, slot)
    return c14n(fresh)


def remove_body(house: House) -> bytes:
    """Everything that is registered."""
    tables = ("entry", "submission_set", "association")
    rows = [row[0] for table in tables for row in house._query(f"SELECT uuid FROM {table}")]  # noqa: S608
    refs = "".join(f'<rim:ObjectRef id="{name}"></rim:ObjectRef>' for name in rows)
    return (
        '<lcm:RemoveObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0">'
        f'<rim:ObjectRefList xmlns:rim="{RIM}">{refs}</rim:ObjectRefList></lcm:RemoveObjectsRequest>'
    ).encode()


def retrieve_body(unique_id: str, request: str = "RetrieveDocumentSet") -> bytes:
    if request == "RemoveDocuments":
        asked = (
            retrieve_body(unique_id)
            .decode()
            .replace("xds:RetrieveDocumentSetRequest", "rmd:RemoveDocumentsRequest")
        )
        declared = 'xmlns:rmd="urn:ihe:iti:rmd:2017"'
        asked = asked.replace(' xmlns:xds="urn:ihe:iti:xds-b:2007"', f" {declared}")
        return asked.replace(
            "<xds:DocumentRequest>", '<xds:DocumentRequest xmlns:xds="urn:ihe:iti:xds-b:2007">'
        ).encode()
    return (
        '<xds:RetrieveDocumentSetRequest xmlns:xds="urn:ihe:iti:xds-b:2007"><xds:DocumentRequest>'
        "<xds:RepositoryUniqueId>2.999.1.3</xds:RepositoryUniqueId>"
        f"<xds:DocumentUniqueId>{unique_id}</xds:DocumentUniqueId></xds:DocumentRequest>"
        "</xds:RetrieveDocumentSetRequest>"
    ).encode()


STORED = "2.25.4711"


def entry_uuid(house: House) -> str:
    found = house._query(f"SELECT uuid FROM entry WHERE unique_id = '{STORED}'")  # noqa: S608
    return str(found[0][0]).removeprefix("urn:uuid:")
