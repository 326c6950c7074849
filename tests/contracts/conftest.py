"""A whole gateway in the process, valid messages of every transaction, and ways to break them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import re
import shutil
import sqlite3
import time
import uuid
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from xml.sax.saxutils import escape

import orjson
import pytest
from lxml import etree

from gateway.bindings.addressing import WSA
from gateway.cli.compose import Gateway
from gateway.cli.compose import compose as make_gateway
from gateway.cli.furnishing import furnish
from gateway.cli.indexing import index_once
from gateway.cli.init import create
from gateway.cli.keeper import resume, seal_once
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare as prepare_installation
from gateway.cli.started import serving
from gateway.client import xds
from gateway.client.soap import SoapClient
from gateway.client.token import issue_assertion
from gateway.config import Settings
from gateway.crypto.keys import load_signer
from gateway.crypto.xmldsig import Attached, HeaderBlock, c14n, compose, names, sign_assertion
from gateway.crypto.xmldsig.signature import reference_xml, signature_xml
from gateway.declare.bindings import Attachment, Raw, Sealed
from gateway.declare.transaction import AnyTransaction
from gateway.pipeline.engine import Engine
from gateway.pipeline.exchange import WireForm
from gateway.pipeline.run import run
from gateway.record.people import Code
from gateway.stores.migrate import upgrade
from tests import feeding as fed
from tests.asking import BACK, HART_KEY, assertion_asked, enter, oauth
from tests.deciding import Place
from tests.issuing import HART

PATIENT, OTHER = "CONTRACT-1", "CONTRACT-2"
TOLD_AT = "https://localhost:9/told"
"""Where the tester may be told of changed patients; nobody listens there."""

RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
FIND = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
FIND_MANY = "urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("contracts") / "home"
    create(home, "integration")
    tester = home / "nodes/tester.toml"
    told = tester.read_text().replace("reply_to = []", f'reply_to = ["{TOLD_AT}"]')
    tester.write_text(f'{told}redirect_uris = ["{BACK}"]\n')
    settings = load_settings(home / "passerelle.toml")
    upgrade(settings.database.url)
    furnish(settings)
    enter(settings, HART, HART_KEY.certificate)
    return settings


@dataclass
class House:
    """One gateway with its database file, blobs and ways to call it."""

    gateway: Gateway
    settings: Settings

    def partner(self, name: str, role: str) -> Acting:
        return Acting.at(self.settings, name, role)

    def form(self, name: str) -> WireForm:
        provider = self.gateway.provider
        issuing = {"oauth": provider.oauth, "persons": provider.persons, "trust": provider.trust}
        spoken = {"soap": self.gateway.soap, "fhir": self.gateway.fhir, "hl7v2": self.gateway.hl7v2}
        return (spoken | issuing)[name]

    async def call(self, form: str, raw: Raw, engine: Engine | None = None) -> Sealed:
        return await run(raw, self.form(form), engine or self.gateway.engine)

    def peer(self, raw: Raw, name: str) -> Raw:
        signer = self.partner(name, "physician").identity.signer
        assert signer is not None
        return replace(raw, peer_certificate=signer.certificate, peer_host="127.0.0.1")

    def audit_rows(self) -> int:
        return int(self._query("SELECT count(*) FROM audit")[0][0])

    def state(self) -> str:
        """A digest of everything but audit and policy: all tables, and the names of the blobs.

        The key of a week of received events is made before the first of them, and stays.
        """
        running = hashlib.sha256()
        for (table,) in self._query("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name"):
            if not table.startswith(("audit", "policy", "slot_key")):
                running.update(repr(self._query(f"SELECT * FROM {table}")).encode())  # noqa: S608
        blobs = sorted(str(path) for path in self.settings.content.directory.rglob("*") if path.is_file())
        running.update(repr(blobs).encode())
        return running.hexdigest()

    def change(self, statement: str) -> None:
        """Somebody with access to the disk."""
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement)

    def _query(self, statement: str) -> list[tuple[object, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()


def standing(installation: Settings, folder: Path, record: Path, content: Path | None = None) -> House:
    """A house in a folder of its own, with a copy of a record."""
    database = folder / "record.db"
    shutil.copy(record, database)
    if content is not None:
        shutil.copytree(content, folder / "content")
    settings = replace(
        installation,
        database=replace(installation.database, url=f"sqlite:///{database}"),
        content=replace(installation.content, directory=folder / "content"),
    )
    return House(make_gateway(settings), settings)


def empty_record(installation: Settings) -> Path:
    return Path(installation.database.url.removeprefix("sqlite:///"))


@pytest.fixture
def house(installation: Settings, tmp_path: Path) -> Iterator[House]:
    home = standing(installation, tmp_path, empty_record(installation))
    yield home
    asyncio.run(home.gateway.close())


# --- one valid message for each transaction ------------------------------------------------------


def soap_raw(house: House, path: str, content_type: str, body: bytes, partner: str) -> Raw:
    url = f"{house.settings.server.public_url}{path}"
    raw = Raw(method="POST", path=path, target=url, headers={"content-type": content_type}, body=body)
    return house.peer(raw, partner)


def write_soap(
    house: House,
    transaction: AnyTransaction,
    pieces: list,
    *,
    partner: str = "hospital",
    role: str = "physician",
    emergency: str | None = None,
) -> Raw:
    acting = house.partner(partner, role)
    path = house.gateway.engine.catalogue.endpoint(transaction)
    client = SoapClient(http=None, signer=acting.identity.signer)  # type: ignore[arg-type]
    content_type, body = client.write(
        f"{house.settings.server.public_url}{path}",
        transaction.binding.action,
        pieces,
        packaged=transaction.binding.mtom,
        assertion=acting.assertion(emergency=emergency),
    )
    return soap_raw(house, path, content_type, body, partner)


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


def hl7(house: House, trigger: str, patient: str, merged: str | None = None) -> Raw:
    root = house.settings.domain.affinity_oid
    control = uuid.uuid4().hex[:20]
    mrg = f"MRG|{merged}^^^&{root}&ISO\r" if merged else ""
    pv1 = "" if merged else "PV1|1|O\r"
    text = (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^{trigger}|{control}|P|2.3.1\r"
        f"EVN|{trigger}|20260101120000\rPID|1||{patient}^^^&{root}&ISO||TEST^CONTRACT||19700101|F\r{mrg}{pv1}"
    )
    return house.peer(Raw(body=text.encode(), target="mllp"), "hospital")


CANCELLED = {"A12": "A02", "A13": "A03", "A38": "A05", "A52": "A21"}
"""Triggers that cancel, each with one that it cancels."""


def administration(house: House, trigger: str) -> Raw:
    """A message of patient administration (HL7 v2.5) that is accepted once `prepare` was there."""
    root = house.settings.domain.affinity_oid
    fresh = trigger in {"A01", "A04", "A05", "A08", "A28", "A31"}
    first, second = f"{'FRESH' if fresh else PATIENT}^^^&{root}&ISO", f"{OTHER}^^^&{root}&ISO"
    person = "||TEST^CONTRACT||19700101|F"
    tail = {"A40": f"MRG|{second}", "A47": f"MRG|{second}", "A44": f"MRG|{second}||V-1"}.get(trigger)
    if trigger in {"A24", "A37"}:
        tail = f"PID|2||{second}{person}"
    if trigger == "A47":
        first = f"RENAMED^^^&{root}&ISO"
    visit = f"PV1|1|I{'|' * 17}V-{CANCELLED.get(trigger, '1')}"
    text = (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^{trigger}|{uuid.uuid4().hex[:20]}|P|2.5\r"
        f"EVN||20260101120000|20260102\rPID|1||{first}{person}\r{tail or visit}{'|' * 23}20260102\r"
    )
    return house.peer(Raw(body=text.encode(), target="mllp"), "hospital")


def hl7_query(house: House, transaction: AnyTransaction) -> Raw:
    """A query of HL7 v2 about the known patient, or the cancel of one."""
    root, trigger = house.settings.domain.affinity_oid, transaction.binding.triggers[0]
    asked = {
        "Q23": f"QPD|IHE PIX Query|contract|{PATIENT}^^^&{root}&ISO\rRCP|I\r",
        "J01": "QID|contract|IHE PDQ Query\r",
    }
    criteria = f"@PID.3.1^{PATIENT}~@PID.3.4.2^{root}~@PID.3.4.3^ISO"
    head = (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||{transaction.binding.message}^{trigger}^"
        f"{transaction.binding.structure}|{uuid.uuid4().hex[:20]}|P|2.5\r"
    )
    text = head + asked.get(trigger, f"QPD|IHE PDQ Query|contract|{criteria}\rRCP|I\r")
    return house.peer(Raw(body=text.encode(), target="mllp"), "hospital")


def link_change(house: House, control: str = "", partner: str = "tester") -> Raw:
    """ITI-64: the documents that PATIENT has under the same identifier go to OTHER."""
    root = house.settings.domain.affinity_oid
    text = (
        f"MSH|^~\\&|2.999.4.1|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A43^ADT_A43"
        f"|{control or uuid.uuid4().hex[:20]}|P|2.5\rEVN||20260101120000\r"
        f"PID|||{OTHER}^^^&{root}&ISO~{PATIENT}^^^&{root}&ISO|| |\rMRG|{PATIENT}^^^&{root}&ISO\r"
    )
    return house.peer(Raw(body=text.encode(), target="mllp"), partner)


def fhir(house: House, path: str, query: str = "", *, with_token: bool = True) -> Raw:
    base = f"{house.settings.server.public_url}/fhir"
    headers = {"accept": "*/*"}
    if with_token:
        token = base64.urlsafe_b64encode(house.partner("hospital", "physician").assertion()).rstrip(b"=")
        headers["authorization"] = f"Bearer {token.decode()}"
    target = f"{base}{path}" + (f"?{query}" if query else "")
    raw = Raw(method="GET", path=f"/fhir{path}", query=query, target=target, headers=headers)
    return house.peer(raw, "hospital")


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


DATA = Path(__file__).parents[2] / "conformance" / "data"
V3_FILES = {
    "PRPA_IN201301UV02": "v3-add-anna.xml",
    "PRPA_IN201302UV02": "v3-revise-anna.xml",
    "PRPA_IN201304UV02": "v3-merge.xml",
    "PRPA_IN201309UV02": "v3-pix-query.xml",
    "PRPA_IN201305UV02": "v3-pdq-two-by-one.xml",
    "QUQI_IN000003UV01_Continue": "v3-continue.xml",
    "QUQI_IN000003UV01_Cancel": "v3-cancel.xml",
}


def v3_body(house: House, file: str) -> bytes:
    """An HL7 V3 message about the two known patients; a feed announces somebody else."""
    values = {
        "$root$": house.settings.domain.affinity_oid,
        "$id$": "FRESH" if file.startswith(("v3-add", "v3-revise")) else PATIENT,
        "$other$": OTHER,
        "$family$": "Fresh",
        "$message$": xds.new_oid(),
        "$query$": "2.25.4712",
    }
    text = (DATA / file).read_text(encoding="utf-8")
    for token, value in values.items():
        text = text.replace(token, value)
    return c14n(etree.fromstring(text))


def v3(house: House, transaction: AnyTransaction) -> tuple[str, Raw]:
    """ITI-44, 45 or 47; a continuation follows a query that was asked before."""
    name = transaction.binding.action.rpartition(":")[2]
    if name.startswith("QUQI"):
        asked = write_soap(house, transaction_of(house, "ITI-47"), [v3_body(house, "v3-pdq-two-by-one.xml")])
        assert b'typeCode code="AA"' in b"".join(asyncio.run(house.call("soap", asked)).pieces)
    return "soap", write_soap(house, transaction, [v3_body(house, V3_FILES[name])])


def xcpd(house: House, transaction: AnyTransaction) -> tuple[str, Raw]:
    """ITI-55 or ITI-56, from the gateway of another community."""
    file = "xcpd-by-id.xml" if transaction.code == "ITI-55" else "xcpd-location.xml"
    body = v3_body(house, file)
    return "soap", write_soap(house, transaction, [body], partner="tester", role="node:tester")


def resource_raw(house: House, method: str, path: str, query: str = "", resource: object = None) -> Raw:
    """A FHIR request whose body is a resource."""
    raw = fhir(house, path, query)
    headers = {**raw.headers, "content-type": "application/fhir+json"} if resource else raw.headers
    return replace(raw, method=method, headers=headers, body=orjson.dumps(resource) if resource else b"")


def person_raw(house: House, transaction: AnyTransaction) -> Raw:
    """PIXm and PDQm about the first known patient; a feed tells of a new one, a removal ends the other."""
    binding, system = transaction.binding, f"urn:oid:{house.settings.domain.affinity_oid}"
    fresh = {
        "resourceType": "Patient",
        "identifier": [{"system": system, "value": "FRESH"}],
        "name": [{"family": "TEST", "given": ["CONTRACT"]}],
        "birthDate": "1970-01-01",
    }
    told = [{"name": "sourceIdentifier", "valueString": f"{system}|{PATIENT}"}]
    keys = house._query(f"SELECT person FROM patient WHERE extension = '{PATIENT}'")  # noqa: S608
    return {
        ("GET", "/Patient/$ihe-pix"): lambda: fhir(
            house, binding.path, f"sourceIdentifier={system}%7C{PATIENT}"
        ),
        ("POST", "/Patient/$ihe-pix"): lambda: resource_raw(
            house, "POST", binding.path, "", {"resourceType": "Parameters", "parameter": told}
        ),
        ("PUT", "/Patient"): lambda: resource_raw(
            house, "PUT", "/Patient", f"identifier={system}%7CFRESH", fresh
        ),
        ("DELETE", "/Patient"): lambda: resource_raw(
            house, "DELETE", "/Patient", f"identifier={system}%7C{OTHER}"
        ),
        ("GET", "/Patient"): lambda: fhir(house, "/Patient", f"identifier={system}%7C{PATIENT}"),
        ("GET", "/Patient/{id}"): lambda: fhir(house, f"/Patient/{int(str(keys[0][0])):x}"),
        ("POST", "/Patient/$match"): lambda: resource_raw(house, "POST", binding.path, "", fresh),
        ("POST", "/$process-message"): lambda: resource_raw(
            house, "POST", binding.path, "", patient_message(fresh)
        ),
    }[binding.method, binding.path]()


def subscription_raw(house: House, transaction: AnyTransaction) -> Raw:
    """ITI-94 of the tester; what is read, changed or ended was asked for before."""
    asked = {
        "resourceType": "Subscription",
        "status": "requested",
        "contact": [{"system": "phone", "value": "+352 621 000 000"}],
        "reason": "to know patients",
        "criteria": "Patient",
        "channel": {"type": "message", "endpoint": TOLD_AT, "payload": "application/fhir+json"},
    }

    def raw(method: str, path: str) -> Raw:
        made = resource_raw(house, method, path, "", asked if method in {"POST", "PUT"} else None)
        headers = {name: value for name, value in made.headers.items() if name != "authorization"}
        return house.peer(replace(made, headers=headers), "tester")

    if transaction.binding.method == "POST":
        return raw("POST", "/Subscription")
    answer = asyncio.run(house.call("fhir", raw("POST", "/Subscription")))
    made = orjson.loads(b"".join(answer.pieces))
    return raw(transaction.binding.method, f"/Subscription/{made['id']}")


def decision(house: House, *exceptions: dict[str, object], **changes: object) -> dict[str, object]:
    """A Consent of the first known patient: a permit with exceptions."""
    who = {"system": f"urn:oid:{house.settings.domain.affinity_oid}", "value": PATIENT}
    provision = {"type": "permit", **({"provision": list(exceptions)} if exceptions else {})}
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [scope]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"identifier": who},
        "dateTime": "2026-01-01",
        "performer": [{"identifier": who}],
        "organization": [{"display": "Portal"}],
        "sourceReference": {"display": "portal"},
        "policy": [{"uri": "https://profiles.ihe.net/ITI/PCF/Policy-basic-normal"}],
        "provision": provision,
        **changes,
    }


def consent_raw(
    house: House, method: str, path: str, resource: object = None, query: str = "", **how: str
) -> Raw:
    """A request of the first known patient at the portal; `how` may name another partner, role or patient."""
    partner, role = how.get("partner", "patient-portal"), how.get("role", "patient")
    acting = house.partner(partner, role)
    patient = acting.full_id(how.get("patient", PATIENT)) if role == "patient" else None
    token = base64.urlsafe_b64encode(acting.assertion(patient)).rstrip(b"=")
    raw = resource_raw(house, method, path, query, resource)
    headers = {**raw.headers, "authorization": f"Bearer {token.decode()}"}
    if "if_match" in how:
        headers["if-match"] = how["if_match"]
    return house.peer(replace(raw, headers=headers), partner)


def any_consent_raw(house: House, transaction: AnyTransaction) -> Raw:
    """An ITI-108; what is read, changed or ended was said before."""
    method, path = transaction.binding.method, transaction.binding.path
    said = decision(house, {"type": "deny", "purpose": [{"system": REASONS, "code": "HOPERAT"}]})
    if path == "/Consent":
        query = f"patient.identifier=urn:oid:{house.settings.domain.affinity_oid}%7C{PATIENT}"
        return consent_raw(house, method, path, said if method == "POST" else None, query * (method == "GET"))
    answer = asyncio.run(house.call("fhir", consent_raw(house, "POST", "/Consent", said)))
    made = orjson.loads(b"".join(answer.pieces))
    path = path.replace("{id}", made["id"]).replace("{version}", "1")
    return consent_raw(house, method, path, made if method == "PUT" else None)


REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


def patient_message(patient: dict[str, object]) -> dict[str, object]:
    """A feed by message (ITI-93) of a new patient."""
    header = {
        "resourceType": "MessageHeader",
        "id": "1",
        "eventUri": "urn:ihe:iti:pmir:2019:patient-feed",
        "source": {"endpoint": "http://source.example/fhir"},
        "destination": [{"endpoint": "https://localhost:8443/fhir"}],
        "focus": [{"reference": "urn:uuid:3c6a3a1e-2a39-4d1c-8a4b-6f4a1f6f2d11"}],
    }
    told = {"resource": patient, "request": {"method": "POST", "url": "Patient"}}
    history = {"resourceType": "Bundle", "type": "history", "entry": [told]}
    entries = [{"resource": header}, {"fullUrl": header["focus"][0]["reference"], "resource": history}]
    return {"resourceType": "Bundle", "type": "message", "entry": entries}


QUESTION, OPERATION = 7001, 7002
_REVIEW = "key, kind, patient_key, person, state, priority, explanation, created_at"
_EVENT = (
    "key, operation, kind, at, trace_id, actor, patient_key, head_before, head_after, person_before, "
    "person_after, state_before, state_after"
)


def desk_raw(house: House, transaction: AnyTransaction) -> Raw:
    """The desk of identity vigilance, about the first known patient: a question, and a link to be undone."""
    ((key, person),) = house._query(f"SELECT key, person FROM patient WHERE extension = '{PATIENT}'")  # noqa: S608
    if not house._query(f"SELECT key FROM patient_review WHERE key = {QUESTION}"):  # noqa: S608
        asked = (QUESTION, "changed", key, person, "open", 2, '{"rule":"unlike"}', 0)
        house.change(f"INSERT INTO patient_review ({_REVIEW}) VALUES {asked}")  # noqa: S608
        moved = (7003, OPERATION, "link", 0, "-", "x", key, key, key, 7004, person, "active", "active")
        house.change(f"INSERT INTO patient_event ({_EVENT}) VALUES {moved}")  # noqa: S608
    told = {"outcome": "same", "reason": "-"} if transaction.code == "IDV-2" else {"reason": "-"}
    parameters = [{"name": name, "valueString": text} for name, text in told.items()]
    binding = transaction.binding
    number = QUESTION if binding.path.startswith("/Task") else OPERATION
    query = f"target=Patient/{int(str(person)):x}" if binding.path == "/Provenance" else ""
    raw = resource_raw(
        house,
        binding.method,
        binding.path.replace("{id}", f"{number:x}"),
        query,
        {"resourceType": "Parameters", "parameter": parameters} if binding.method == "POST" else None,
    )
    token = base64.urlsafe_b64encode(house.partner("identity-desk", "identity-manager").assertion()).rstrip(
        b"="
    )
    headers = {**raw.headers, "authorization": f"Bearer {token.decode()}"}
    return house.peer(replace(raw, headers=headers), "identity-desk")


def presence_raw(house: House, transaction: AnyTransaction) -> Raw:
    """A patient asks for a code; a professional shows the one that was asked for before."""
    root = house.settings.domain.affinity_oid
    told = [{"name": "patient", "valueIdentifier": {"system": f"urn:oid:{root}", "value": PATIENT}}]
    asked = resource_raw(house, "POST", "/Consent/$presence-code", "", parameters(told))
    asked = acting(house, asked, "tester", "patient", f"{PATIENT}^^^&{root}&ISO")
    if transaction.code == "PRS-1":
        return asked
    made = orjson.loads(b"".join(asyncio.run(house.call("fhir", asked)).pieces))
    told.append({"name": "code", "valueString": made["parameter"][0]["valueString"]})
    shown = resource_raw(house, "POST", "/Consent/$present", "", parameters(told))
    return acting(house, shown, "tester", "physician")


def parameters(told: list[dict[str, object]]) -> dict[str, object]:
    return {"resourceType": "Parameters", "parameter": told}


def acting(house: House, raw: Raw, partner: str, role: str, patient: str | None = None) -> Raw:
    """The request with the assertion of somebody else."""
    assertion = house.partner(partner, role).assertion(patient)
    token = base64.urlsafe_b64encode(assertion).rstrip(b"=").decode()
    return house.peer(replace(raw, headers={**raw.headers, "authorization": f"Bearer {token}"}), partner)


def emergency_raw(house: House, transaction: AnyTransaction) -> Raw:
    """The patient reads notices; the privacy officer looks at an emergency that was, and judges it."""
    root, binding = house.settings.domain.affinity_oid, transaction.binding
    if transaction.code == "EMG-1":
        raw = fhir(house, "/Communication", f"patient.identifier=urn:oid:{root}%7C{PATIENT}")
        return acting(house, raw, "tester", "patient", f"{PATIENT}^^^&{root}&ISO")
    if not house._query("SELECT key FROM emergency"):
        claimed = write_soap(
            house, transaction_of(house, "ITI-18"), [query_body(house)], emergency="unconscious"
        )
        assert b"ExtrinsicObject" in b"".join(asyncio.run(house.call("soap", claimed)).pieces)
    ((key,),) = house._query("SELECT key FROM emergency")
    told = [{"name": "outcome", "valueString": "accepted"}, {"name": "reason", "valueString": "-"}]
    body = parameters(told) if binding.method == "POST" else None
    path = binding.path.replace("{id}", f"{int(str(key)):x}")
    raw = resource_raw(house, binding.method, path, "", body)
    return acting(house, raw, "tester", "data-protection-officer")


def journal_raw(house: House, transaction: AnyTransaction) -> Raw:
    """The patient reads the own journal."""
    root = house.settings.domain.affinity_oid
    query = f"patient=urn:oid:{root}%7C{PATIENT}"
    identifier = {"name": "patient", "valueIdentifier": {"system": f"urn:oid:{root}", "value": PATIENT}}
    method, body = transaction.binding.method, parameters([identifier])
    if method == "GET":
        raw = resource_raw(house, method, "/AuditEvent/$journal", query, None)
    else:
        raw = resource_raw(house, method, "/AuditEvent/$journal", "", body)
    return acting(house, raw, "tester", "patient", f"{PATIENT}^^^&{root}&ISO")


def feed_raw(house: House, path: str, resource: object = None, **headers: str) -> Raw:
    """Audit events of the tester, which speaks for itself: one at /AuditEvent, a batch at the base."""
    told = resource if resource is not None else fed.audit_event()
    told = fed.batch(told) if resource is None and path == "/" else told
    raw = resource_raw(house, "POST", "" if path == "/" else path, "", told)
    kept = {name: value for name, value in raw.headers.items() if name != "authorization"}
    return house.peer(replace(raw, headers=kept | headers), "tester")


def trail_raw(house: House, transaction: AnyTransaction) -> Raw:
    """The auditor searches the trail, or reads an event that was found."""
    path = transaction.binding.path
    if "{id}" in path:
        asyncio.run(found_again(house))
        ((at, key),) = house._query("SELECT at, id FROM event LIMIT 1")
        path = path.replace("{id}", f"{int(str(at)):x}-{int(str(key)):x}")
    return acting(house, fhir(house, path, "date=ge2026-01-01"), "tester", "auditor")


async def found_again(house: House) -> None:
    """Seals and indexes what was told, as the keeper does."""
    await seal_once(house.gateway, await resume(house.gateway))
    await index_once(house.gateway)


PERSON_IN_FHIR = ("ITI-78", "ITI-83", "ITI-93", "ITI-104", "ITI-119")
DESK = ("IDV-1", "IDV-2", "IDV-3", "IDV-4")
STORED = "2.25.4711"
Maker = Callable[[House, AnyTransaction], Awaitable[Raw]]


async def prepare(house: House) -> None:
    """Two known patients, one stored document; so that every message below would succeed."""
    for patient in (PATIENT, OTHER):
        answer = await house.call("hl7v2", hl7(house, "A01", patient))
        assert b"MSA|AA" in b"".join(answer.pieces)
    for trigger, made in CANCELLED.items():
        movement = administration(house, made)
        movement = replace(movement, body=movement.body.replace(b"V-1", b"V-" + made.encode()))
        patient = movement.body.replace(b"FRESH", PATIENT.encode())
        answer = await house.call("hl7v2", replace(movement, body=patient))
        assert b"MSA|AA" in b"".join(answer.pieces), trigger


def entry_uuid(house: House) -> str:
    found = house._query(f"SELECT uuid FROM entry WHERE unique_id = '{STORED}'")  # noqa: S608
    return str(found[0][0]).removeprefix("urn:uuid:")


def message(house: House, transaction: AnyTransaction) -> tuple[str, Raw]:
    """The wire form and one valid message."""
    root = house.settings.domain.affinity_oid
    administrator = {"partner": "hospital", "role": "records-administrator"}
    makers: dict[str, Callable[[], tuple[str, Raw]]] = {
        "ITI-41": lambda: (
            "soap",
            write_soap(house, transaction, provide_pieces(house, document(house, xds.new_oid()))),
        ),
        "ITI-42": lambda: ("soap", write_soap(house, transaction, [register_body(house, xds.new_oid())])),
        "ITI-61": lambda: ("soap", write_soap(house, transaction, [on_demand_body(house, xds.new_oid())])),
        "ITI-18": lambda: ("soap", write_soap(house, transaction, [query_body(house)])),
        "ITI-43": lambda: ("soap", write_soap(house, transaction, [retrieve_body(STORED)])),
        "ITI-51": lambda: (
            "soap",
            write_soap(house, transaction, [many_body()], partner="tester", role="node:tester"),
        ),
        "ITI-67": lambda: (
            "fhir",
            fhir(house, "/DocumentReference", f"patient.identifier=urn:oid:{root}|{PATIENT}&status=current"),
        ),
        "ITI-32": lambda: ("fhir", media_raw(house, transaction)),
        "ITI-68": lambda: ("fhir", fhir(house, f"/Binary/{entry_uuid(house)}")),
        "ITI-57": lambda: ("soap", write_soap(house, transaction, [update_body(house)])),
        "ITI-92": lambda: ("soap", write_soap(house, transaction, [update_body(house)])),
        "ITI-62": lambda: ("soap", write_soap(house, transaction, [remove_body(house)], **administrator)),
        "ITI-86": lambda: (
            "soap",
            write_soap(house, transaction, [retrieve_body(STORED, "RemoveDocuments")], **administrator),
        ),
        "ITI-8": lambda: ("hl7v2", _feed(house, transaction)),
        "ITI-44": lambda: v3(house, transaction),
        "ITI-45": lambda: v3(house, transaction),
        "ITI-47": lambda: v3(house, transaction),
        "ITI-55": lambda: xcpd(house, transaction),
        "ITI-56": lambda: xcpd(house, transaction),
        "ITI-30": lambda: ("hl7v2", administration(house, transaction.binding.triggers[0])),
        "ITI-64": lambda: ("hl7v2", link_change(house)),
        "ITI-31": lambda: ("hl7v2", administration(house, transaction.binding.triggers[0])),
        **dict.fromkeys(("ITI-9", "ITI-21", "ITI-22"), lambda: ("hl7v2", hl7_query(house, transaction))),
        **{code: lambda: ("fhir", desk_raw(house, transaction)) for code in DESK},
        **{code: lambda: ("fhir", person_raw(house, transaction)) for code in PERSON_IN_FHIR},
        "ITI-108": lambda: ("fhir", any_consent_raw(house, transaction)),
        "ITI-94": lambda: ("fhir", subscription_raw(house, transaction)),
        **{code: lambda: ("soap", directory_raw(house, transaction)) for code in ("ITI-58", "ITI-59")},
        **dict.fromkeys(("ITI-81", "ITI-82"), lambda: ("fhir", trail_raw(house, transaction))),
        **dict.fromkeys(("PRS-1", "PRS-2"), lambda: ("fhir", presence_raw(house, transaction))),
        **dict.fromkeys(("EMG-1", "EMG-2", "EMG-3"), lambda: ("fhir", emergency_raw(house, transaction))),
        "JRN-1": lambda: ("fhir", journal_raw(house, transaction)),
        "ITI-20": lambda: ("fhir", feed_raw(house, transaction.binding.path)),
        "ITI-40": lambda: ("trust", assertion_asked(house)),
        **dict.fromkeys(("ITI-71", "ITI-102", "ITI-103"), lambda: oauth(house, transaction)),
    }
    return makers.get(transaction.code, lambda: ("fhir", fhir(house, "/metadata", with_token=False)))()


HPD = "dc=HPD,o=PASSERELLE,c=LU"
DSML = "urn:oasis:names:tc:DSML:2:0:core"


def batch(content: str, **attributes: str) -> bytes:
    """A batchRequest of DSML in canonical form."""
    told = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return c14n(etree.fromstring(f'<batchRequest xmlns="{DSML}"{told}>{content}</batchRequest>'))


def directory_raw(house: House, transaction: AnyTransaction) -> Raw:
    """A search for a professional, or a new one."""
    search = (
        f'<searchRequest dn="{HPD}" scope="wholeSubtree" derefAliases="neverDerefAliases" requestID="1">'
        '<filter><equalityMatch name="uid"><value>dr.weber</value></equalityMatch></filter></searchRequest>'
    )
    told = {"objectClass": "HCProfessional", "cn": "Ida Frank", "sn": "Frank", "displayName": "Ida Frank"}
    held = "".join(f'<attr name="{name}"><value>{value}</value></attr>' for name, value in told.items())
    add = f'<addRequest dn="uid=new,ou=HCProfessional,{HPD}">{held}</addRequest>'
    body = batch(search if transaction.code == "ITI-58" else add)
    return write_soap(house, transaction, [body], partner="identity-desk", role="directory-manager")


def _feed(house: House, transaction: AnyTransaction) -> Raw:
    trigger = transaction.binding.triggers[0]
    return hl7(house, trigger, "FRESH" if trigger != "A40" else PATIENT, OTHER if trigger == "A40" else None)


@pytest.fixture(scope="session")
def furnished(installation: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a record of two known patients and one stored document."""
    folder = tmp_path_factory.mktemp("furnished")
    home = standing(installation, folder, empty_record(installation))
    asyncio.run(prepare(home))
    stored = write_soap(home, transaction_of(home, "ITI-41"), provide_pieces(home, document(home, STORED)))
    answer = asyncio.run(home.call("soap", stored))
    assert b"ResponseStatusType:Success" in b"".join(answer.pieces), answer
    asyncio.run(home.gateway.close())
    return folder


@pytest.fixture
def ready(installation: Settings, furnished: Path, tmp_path: Path) -> Iterator[House]:
    """The house with known patients and one stored document."""
    home = standing(installation, tmp_path, furnished / "record.db", furnished / "content")
    yield home
    asyncio.run(home.gateway.close())


def transaction_of(house: House, code: str) -> AnyTransaction:
    """By code, or where two actors answer it by code@actor."""
    code, _, actor = code.partition("@")
    return next(
        each
        for each in house.gateway.engine.catalogue.transactions()
        if each.code == code and actor in {"", each.actors.responder}
    )


@pytest.fixture
def message_of() -> Callable[[House, AnyTransaction], tuple[str, Raw]]:
    return message


# --- attacks: valid messages changed in one place, and what must be true of every refusal ---------

SECRETS = (
    "CONTRACT-",
    "PRIVATE KEY",
    "Traceback",
    "lxml",
    "libxml",
    "sqlite",
    ".py",
    "/work",
    "/tmp",  # noqa: S108
    "/root",
)
DEFAULT: object = object()


@dataclass(frozen=True)
class Told:
    """One audit row: EventID, first EventTypeCode, outcome, and the whole message."""

    event: str
    type: str
    outcome: int
    message: str

    @property
    def kind(self) -> tuple[str, str, int]:
        return self.event, self.type, self.outcome


@dataclass(frozen=True)
class Outcome:
    """What came back, and what was told to the audit."""

    status: int
    headers: dict[str, str]
    body: bytes
    audit: list[Told]
    seconds: float

    @property
    def fault(self) -> tuple[int, str, str | None]:
        """HTTP status, local name of the SOAP fault code, subcode."""
        values = [each.decode() for each in re.findall(rb"<env:Value>([^<]+)</env:Value>", self.body)]
        code = values[0].removeprefix("env:") if values else ""
        return self.status, code, values[1] if len(values) > 1 else None

    @property
    def codes(self) -> list[str]:
        """The errorCodes of a registry response."""
        return [each.decode() for each in re.findall(rb'errorCode="([^"]+)"', self.body)]

    @property
    def response(self) -> str:
        """Success, PartialSuccess or Failure."""
        found = re.search(rb"ResponseStatusType:(\w+)", self.body)
        return found[1].decode() if found else ""

    @property
    def kinds(self) -> list[tuple[str, str, int]]:
        return [each.kind for each in self.audit]


class Heard:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(f"{event} {fields}")

    error = warning


def told(house: House, after: int) -> list[Told]:
    rows = house._query("SELECT message, outcome FROM audit ORDER BY id")[after:]
    return [_told(str(message), int(str(outcome))) for message, outcome in rows]


def _told(message: str, outcome: int) -> Told:
    root = etree.fromstring(message)
    kind = root.find(".//EventTypeCode")
    assert root.find("EventIdentification").get("EventOutcomeIndicator") == str(outcome)
    return Told(
        root.find(".//EventID").get("csd-code"),
        "" if kind is None else kind.get("csd-code"),
        outcome,
        message,
    )


class Forge:
    """Writes messages of a partner, whole or broken, and sends them through the whole pipeline."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.acting = house.partner("hospital", "physician")

    # --- assertions ---

    def assertion(
        self,
        change: Callable[[etree._Element], None] | None = None,
        *,
        partner: str = "hospital",
        role: str = "physician",
        signer: object = None,
        signed: bool = True,
        **options: object,
    ) -> bytes:
        """An assertion of the test issuer; `change` alters the tree before it is signed."""
        told_of, acting = self.house.settings.assertions, self.house.partner(partner, role)
        signer = signer or load_signer(told_of.test_issuer_key, told_of.test_issuer_certificate)
        defaults: dict[str, object] = {
            "issuer": told_of.issuers[0].entity_id,
            "subject": acting._who()[0],
            "name": acting._who()[1],
            "role": acting._role(),
            "organisation": "2.999.2.1",
            "organisation_name": "Test Hospital",
            "purpose": Code("TREAT", "2.16.840.1.113883.5.8", "treatment"),
            "audience": told_of.audience[0],
            "patient": None,
            "confirmation": acting.identity.signer.certificate,
            "now": datetime.now(UTC),
        }
        root = etree.fromstring(issue_assertion(signer=signer, **{**defaults, **options}))
        if change is None and signed:
            return etree.tostring(root)
        root.remove(root.find(names.SIGNATURE))
        if change is not None:
            change(root)
        text = etree.tostring(root)
        return sign_assertion(text, signer) if signed else text

    # --- messages ---

    def envelope(
        self,
        code: str,
        pieces: list,
        *,
        partner: str = "hospital",
        role: str = "physician",
        assertion: object = DEFAULT,
        headers: dict[str, object] | None = None,
        more: tuple[HeaderBlock, ...] = (),
        now: datetime | None = None,
        signer: object = DEFAULT,
    ) -> bytes:
        """A signed envelope. `headers` replaces the content of wsa headers; None leaves one out."""
        acting, transaction = self.house.partner(partner, role), transaction_of(self.house, code)
        wanted: dict[str, object] = {
            "Action": transaction.binding.action,
            "MessageID": f"urn:uuid:{uuid.uuid4()}",
            "ReplyTo": f"<wsa:Address>{WSA}/anonymous</wsa:Address>".encode(),
            "To": self.url(code),
            **(headers or {}),
        }
        blocks = [
            HeaderBlock(f"{{{WSA}}}{name}", value)
            if isinstance(value, bytes)
            else HeaderBlock.of_text(f"{{{WSA}}}{name}", str(value), must_understand=name == "Action")
            for name, value in wanted.items()
            if value is not None
        ]
        content = [
            each if isinstance(each, bytes) else Attached(each.content_id, each.content) for each in pieces
        ]
        return compose(
            [*blocks, *more],
            content,
            acting.identity.signer if signer is DEFAULT else signer,
            now=now or datetime.now(UTC),
            assertion=self.assertion(partner=partner, role=role) if assertion is DEFAULT else assertion,
        )

    def url(self, code: str) -> str:
        path = self.house.gateway.engine.catalogue.endpoint(transaction_of(self.house, code))
        return f"{self.house.settings.server.public_url}{path}"

    def raw(self, code: str, content_type: str, body: bytes, partner: str = "hospital") -> Raw:
        path = self.house.gateway.engine.catalogue.endpoint(transaction_of(self.house, code))
        return soap_raw(self.house, path, content_type, body, partner)

    def simple(self, code: str, body: bytes, partner: str = "hospital", *, kind: str | None = None) -> Raw:
        action = transaction_of(self.house, code).binding.action
        content_type = f'application/soap+xml; charset=UTF-8; action="{action}"'
        return self.raw(code, kind or content_type, body, partner)

    def query(self, *, body: bytes | None = None, partner: str = "hospital", **options: object) -> Raw:
        """An ITI-18, by default the valid one."""
        pieces = [body or query_body(self.house)]
        return self.simple("ITI-18", self.envelope("ITI-18", pieces, partner=partner, **options), partner)

    def asked(self, identifier: str, *slots: tuple[str, str], returned: str = "LeafClass") -> bytes:
        """The Body of an ITI-18 or ITI-51 with these slots; a line of a text is a value of its own."""
        return stored_query(identifier, *slots, returned=returned)

    def many(self, body: bytes, partner: str = "tester", role: str = "node:tester") -> Raw:
        """An ITI-51, by default of somebody whom the policy allows it."""
        text = self.envelope("ITI-51", [body], partner=partner, role=role)
        return self.simple("ITI-51", text, partner)

    def packaged(self, text: bytes, parts: list[tuple[str, bytes]], *, boundary: str = "edge") -> bytes:
        """A multipart body by hand: the root, then parts as (header lines, octets)."""
        root = 'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
        pieces = [(f"{root}Content-ID: <root>\r\n", text), *parts]
        joined = b"".join(f"--{boundary}\r\n{head}\r\n".encode() + data + b"\r\n" for head, data in pieces)
        return joined + f"--{boundary}--\r\n".encode()

    def package(
        self, code: str, body: bytes, partner: str = "hospital", *, boundary: str | None = "edge"
    ) -> Raw:
        action = transaction_of(self.house, code).binding.action
        marked = "" if boundary is None else f'boundary="{boundary}"; '
        kind = (
            f'multipart/related; type="application/xop+xml"; start="<root>"; {marked}'
            f'start-info="application/soap+xml"; action="{action}"'
        )
        return self.raw(code, kind, body, partner)

    def provide(
        self,
        *documents: xds.Document,
        edit: Callable[[etree._Element], None] | None = None,
        parts: Callable[[list], list[tuple[str, bytes]]] | None = None,
        code: str = "ITI-41",
        **options: object,
    ) -> Raw:
        """An ITI-41. `edit` changes the request before it is signed, `parts` what goes beside it."""
        given = documents or (document(self.house, xds.new_oid()),)
        pieces = provide_pieces(self.house, *given)
        if edit is not None:
            pieces = edited(pieces, edit)
        text = self.envelope(code, pieces, **options)
        attachments = [each for each in pieces if not isinstance(each, bytes)]
        written = parts(attachments) if parts else [part_of(each) for each in attachments]
        return self.package(code, self.packaged(text, written))

    def register(self, edit: Callable[[etree._Element], None] | None = None, **options: object) -> Raw:
        """An ITI-42."""
        body = register_body(self.house, xds.new_oid())
        if edit is not None:
            root = etree.fromstring(body)
            edit(root)
            body = c14n(root)
        return self.simple("ITI-42", self.envelope("ITI-42", [body], **options))

    def retrieve(self, *documents: str, partner: str = "hospital", **options: object) -> Raw:
        """An ITI-43."""
        repository = self.house.settings.domain.repository_unique_id
        body = xds.retrieve_body([(repository, each) for each in documents])
        text = self.envelope("ITI-43", [body], partner=partner, **options)
        return self.package("ITI-43", self.packaged(text, []), partner)

    def update(
        self, edit: Callable[[etree._Element], None] | None = None, code: str = "ITI-57", **options: object
    ) -> Raw:
        """An ITI-57 or 92, by default with a second version of the stored entry."""
        root = etree.fromstring(update_body(self.house))
        if edit is not None:
            edit(root)
        return self.simple(code, self.envelope(code, [c14n(root)], **options))

    def remove(self, *ids: str) -> Raw:
        """An ITI-62 of some entryUUIDs, by default of everything that is registered."""
        refs = "".join(f'<rim:ObjectRef id="{each}"></rim:ObjectRef>' for each in ids)
        body = (
            '<lcm:RemoveObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0">'
            f'<rim:ObjectRefList xmlns:rim="{RIM}">{refs}</rim:ObjectRefList></lcm:RemoveObjectsRequest>'
        )
        text = body.encode() if ids else remove_body(self.house)
        return self.simple("ITI-62", self.envelope("ITI-62", [text], role="records-administrator"))

    def remove_documents(self, *documents: tuple[str, str]) -> Raw:
        """An ITI-86 of (repositoryUniqueId, uniqueId) pairs."""
        asked = "".join(
            '<xds:DocumentRequest xmlns:xds="urn:ihe:iti:xds-b:2007">'
            f"<xds:RepositoryUniqueId>{repository}</xds:RepositoryUniqueId>"
            f"<xds:DocumentUniqueId>{name}</xds:DocumentUniqueId></xds:DocumentRequest>"
            for repository, name in documents
        )
        body = (
            '<rmd:RemoveDocumentsRequest xmlns:rmd="urn:ihe:iti:rmd:2017">'
            f"{asked}</rmd:RemoveDocumentsRequest>"
        )
        envelope = self.envelope("ITI-86", [body.encode()], role="records-administrator")
        return self.simple("ITI-86", envelope)

    # --- changes after signing ---

    def changed(self, raw: Raw, old: bytes, new: bytes, times: int = 1) -> Raw:
        """Octets replaced after signing."""
        assert old in raw.body, f"nothing to change: {old!r}"
        return replace(raw, body=raw.body.replace(old, new, times))

    def bent(self, raw: Raw, change: Callable[[etree._Element], None]) -> Raw:
        """The tree of a plain envelope changed after signing."""
        root = etree.fromstring(raw.body)
        change(root)
        return replace(raw, body=etree.tostring(root))

    def resigned(self, raw: Raw, *names_signed: str, signer: object = None) -> Raw:
        """The Signature made anew over the elements with these ids only."""
        signer = signer or self.acting.identity.signer

        def change(root: etree._Element) -> None:
            by_id = {each.get(names.WSU_ID): each for each in root.iter() if each.get(names.WSU_ID)}
            references = [
                reference_xml(name, hashlib.sha256(c14n(by_id[name])).digest()) for name in names_signed
            ]
            old = root.find(f".//{names.SECURITY}/{names.SIGNATURE}")
            info = b"".join(etree.tostring(each) for each in old.find(names.KEY_INFO))
            fresh = etree.fromstring(signature_xml(references, info, signer))
            old.getparent().replace(old, fresh)

        return self.bent(raw, change)

    # --- sending ---

    def send(
        self, raw: Raw, form: str = "soap", *, unchanged: bool = True, secret: bool = True, **engine: object
    ) -> Outcome:
        """Through the pipeline. Checks state, silence of answer and log; gives answer and audit rows."""
        house, heard = self.house, Heard()
        state, rows = house.state(), house.audit_rows()
        began = time.perf_counter()
        answer = asyncio.run(
            house.call(form, raw, replace(house.gateway.engine, log=heard, **engine))  # type: ignore[arg-type]
        )
        took = time.perf_counter() - began
        found = Outcome(answer.status, dict(answer.headers), b"".join(answer.pieces), told(house, rows), took)
        assert (house.state() == state) is unchanged, "state changed" if unchanged else "nothing was done"
        assert took < 1.0, "a worker was busy for too long"
        if secret:
            check_silent(f"{found.headers}{found.body.decode('utf-8', 'replace')}", house)
        check_silent("".join(heard.lines), house)
        return found

    def refused(
        self, raw: Raw, fault: tuple[int, str, str | None], *told_of: object, **how: object
    ) -> Outcome:
        """A SOAP fault, exactly one audit row of this kind, no effect, no word too much."""
        found = self.send(raw, **how)
        assert found.fault == fault, found.body
        assert found.kinds == list(told_of)
        return found

    def failed(self, raw: Raw, code: str, *told_of: object, **how: object) -> Outcome:
        """A registry Failure with this errorCode, one audit row, no effect."""
        found = self.send(raw, **how)
        assert found.response == "Failure", found.body
        assert set(found.codes) == {code}, found.body
        assert found.kinds == list(told_of)
        return found

    def accepted(self, raw: Raw, *, form: str = "soap", **how: object) -> Outcome:
        """Success, told with outcome 0. What is remembered of a message changes the state."""
        found = self.send(raw, form, unchanged=False, secret=False, **how)
        assert found.status == 200, found.body
        assert found.response == "Success", found.body
        assert [each.outcome for each in found.audit] == [0]
        if found.audit[0].event == "110112":
            assert b"ExtrinsicObject" in found.body, "an empty answer is a refusal in disguise"
        return found

    @contextlib.contextmanager
    def limited(self, **limits: object) -> Iterator[Forge]:
        """The same house under other limits."""
        settings = replace(self.house.settings, limits=replace(self.house.settings.limits, **limits))
        with self.under(settings) as forge:
            yield forge

    @contextlib.contextmanager
    def under(self, settings: Settings) -> Iterator[Forge]:
        """The same record served under other settings."""
        gateway = make_gateway(settings)
        try:
            yield Forge(House(gateway, settings))
        finally:
            asyncio.run(gateway.close())


SIGNED = re.compile(r">[A-Za-z0-9+/=\s]{40,}<|:[A-Za-z0-9+/=]{40,}:")
"""Signatures, digests and certificates, as whole values: any short word may stand in them by chance."""


def check_silent(text: str, house: House) -> None:
    plain = SIGNED.sub("", text)
    for word in (*SECRETS, str(house.settings.folder)):
        assert word not in plain, f"{word} in {plain[:500]}"


def edited(pieces: list, change: Callable[[etree._Element], None]) -> list:
    """The pieces of an ITI-41 with the request changed; attachments stay where their marks are."""
    attachments = [each for each in pieces if not isinstance(each, bytes)]
    marks = iter(range(len(attachments)))
    text = b"".join(each if isinstance(each, bytes) else b"-mark-%d-" % next(marks) for each in pieces)
    root = etree.fromstring(text)
    change(root)
    cut: list = []
    for piece in re.split(rb"(-mark-\d+-)", c14n(root)):
        number = re.fullmatch(rb"-mark-(\d+)-", piece)
        cut.append(attachments[int(number[1])] if number else piece)
    return cut


def part_of(attachment: Attachment) -> tuple[str, bytes]:
    head = (
        f"Content-Type: {attachment.media_type}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{attachment.content_id}>\r\n"
    )
    return head, b"".join(attachment.content.chunks())


MESSAGE, ABUSE, NODE = "message-security", "protocol-abuse", "110126"


def sender(subcode: str | None = None) -> tuple[int, str, str | None]:
    return 400, "Sender", subcode


@pytest.fixture(scope="session")
def deciding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server of two workers, so that what one keeps another must know; every test has its own patients."""
    config = prepare_installation(tmp_path_factory.mktemp("deciding") / "home")
    with serving(config, workers=2):
        yield Place(config)


@pytest.fixture
def forge(ready: House) -> Forge:
    return Forge(ready)


@pytest.fixture
def fresh(house: House) -> Forge:
    """A forge in front of an empty record."""
    return Forge(house)


@pytest.fixture(scope="session")
def words() -> SimpleNamespace:
    """Expected answers and audit rows in the words of the cases, and the helpers of this file."""
    return SimpleNamespace(
        sender=sender,
        feed_raw=feed_raw,
        wsse=lambda name: sender(f"wsse:{name}"),
        wsa=lambda name: sender(f"wsa:{name}"),
        bare=lambda status: (status, "", None),
        message=("110113", MESSAGE, 8),
        abuse=("110113", ABUSE, 4),
        node=("110113", NODE, 8),
        login=("110114", "110122", 8),
        query=lambda outcome: ("110112", "ITI-18", outcome),
        queried=lambda outcome: ("110112", "ITI-51", outcome),
        provided=lambda outcome: ("110107", "ITI-41", outcome),
        registered=lambda outcome: ("110107", "ITI-42", outcome),
        retrieved=lambda outcome: ("110106", "ITI-43", outcome),
        document=document,
        register_body=register_body,
        on_demand=on_demand_body,
        update_body=update_body,
        c14n=c14n,
        part_of=part_of,
        hl7=hl7,
        link_change=link_change,
        fhir=fhir,
        write_soap=write_soap,
        decision=decision,
        stored_query=stored_query,
        consent_raw=consent_raw,
        REASONS=REASONS,
        medium=medium,
        zipped=zipped,
        import_raw=import_raw,
        standing=standing,
        Forge=Forge,
        empty_record=empty_record,
        STORED=STORED,
        PATIENT=PATIENT,
        OTHER=OTHER,
        RIM=RIM,
        FIND=FIND,
        FIND_MANY=FIND_MANY,
        APPROVED=APPROVED,
    )
