"""Requests of a document source and a document consumer (ITI-41, ITI-18, ITI-43), written for themselves.

They share no code with the profile that serves them, so that a mistake there shows here.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from gateway.bindings.unpack import OpenSink
from gateway.client.queries import find_body, retrieve_body, status_body
from gateway.client.session import Endpoints
from gateway.client.soap import Reply, SoapClient
from gateway.crypto.xmldsig import c14n
from gateway.declare.bindings import Attachment, Content, Octets
from gateway.errors import GatewayError
from gateway.record.people import Code

RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
XDSB = "urn:ihe:iti:xds-b:2007"
_NAMESPACES = {"rim": RIM, "rs": RS, "xds": XDSB}


class RegistryFailure(GatewayError):
    """A registry response that is not Success; `codes` are its errorCodes."""

    def __init__(self, codes: Sequence[str], contexts: Sequence[str]) -> None:
        super().__init__("; ".join(f"{code}: {text}" for code, text in zip(codes, contexts, strict=True)))
        self.codes = tuple(codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document to provide. `patient` and `source_patient` are CX; times are DTM in UTC.

    `large` stands in place of `data` for one that is not held in memory.
    """

    data: bytes = b""
    large: Content | None = None
    unique_id: str
    mime_type: str
    title: str
    patient: str
    class_code: Code
    type_code: Code
    format_code: Code
    confidentiality: Code
    author: str
    institution: str
    created: str
    replaces: str | None = None
    events: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """One DocumentEntry found: what a person wants to see, and what a retrieve needs."""

    uuid: str
    unique_id: str
    repository: str
    title: str
    mime_type: str
    class_code: str
    confidentiality: tuple[str, ...]
    created: str
    status: str


async def provide(
    client: SoapClient,
    endpoints: Endpoints,
    documents: Sequence[Document],
    assertion: bytes | None,
    set_id: str | None = None,
) -> str:
    """ITI-41; gives the uniqueId of the SubmissionSet, raises RegistryFailure.

    After a lost answer the same documents under the same `set_id` have the effect of one submission.
    """
    set_id = set_id or new_oid()
    reply = await client.call(
        endpoints.repository,
        "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
        provide_pieces(documents, set_id, endpoints.source_oid),
        packaged=True,
        assertion=assertion,
    )
    _expect_success(reply.element)
    return set_id


def provide_pieces(documents: Sequence[Document], set_id: str, source: str) -> list[bytes | Attachment]:
    """The Body of an ITI-41 in canonical form, cut where the documents stand."""
    pieces: list[bytes | Attachment] = []
    text = _submission(documents, set_id, source)
    for number, document in enumerate(documents):
        text += f'<xds:Document id="Document{number}">'
        pieces += [
            text.encode(),
            Attachment(f"{uuid.uuid4()}@client", document.mime_type, document.large or Octets(document.data)),
        ]
        text = "</xds:Document>"
    pieces.append(f"{text}</xds:ProvideAndRegisterDocumentSetRequest>".encode())
    return _canonical(pieces)


async def find(
    client: SoapClient, endpoints: Endpoints, patient: str, assertion: bytes | None
) -> list[Listed]:
    """ITI-18 FindDocuments of a patient (CX): everything Approved that may be seen."""
    reply = await client.call(
        endpoints.registry,
        "urn:ihe:iti:2007:RegistryStoredQuery",
        [find_body(patient)],
        packaged=False,
        assertion=assertion,
    )
    _expect_success(reply.element)
    return [_listed(each) for each in reply.element.iter(f"{{{RIM}}}ExtrinsicObject")]


async def status(
    client: SoapClient, endpoints: Endpoints, set_id: str, assertion: bytes | None
) -> list[Listed] | None:
    """What became of a submission whose answer was lost: its documents, None when it is not registered."""
    reply = await client.call(
        endpoints.registry,
        "urn:ihe:iti:2007:RegistryStoredQuery",
        [status_body(set_id)],
        packaged=False,
        assertion=assertion,
    )
    _expect_success(reply.element)
    if next(reply.element.iter(f"{{{RIM}}}RegistryPackage"), None) is None:
        return None
    return [_listed(each) for each in reply.element.iter(f"{{{RIM}}}ExtrinsicObject")]


async def retrieve(
    client: SoapClient,
    endpoints: Endpoints,
    documents: Sequence[tuple[str, str]],
    assertion: bytes | None,
) -> dict[str, bytes]:
    """ITI-43 for (repositoryUniqueId, uniqueId) pairs; gives octets by uniqueId."""
    found = await retrieve_contents(client, endpoints, documents, assertion)
    return {name: b"".join(content.chunks()) for name, content in found.items()}


async def retrieve_contents(
    client: SoapClient,
    endpoints: Endpoints,
    documents: Sequence[tuple[str, str]],
    assertion: bytes | None,
    outside: OpenSink | None = None,
) -> dict[str, Content]:
    """The same without holding large documents in memory: `outside` opens what takes them."""
    reply = await client.call(
        endpoints.repository,
        "urn:ihe:iti:2007:RetrieveDocumentSet",
        [retrieve_body(documents)],
        packaged=True,
        assertion=assertion,
        outside=outside,
    )
    _expect_success(reply.element.find("rs:RegistryResponse", _NAMESPACES))
    return dict(_received(reply))


def new_oid() -> str:
    """A fresh OID below the UUID arc 2.25."""
    return f"2.25.{uuid.uuid4().int}"


def _received(reply: Reply) -> list[tuple[str, Content]]:
    found = []
    for item in reply.element.iterfind("xds:DocumentResponse", _NAMESPACES):
        include = item.find("xds:Document/*", _NAMESPACES)
        name = "" if include is None else (include.get("href") or "").removeprefix("cid:")
        content = reply.attachments[name].content
        found.append((item.findtext("xds:DocumentUniqueId", "", _NAMESPACES), content))
    return found


def _expect_success(element: etree._Element | None) -> None:
    status = "" if element is None else element.get("status", "")
    if element is None or not status.endswith(":Success"):
        errors = [] if element is None else list(element.iter(f"{{{RS}}}RegistryError"))
        raise RegistryFailure(
            [each.get("errorCode", "?") for each in errors], [each.get("codeContext", "") for each in errors]
        )


def _canonical(pieces: Sequence[bytes | Attachment]) -> list[bytes | Attachment]:
    """Requests are written for reading, so attributes are put in canonical order here, once.

    Documents are marked by a text of their own while the whole is canonicalized.
    """
    marks = [f"-document-{number}-" for number in range(len(pieces))]
    text = b"".join(
        piece if isinstance(piece, bytes) else mark.encode()
        for piece, mark in zip(pieces, marks, strict=True)
    )
    rest = c14n(etree.fromstring(text))
    cut: list[bytes | Attachment] = []
    for piece, mark in zip(pieces, marks, strict=True):
        if isinstance(piece, Attachment):
            head, _, rest = rest.partition(mark.encode())
            cut += [head, piece]
    return [*cut, rest]


# --- metadata ------------------------------------------------------------------------------------


def _submission(documents: Sequence[Document], set_id: str, source: str) -> str:
    entries = "".join(_entry(document, number) for number, document in enumerate(documents))
    members = "".join(
        _association("HasMember", f"Member{number}", "Set", f"Document{number}", original=True)
        for number in range(len(documents))
    )
    relations = "".join(
        _association("RPLC", f"Replaces{number}", f"Document{number}", document.replaces, original=False)
        for number, document in enumerate(documents)
        if document.replaces
    )
    return (
        f'<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="{XDSB}" xmlns:rim="{RIM}">'
        '<lcm:SubmitObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0">'
        f"<rim:RegistryObjectList>{entries}{_set(documents[0], set_id, source)}{members}{relations}"
        "</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
    )


def _entry(document: Document, number: int) -> str:
    owner = f"Document{number}"
    codes = (
        ("41a5887f-8865-4c09-adf7-e362475b143a", document.class_code),
        ("f0306f51-975f-434e-a61c-c59651d33983", document.type_code),
        ("a09d5840-386c-46f2-b5ad-9c3699a4309d", document.format_code),
        ("f4f85eac-e6cb-4883-b524-f2705394840f", document.confidentiality),
        ("f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", Code("HOSP", "2.999.1.10", "Hospital")),
        ("cccf5598-8b07-4b77-a05e-ae952c785ead", Code("GEN", "2.999.1.11", "General medicine")),
        *(("2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4", event) for event in document.events),
    )
    return (
        f'<rim:ExtrinsicObject id="{owner}" mimeType={quoteattr(document.mime_type)} '
        'objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1">'
        + _slot("creationTime", document.created)
        + _slot("languageCode", "fr-LU")
        + _slot("sourcePatientId", document.patient)
        + f"<rim:Name><rim:LocalizedString value={quoteattr(document.title)}/></rim:Name>"
        + _author(owner, "93606bcf-9494-43ec-9b4e-a7748d1a838d", document)
        + "".join(_coded(owner, scheme, code, at) for at, (scheme, code) in enumerate(codes))
        + _identifier(
            owner, "58a6f841-87b3-4a3e-92fd-a8ffeff98427", document.patient, "DocumentEntry.patientId"
        )
        + _identifier(
            owner, "2e82c1f6-a085-4c72-9da3-8640a32e42ab", document.unique_id, "DocumentEntry.uniqueId"
        )
        + "</rim:ExtrinsicObject>"
    )


def _set(first: Document, set_id: str, source: str) -> str:
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    content = Code("18842-5", "2.16.840.1.113883.6.1", "Episode of care")
    return (
        '<rim:RegistryPackage id="Set">'
        + _slot("submissionTime", now)
        + '<rim:Classification classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd" '
        'classifiedObject="Set" id="Label"/>'
        + _author("Set", "a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d", first)
        + _coded("Set", "aa543740-bdda-424e-8c96-df4873be8500", content, 9)
        + _identifier("Set", "6b5aea1a-874d-4603-a4bc-96a0a7b38446", first.patient, "SubmissionSet.patientId")
        + _identifier("Set", "96fdda7c-d067-4183-912e-bf5ee74998a8", set_id, "SubmissionSet.uniqueId")
        + _identifier("Set", "554ac39e-e3fe-47fe-b233-965d2a147832", source, "SubmissionSet.sourceId")
        + "</rim:RegistryPackage>"
    )


def _author(owner: str, scheme: str, document: Document) -> str:
    return (
        f'<rim:Classification classificationScheme="urn:uuid:{scheme}" classifiedObject="{owner}" '
        f'id="{owner}-author" nodeRepresentation="">'
        f"{_slot('authorPerson', document.author)}{_slot('authorInstitution', document.institution)}"
        "</rim:Classification>"
    )


def _coded(owner: str, scheme: str, code: Code, number: int) -> str:
    return (
        f'<rim:Classification classificationScheme="urn:uuid:{scheme}" classifiedObject="{owner}" '
        f'id="{owner}-code{number}" nodeRepresentation={quoteattr(code.code)}>'
        f"{_slot('codingScheme', code.scheme)}"
        f"<rim:Name><rim:LocalizedString value={quoteattr(code.display or code.code)}/></rim:Name>"
        "</rim:Classification>"
    )


def _identifier(owner: str, scheme: str, value: str, name: str) -> str:
    return (
        f'<rim:ExternalIdentifier id="{owner}-{name}" identificationScheme="urn:uuid:{scheme}" '
        f'registryObject="{owner}" value={quoteattr(value)}>'
        f'<rim:Name><rim:LocalizedString value="XDS{name}"/></rim:Name></rim:ExternalIdentifier>'
    )


def _association(relation: str, name: str, source: str, target: str | None, *, original: bool) -> str:
    prefix = (
        "urn:oasis:names:tc:ebxml-regrep:AssociationType:"
        if original
        else "urn:ihe:iti:2007:AssociationType:"
    )
    slot = _slot("SubmissionSetStatus", "Original") if original else ""
    return (
        f'<rim:Association associationType="{prefix}{relation}" id="{name}" sourceObject="{source}" '
        f'targetObject="{target}">{slot}</rim:Association>'
    )


def _slot(name: str, value: str) -> str:
    listed = f"<rim:ValueList><rim:Value>{escape(value)}</rim:Value></rim:ValueList>"
    return f'<rim:Slot name="{name}">{listed}</rim:Slot>'


# --- answers -------------------------------------------------------------------------------------


def _listed(element: etree._Element) -> Listed:
    def slot(name: str) -> str:
        return element.findtext(f"rim:Slot[@name='{name}']/rim:ValueList/rim:Value", "", _NAMESPACES)

    def external(scheme: str) -> str:
        found = element.find(
            f"rim:ExternalIdentifier[@identificationScheme='urn:uuid:{scheme}']", _NAMESPACES
        )
        return "" if found is None else found.get("value", "")

    def coded(scheme: str) -> tuple[str, ...]:
        found = element.iterfind(
            f"rim:Classification[@classificationScheme='urn:uuid:{scheme}']", _NAMESPACES
        )
        return tuple(each.get("nodeRepresentation", "") for each in found)

    title = element.find("rim:Name/rim:LocalizedString", _NAMESPACES)
    return Listed(
        uuid=element.get("id", ""),
        unique_id=external("2e82c1f6-a085-4c72-9da3-8640a32e42ab"),
        repository=slot("repositoryUniqueId"),
        title="" if title is None else title.get("value", ""),
        mime_type=element.get("mimeType", ""),
        class_code=next(iter(coded("41a5887f-8865-4c09-adf7-e362475b143a")), ""),
        confidentiality=coded("f4f85eac-e6cb-4883-b524-f2705394840f"),
        created=slot("creationTime"),
        status=element.get("status", "").rpartition(":")[2],
    )
