"""ITI-68 Retrieve Document (MHD 2:3.68): the octets of one document, by the URL of its DocumentReference."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.bindings.fhirrequest import accepts
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest
from gateway.declare.events import retrieve_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Naming, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.stores.repository import Stored
from gateway.stores.search import ENTRY, Ask, Condition
from profiles.mhd.codes import UUID
from profiles.mhd.errors import outcome_reply

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNKNOWN_TYPE = "application/octet-stream"
_UNSAFE = re.compile(r"[^\x21-\x7e]")


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """The entryUUID of the document asked for, the media types accepted, and the repository we are."""

    entry: str
    accept: str
    repository: str


@dataclass(frozen=True, kw_only=True)
class Document(Answer):
    """The octets with their stored media type."""

    stored: Stored


def decode(payload: FhirRequest, domain: Domain) -> DocumentRequest:
    """The id in the path is the entryUUID without its prefix."""
    identifier = payload.variables["id"]
    if not _ID.fullmatch(identifier):
        raise _not_found()
    return DocumentRequest(f"{UUID}{identifier}", payload.accept, domain.repository)


def encode(response: Document, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """The octets as they were stored; a browser saves them, and runs nothing of them."""
    stored = response.stored
    headers = {"content-disposition": "attachment", "content-security-policy": "sandbox; default-src 'none'"}
    return FhirReply(200, _UNSAFE.sub("", stored.mime_type) or _UNKNOWN_TYPE, stored.content, headers)


def target(request: DocumentRequest) -> Target:
    """The record is found through the document; its URL names it in the audit."""
    return Target(
        named=(Naming("document", "uuid", (request.entry,)),),
        documents=((request.entry, request.repository),),
    )


async def handle(call: Call[DocumentRequest], services: Services) -> Document:
    """What does not exist and what may not be seen get the same answer. Deprecated documents are read."""
    wanted = Condition("uuid", Ask.IN, (call.request.entry,))
    rows = await services.registry.find(call.scope, ENTRY, (wanted,), 1)
    if not rows:
        raise _not_found()
    unique_id = rows[0].unique_id
    found = (await services.repository.read(call.scope, [unique_id])).get(unique_id)
    if isinstance(found, Problem):
        raise Refused(found)
    if found is None:
        raise _not_found()
    if not accepts(call.request.accept, found.mime_type):
        text = f"the document is {found.mime_type}, which is not accepted"
        raise Refused(Problem(Meaning.NOT_ACCEPTABLE, text, "Accept"))
    return Document(stored=found)


def _not_found() -> Refused:
    return Refused(Problem(Meaning.NOT_FOUND, "no document is available at this URL", "Binary"))


TRANSACTION: Transaction[DocumentRequest, Document] = Transaction(
    code="ITI-68",
    title="Retrieve Document",
    section="MHD 2:3.68",
    actors=Actors("Document Consumer", "Document Responder"),
    binding=Fhir(method="GET", path="/Binary/{id}", gives="*/*"),
    action=Action.DOCUMENT_READ,
    audit=retrieve_event("ITI-68", "Retrieve Document"),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
