"""Messages written and signed before the clock runs, so that clients only send while it does."""

from __future__ import annotations

import asyncio
import os
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from identities import People, Sampled

from gateway.cli.partner import Acting
from gateway.client import queries, xds
from gateway.client.soap import SoapClient
from gateway.config import Settings
from gateway.crypto.keys import Signer
from gateway.declare.bindings import Attachment
from gateway.record.demographics import Address, Demographics
from gateway.record.people import Code

KINDS = ("iti18", "iti41", "iti43", "adt", "pix", "pdq")
OF_PERSONS = frozenset({"adt", "pix", "pdq"})
"""Kinds over MLLP that work on the index of patients."""
DOCUMENT_SIZE = 35 * 1024
ACTIONS = {
    "iti18": "urn:ihe:iti:2007:RegistryStoredQuery",
    "iti41": "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
    "iti43": "urn:ihe:iti:2007:RetrieveDocumentSet",
}
PATHS = {"iti18": "/xds/registry", "iti41": "/xds/repository", "iti43": "/xds/repository"}


@dataclass(frozen=True, slots=True)
class Wire:
    """One request as octets: an HTTP request, or a framed HL7 v2 message."""

    data: bytes
    good: bytes


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What messages are made from. `pattern` is the uniqueId of a stored document to multiply."""

    settings: Settings
    acting: Acting
    fed: tuple[str, ...]
    stored: tuple[str, ...]
    pattern: str
    people: Sequence[Sampled] = ()

    @classmethod
    def open(cls, settings: Settings, patients: int, documents: int) -> Workshop:
        """Feeds patients and stores documents through the running system."""
        acting = Acting.at(settings, "hospital", "physician")
        mark = uuid.uuid4().hex[:6]
        fed = tuple(f"BENCH-{mark}-{number}" for number in range(patients))
        stored = asyncio.run(_set_up(acting, fed, documents))
        return cls(settings=settings, acting=acting, fed=fed, stored=stored, pattern=stored[0])

    def make(self, kind: str, count: int, patients: Sequence[str], seed: int) -> list[Wire]:
        """`count` different messages of a kind."""
        chance = random.Random(seed)  # noqa: S311 - choice of patients, no secret
        if kind == "adt":
            people, root = People(seed), self.settings.domain.affinity_oid
            return [
                self._mllp(adt(f"NEW-{seed}-{number}", root, people.one()), b"MSA|AA")
                for number in range(count)
            ]
        if kind in OF_PERSONS:
            write = _pix_query if kind == "pix" else _pdq_query
            return [self._mllp(write(chance.choice(self.people)), b"|OK") for _ in range(count)]
        assertion = self.acting.assertion()
        bodies: dict[str, Callable[[], list[bytes | Attachment]]] = {
            "iti18": lambda: [_query(self.acting.full_id(chance.choice(patients)))],
            "iti43": lambda: [
                _retrieve(self.settings.domain.repository_unique_id, chance.choice(self.stored))
            ],
            "iti41": lambda: pieces_of(self.acting, [_document(self.acting, chance.choice(self.fed))]),
        }
        signer = self.acting.identity.signer
        return [self._soap(kind, bodies[kind](), assertion, signer) for _ in range(count)]

    def _soap(
        self, kind: str, pieces: list[bytes | Attachment], assertion: bytes, signer: Signer | None
    ) -> Wire:
        path = PATHS[kind]
        client = SoapClient(http=None, signer=signer)  # type: ignore[arg-type]  # it only writes
        url = f"{self.settings.server.public_url}{path}"
        content_type, body = client.write(
            url, ACTIONS[kind], pieces, packaged=kind != "iti18", assertion=assertion
        )
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return Wire(head.encode() + body, b"ResponseStatusType:Success")

    def _mllp(self, text: bytes, good: bytes) -> Wire:
        return Wire(b"\x0b" + text + b"\x1c\r", good)


def _header(kind: str, version: str) -> str:
    name = uuid.uuid4().hex[:20]
    parties = "EMR|HOSPITAL|PASSERELLE|DSP|20260101120000"
    return f"MSH|^~\\&|{parties}||{kind}|{name}|P|{version}||||||UNICODE UTF-8\r"


def adt(patient: str, root: str, told: Demographics) -> bytes:
    """An ADT^A04 of a new patient."""
    name, home = told.name, (told.addresses or (Address(),))[0]
    phone = told.telecoms[0].value if told.telecoms else ""
    called = "^".join((name.family, *name.given))
    return (
        f"{_header('ADT^A04', '2.3.1')}EVN|A04|20260101120000\r"
        f"PID|1||{patient}^^^&{root}&ISO||{called}||{told.birth_date}|{told.sex}|||"
        f"{''.join(home.lines)}^^{home.city}^^{home.postcode}^{home.country}||{phone}\rPV1|1|O\r"
    ).encode()


def _pix_query(asked: Sampled) -> bytes:
    """All other identifiers of a person who has one."""
    return (
        f"{_header('QBP^Q23^QBP_Q21', '2.5')}QPD|IHE PIX Query|{uuid.uuid4().hex[:16]}|"
        f"{asked.id.extension}^^^&{asked.id.root}&ISO\rRCP|I\r"
    ).encode()


def _pdq_query(asked: Sampled) -> bytes:
    """A person by family name and birth date."""
    return (
        f"{_header('QBP^Q22^QBP_Q21', '2.5')}QPD|IHE PDQ Query|{uuid.uuid4().hex[:16]}|"
        f"@PID.5.1.1^{asked.told.name.family}~@PID.7^{asked.told.birth_date}\rRCP|I\r"
    ).encode()


async def _set_up(acting: Acting, patients: Sequence[str], documents: int) -> tuple[str, ...]:
    people = People(len(patients))
    for patient in patients:
        answer = await acting.feed(adt(patient, acting.endpoints.patient_id_root, people.one()))
        if b"MSA|AA" not in answer:
            raise RuntimeError(f"feed refused: {answer!r}")
    stored = []
    async with acting.identity.http() as http:
        client = SoapClient(http=http, signer=acting.identity.signer)
        for number in range(documents):
            document = _document(acting, patients[number % len(patients)])
            await xds.provide(client, acting.endpoints, [document], acting.assertion())
            stored.append(document.unique_id)
    return tuple(stored)


def pieces_of(acting: Acting, documents: Sequence[xds.Document]) -> list[bytes | Attachment]:
    """The Body of an ITI-41, cut at the documents."""
    return xds.provide_pieces(documents, xds.new_oid(), acting.endpoints.source_oid)


def _document(acting: Acting, patient: str) -> xds.Document:
    text = b"<ClinicalDocument>" + os.urandom(DOCUMENT_SIZE // 2 - 20).hex().encode() + b"</ClinicalDocument>"
    return xds.Document(
        data=text,
        unique_id=xds.new_oid(),
        mime_type="text/xml",
        title="Bench letter",
        patient=acting.full_id(patient),
        class_code=Code("18842-5", "2.16.840.1.113883.6.1", "Letter"),
        type_code=Code("18842-5", "2.16.840.1.113883.6.1", "Letter"),
        format_code=Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "MIME type"),
        confidentiality=Code("N", "2.16.840.1.113883.5.25", "normal"),
        author="dr.bench^Bench^Anna^^^^^^&2.999.2.1&ISO",
        institution="Test Hospital^^^^^^^^^2.999.2.1",
        created="20260101120000",
    )


def _query(patient: str) -> bytes:
    return queries.find_body(patient)


def _retrieve(repository: str, unique_id: str) -> bytes:
    return queries.retrieve_body([(repository, unique_id)])
