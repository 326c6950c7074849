"""ITI-86 Remove Documents (RMD 3.86): octets leave the repository; their keys are destroyed with them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import ObjectKind, removal_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Naming, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from profiles.xds import codes
from profiles.xds.errors import repository_code
from profiles.xds.wire.replies import removal_response
from profiles.xds.wire.requests import DocumentRequest, read_remove_documents


@dataclass(frozen=True, slots=True)
class RemoveDocumentsRequest:
    """The documents to remove, in order."""

    documents: tuple[DocumentRequest, ...]


@dataclass(frozen=True, kw_only=True)
class DocumentsRemoved(Answer):
    """A problem stands for each document that was not removed."""


def decode(payload: SoapPayload, domain: Domain) -> RemoveDocumentsRequest:  # noqa: ARG001 - as all codecs
    """rmd:RemoveDocumentsRequest."""
    return RemoveDocumentsRequest(read_remove_documents(payload))


def encode(response: DocumentsRemoved, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """rs:RegistryResponse: Success, or PartialSuccess with an error for each document that stays."""
    return removal_response(response.problems, repository_code, some=True)


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """rs:RegistryResponse with status Failure."""
    return removal_response(problems, repository_code, some=False)


def target(request: RemoveDocumentsRequest) -> Target:
    """The records are found through the documents, or through what is kept of them alone."""
    ids = tuple(dict.fromkeys(item.unique_id for item in request.documents))
    return Target(
        named=(Naming("document", "unique-id", ids), Naming("content", "unique-id", ids)),
        documents=tuple(dict.fromkeys((item.unique_id, item.repository) for item in request.documents)),
    )


async def handle(call: Call[RemoveDocumentsRequest], services: Services) -> DocumentsRemoved:
    """Each document on its own; the metadata stay until they are removed too (RMD 3.86.4.1.3)."""
    problems: list[Problem] = []
    removed = 0
    for item in dict.fromkeys(call.request.documents):
        problem = await _remove(call, item, services)
        if problem is None:
            removed += 1
        else:
            problems.append(problem)
    if not removed:
        raise Refused(*problems)
    return DocumentsRemoved(problems=tuple(problems))


async def _remove(
    call: Call[RemoveDocumentsRequest], item: DocumentRequest, services: Services
) -> Problem | None:
    if item.repository != services.domain.repository:
        text = f"repositoryUniqueId {item.repository} is not this repository ({services.domain.repository})"
        return Problem(Meaning.UNKNOWN_REPOSITORY, text, item.unique_id)
    if await services.access.documents.in_force(call.scope.patients, {item.unique_id}):
        text = f"document {item.unique_id} states a consent that is in force; deprecate it first"
        return Problem(Meaning.REMOVAL, text, item.unique_id)
    if await services.repository.remove(call.work, call.scope, item.unique_id):
        return None
    text = f"document {item.unique_id} is not available"
    return Problem(Meaning.UNKNOWN_DOCUMENT, text, item.unique_id)


TRANSACTION: Transaction[RemoveDocumentsRequest, DocumentsRemoved] = Transaction(
    code="ITI-86",
    title="Remove Documents",
    section="ITI RMD: 3.86",
    actors=Actors("Document Administrator", "Document Repository"),
    binding=Soap(
        action="urn:ihe:iti:2017:RemoveDocuments",
        response_action="urn:ihe:iti:2017:RemoveDocumentsResponse",
        mtom=False,
        request=f"{{{codes.RMD}}}RemoveDocumentsRequest",
        response=f"{{{codes.RS}}}RegistryResponse",
        namespace=codes.RMD,
    ),
    action=Action.DOCUMENT_REMOVE,
    audit=removal_event("ITI-86", "Remove Documents", ObjectKind.DOCUMENT),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
