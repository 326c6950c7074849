"""ITI-43 Retrieve Document Set (ITI TF-2 3.43): documents leave by uniqueId, octet for octet."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from gateway.declare.actions import Action
from gateway.declare.bindings import Attachment, Soap, SoapPayload, SoapReply
from gateway.declare.events import retrieve_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Naming, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.stores.repository import Stored
from profiles.xds import codes
from profiles.xds.errors import repository_code
from profiles.xds.wire.replies import Retrieved, retrieve_response
from profiles.xds.wire.requests import DocumentRequest, read_retrieve_request


@dataclass(frozen=True, slots=True)
class RetrieveRequest:
    """The documents asked for, in order."""

    documents: tuple[DocumentRequest, ...]


@dataclass(frozen=True, kw_only=True)
class RetrieveResponse(Answer):
    """The documents found; a problem stands for each that was not."""

    documents: tuple[Retrieved, ...] = ()


def decode(payload: SoapPayload, domain: Domain) -> RetrieveRequest:  # noqa: ARG001 - the shape of a codec
    """xds:RetrieveDocumentSetRequest."""
    return RetrieveRequest(read_retrieve_request(payload))


def encode(response: RetrieveResponse, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """xds:RetrieveDocumentSetResponse: Success, or PartialSuccess with an error for each one missing."""
    return retrieve_response(response.documents, response.problems, repository_code)


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """xds:RetrieveDocumentSetResponse with status Failure."""
    return retrieve_response((), problems, repository_code)


def target(request: RetrieveRequest) -> Target:
    """The records are found through the documents."""
    ids = tuple(dict.fromkeys(item.unique_id for item in request.documents))
    return Target(
        named=(Naming("document", "unique-id", ids),),
        documents=tuple(dict.fromkeys((item.unique_id, item.repository) for item in request.documents)),
    )


async def handle(call: Call[RetrieveRequest], services: Services) -> RetrieveResponse:
    """A document that is unknown, hidden or unreadable is an error of its own; the others are delivered."""
    wanted = call.request.documents
    ours = [item.unique_id for item in wanted if item.repository == services.domain.repository]
    found = await services.repository.read(call.scope, list(dict.fromkeys(ours))) if ours else {}
    documents: list[Retrieved] = []
    problems: list[Problem] = []
    for item in dict.fromkeys(wanted):
        problem = _wrong(item, services.domain)
        stored = found.get(item.unique_id)
        if problem is not None:
            problems.append(problem)
        elif isinstance(stored, Stored):
            documents.append(_retrieved(item, stored))
        else:
            problems.append(stored or _unknown(item))
    if not documents:
        raise Refused(*problems)
    return RetrieveResponse(documents=tuple(documents), problems=tuple(problems))


def _wrong(item: DocumentRequest, domain: Domain) -> Problem | None:
    if item.home and item.home != f"urn:oid:{domain.home_community}":
        return Problem(
            Meaning.UNKNOWN_COMMUNITY, f"homeCommunityId {item.home} is not known here", item.unique_id
        )
    if item.repository != domain.repository:
        return Problem(
            Meaning.UNKNOWN_REPOSITORY,
            f"repositoryUniqueId {item.repository} is not this repository ({domain.repository})",
            item.unique_id,
        )
    return None


def _unknown(item: DocumentRequest) -> Problem:
    """The same words whether the document does not exist or may not be seen."""
    return Problem(Meaning.UNKNOWN_DOCUMENT, f"document {item.unique_id} is not available", item.unique_id)


def _retrieved(item: DocumentRequest, stored: Stored) -> Retrieved:
    return Retrieved(
        home=item.home,
        repository=item.repository,
        unique_id=item.unique_id,
        mime_type=stored.mime_type,
        attachment=Attachment(f"{uuid.uuid4()}@passerelle", stored.mime_type, stored.content),
    )


TRANSACTION: Transaction[RetrieveRequest, RetrieveResponse] = Transaction(
    code="ITI-43",
    title="Retrieve Document Set",
    section="ITI TF-2: 3.43",
    actors=Actors("Document Consumer", "Document Repository"),
    binding=Soap(
        action="urn:ihe:iti:2007:RetrieveDocumentSet",
        response_action="urn:ihe:iti:2007:RetrieveDocumentSetResponse",
        mtom=True,
        request=f"{{{codes.XDSB}}}RetrieveDocumentSetRequest",
        response=f"{{{codes.XDSB}}}RetrieveDocumentSetResponse",
        namespace=codes.XDSB,
        asynchronous=True,
    ),
    action=Action.DOCUMENT_READ,
    audit=retrieve_event("ITI-43", "Retrieve Document Set"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
