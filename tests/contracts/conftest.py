"""A whole gateway in the process, on a fresh database, with one valid message for each declared transaction."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import shutil
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from lxml import etree

from gateway.cli.compose import Gateway, compose
from gateway.cli.init import create
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.client import xds
from gateway.client.soap import SoapClient
from gateway.config import Settings
from gateway.crypto.xmldsig import c14n
from gateway.declare.bindings import Raw, Sealed
from gateway.declare.transaction import AnyTransaction
from gateway.pipeline.engine import Engine
from gateway.pipeline.exchange import WireForm
from gateway.pipeline.run import run
from gateway.record.people import Code
from gateway.stores.migrate import upgrade

PATIENT, OTHER = "CONTRACT-1", "CONTRACT-2"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("contracts") / "home"
    create(home, "integration")
    settings = load_settings(home / "passerelle.toml")
    upgrade(settings.database.url)
    return settings


@dataclass
class House:
    """One gateway with its database file, blobs and ways to call it."""

    gateway: Gateway
    settings: Settings

    def partner(self, name: str, role: str) -> Acting:
        return Acting.at(self.settings, name, role)

    def form(self, name: str) -> WireForm:
        return {"soap": self.gateway.soap, "fhir": self.gateway.fhir, "hl7v2": self.gateway.hl7v2}[name]

    async def call(self, form: str, raw: Raw, engine: Engine | None = None) -> Sealed:
        return await run(raw, self.form(form), engine or self.gateway.engine)

    def peer(self, raw: Raw, name: str) -> Raw:
        signer = self.partner(name, "physician").identity.signer
        assert signer is not None
        return replace(raw, peer_certificate=signer.certificate, peer_host="127.0.0.1")

    def audit_rows(self) -> int:
        return int(self._query("SELECT count(*) FROM audit")[0][0])

    def state(self) -> str:
        """A digest of everything but the audit: all tables, and the names of the blobs."""
        running = hashlib.sha256()
        for (table,) in self._query("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name"):
            if not table.startswith("audit"):
                running.update(repr(self._query(f"SELECT * FROM {table}")).encode())  # noqa: S608
        blobs = sorted(str(path) for path in self.settings.content.directory.rglob("*") if path.is_file())
        running.update(repr(blobs).encode())
        return running.hexdigest()

    def _query(self, statement: str) -> list[tuple[object, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def house(installation: Settings, tmp_path: Path) -> Iterator[House]:
    database = tmp_path / "record.db"
    shutil.copy(installation.database.url.removeprefix("sqlite:///"), database)
    settings = replace(
        installation,
        database=replace(installation.database, url=f"sqlite:///{database}"),
        content=replace(installation.content, directory=tmp_path / "content"),
    )
    gateway = compose(settings)
    yield House(gateway, settings)
    asyncio.run(gateway.close())


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
) -> Raw:
    acting = house.partner(partner, role)
    path = house.gateway.engine.catalogue.endpoint(transaction)
    client = SoapClient(http=None, signer=acting.identity.signer)  # type: ignore[arg-type]
    content_type, body = client.write(
        f"{house.settings.server.public_url}{path}",
        transaction.binding.action,
        pieces,
        packaged=transaction.binding.mtom,
        assertion=acting.assertion(),
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


def query_body(house: House) -> bytes:
    patient = house.partner("hospital", "physician").full_id(PATIENT).replace("&", "&amp;")
    status = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
    slots = "".join(
        f'<rim:Slot name="{name}"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>'
        for name, value in (
            ("$XDSDocumentEntryPatientId", f"'{patient}'"),
            ("$XDSDocumentEntryStatus", f"('{status}')"),
        )
    )
    return (
        '<query:AdhocQueryRequest xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0">'
        '<query:ResponseOption returnComposedObjects="true" returnType="LeafClass"></query:ResponseOption>'
        f'<rim:AdhocQuery xmlns:rim="{RIM}" id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d">{slots}'
        "</rim:AdhocQuery></query:AdhocQueryRequest>"
    ).encode()


def retrieve_body(unique_id: str) -> bytes:
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


def fhir(house: House, path: str, query: str = "", *, with_token: bool = True) -> Raw:
    base = f"{house.settings.server.public_url}/fhir"
    headers = {"accept": "application/fhir+json"}
    if with_token:
        token = base64.urlsafe_b64encode(house.partner("hospital", "physician").assertion()).rstrip(b"=")
        headers["authorization"] = f"Bearer {token.decode()}"
    target = f"{base}{path}" + (f"?{query}" if query else "")
    raw = Raw(method="GET", path=f"/fhir{path}", query=query, target=target, headers=headers)
    return house.peer(raw, "hospital")


STORED = "2.25.4711"
Maker = Callable[[House, AnyTransaction], Awaitable[Raw]]


async def prepare(house: House) -> None:
    """Two known patients, one stored document; so that every message below would succeed."""
    for patient in (PATIENT, OTHER):
        answer = await house.call("hl7v2", hl7(house, "A01", patient))
        assert b"MSA|AA" in b"".join(answer.pieces)


def entry_uuid(house: House) -> str:
    found = house._query(f"SELECT uuid FROM entry WHERE unique_id = '{STORED}'")
    return str(found[0][0]).removeprefix("urn:uuid:")


def message(house: House, transaction: AnyTransaction) -> tuple[str, Raw]:
    """The wire form and one valid message."""
    root = house.settings.domain.affinity_oid
    makers: dict[str, Callable[[], tuple[str, Raw]]] = {
        "ITI-41": lambda: (
            "soap",
            write_soap(house, transaction, provide_pieces(house, document(house, xds.new_oid()))),
        ),
        "ITI-42": lambda: ("soap", write_soap(house, transaction, [register_body(house, xds.new_oid())])),
        "ITI-18": lambda: ("soap", write_soap(house, transaction, [query_body(house)])),
        "ITI-43": lambda: ("soap", write_soap(house, transaction, [retrieve_body(STORED)])),
        "ITI-67": lambda: (
            "fhir",
            fhir(house, "/DocumentReference", f"patient.identifier=urn:oid:{root}|{PATIENT}&status=current"),
        ),
        "ITI-68": lambda: ("fhir", fhir(house, f"/Binary/{entry_uuid(house)}")),
        "ITI-8": lambda: ("hl7v2", _feed(house, transaction)),
    }
    return makers.get(transaction.code, lambda: ("fhir", fhir(house, "/metadata", with_token=False)))()


def _feed(house: House, transaction: AnyTransaction) -> Raw:
    trigger = transaction.binding.triggers[0]
    return hl7(house, trigger, "FRESH" if trigger != "A40" else PATIENT, OTHER if trigger == "A40" else None)


@pytest.fixture
def ready(house: House) -> Iterator[House]:
    """The house with known patients and one stored document."""
    transactions = {each.code: each for each in house.gateway.engine.catalogue.transactions()}
    asyncio.run(prepare(house))
    stored = write_soap(house, transactions["ITI-41"], provide_pieces(house, document(house, STORED)))
    answer = asyncio.run(house.call("soap", stored))
    assert b"ResponseStatusType:Success" in b"".join(answer.pieces), answer
    yield house


@pytest.fixture
def message_of() -> Callable[[House, AnyTransaction], tuple[str, Raw]]:
    return message
