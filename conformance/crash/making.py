"""What the clients send: submissions, queries, retrieves and an identity feed, signed as partners sign."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field

from gateway.cli.partner import Acting
from gateway.client import queries, xds
from gateway.client.soap import SoapClient
from gateway.config import Settings
from gateway.record.people import Code

ASSERTION_SECONDS = 60.0
REGISTRY, REPOSITORY = "/xds/registry", "/xds/repository"
PROVIDE = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
QUERY = "urn:ihe:iti:2007:RegistryStoredQuery"
RETRIEVE = "urn:ihe:iti:2007:RetrieveDocumentSet"
LARGE, BETWEEN = 2, 24
"""Of 256 documents so many are spooled, and so many with them have several sealed chunks."""
_LETTER = Code("18842-5", "2.16.840.1.113883.6.1", "Letter")


@dataclass(frozen=True, slots=True)
class Message:
    """A request as octets. `digest` is the SHA-256 of its body in hex, by which the audit knows it."""

    data: bytes
    digest: str


@dataclass(slots=True)
class Maker:
    """Writes the messages of one partner."""

    settings: Settings
    acting: Acting
    client: SoapClient
    _assertion: bytes = b""
    _until: float = field(default=0.0)

    @classmethod
    def at(cls, settings: Settings) -> Maker:
        """Of the hospital."""
        acting = Acting.at(settings, "hospital", "physician")
        client = SoapClient(http=None, signer=acting.identity.signer)  # type: ignore[arg-type]  # it only writes
        return cls(settings, acting, client)

    def provide(self, patient: str, set_id: str, unique_ids: list[str]) -> Message:
        """ITI-41 of documents whose octets follow from their names."""
        documents = [_document(self.acting, patient, each) for each in unique_ids]
        pieces = xds.provide_pieces(documents, set_id, self.acting.endpoints.source_oid)
        return self._soap(REPOSITORY, PROVIDE, pieces, packaged=True)

    def query(self, patient: str) -> Message:
        """ITI-18 FindDocuments."""
        body = queries.find_body(self.acting.full_id(patient))
        return self._soap(REGISTRY, QUERY, [body], packaged=False)

    def retrieve(self, unique_ids: list[str]) -> Message:
        """ITI-43."""
        repository = self.settings.domain.repository_unique_id
        body = queries.retrieve_body([(repository, each) for each in unique_ids])
        return self._soap(REPOSITORY, RETRIEVE, [body], packaged=True)

    def feed(self, patient: str, name: str) -> Message:
        """ITI-8 of a new patient."""
        root = self.settings.domain.affinity_oid
        text = (
            f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A04|{name}|P|2.3.1\r"
            f"EVN|A04|20260101120000\rPID|1||{patient}^^^&{root}&ISO||{name}^ANNA||19800214|F\rPV1|1|O\r"
        ).encode()
        return Message(b"\x0b" + text + b"\x1c\r", hashlib.sha256(text).hexdigest())

    def _soap(self, path: str, action: str, pieces: list, *, packaged: bool) -> Message:  # type: ignore[type-arg]
        if time.monotonic() > self._until:
            self._assertion, self._until = self.acting.assertion(), time.monotonic() + ASSERTION_SECONDS
        url = f"{self.settings.server.public_url}{path}"
        kind, body = self.client.write(url, action, pieces, packaged=packaged, assertion=self._assertion)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return Message(head.encode() + body, hashlib.sha256(body).hexdigest())


def octets_of(unique_id: str) -> bytes:
    """The octets of a document, which follow from its name: mostly some kilobytes, some above a mebibyte."""
    seed = hashlib.sha256(unique_id.encode()).digest()
    more = int.from_bytes(seed[1:3], "big")
    size = 200 + more % 6_000
    if seed[0] < BETWEEN:
        size = 60_000 + more
    if seed[0] < LARGE:
        size = 1_100_000
    return hashlib.shake_256(seed).digest(size)


def _document(acting: Acting, patient: str, unique_id: str) -> xds.Document:
    return xds.Document(
        data=octets_of(unique_id),
        unique_id=unique_id,
        mime_type="application/octet-stream",
        title="Letter",
        patient=acting.full_id(patient),
        class_code=_LETTER,
        type_code=_LETTER,
        format_code=Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "MIME type"),
        confidentiality=Code("N", "2.16.840.1.113883.5.25", "normal"),
        author="dr.crash^Crash^Anna^^^^^^&2.999.2.1&ISO",
        institution="Test Hospital^^^^^^^^^2.999.2.1",
        created="20260101120000",
    )
