"""ITI-41 Provide and Register Document Set-b (ITI TF-2 3.41): documents are stored, then registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.declare.actions import Action
from gateway.declare.bindings import Content, Soap, SoapPayload, SoapReply
from gateway.declare.events import submission_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.documents import DocumentEntry, Submission
from gateway.record.domain import Domain
from gateway.stores.content import Measured
from gateway.stores.registry import different_octets
from gateway.stores.repository import measure_once
from profiles.xds import codes
from profiles.xds.errors import repository_code
from profiles.xds.iti42_register_document_set_b import already_registered, register, submission_target
from profiles.xds.rules import Column
from profiles.xds.wire.replies import registry_response
from profiles.xds.wire.requests import (
    document_problems,
    documents_of,
    expect_root,
    read_submit_request,
    submit_request_of,
)


@dataclass(frozen=True, slots=True)
class ProvideRequest:
    """A submission with the octets of its documents, by entry id."""

    submission: Submission
    contents: Mapping[str, Content]


@dataclass(frozen=True, kw_only=True)
class Provided(Answer):
    """Success; `problems` can only be warnings."""


def decode(payload: SoapPayload, domain: Domain) -> ProvideRequest:
    """The request of a Document Source of XDS."""
    return read_request(payload, Column.SOURCE, domain)


def read_request(payload: SoapPayload, column: Column, domain: Domain) -> ProvideRequest:
    """xds:ProvideAndRegisterDocumentSetRequest; every fault of metadata and documents is named at once."""
    request = expect_root(payload, f"{{{codes.XDSB}}}ProvideAndRegisterDocumentSetRequest")
    submit = submit_request_of(request)
    contents, used, unread = documents_of(request, payload.attachments)
    entries = [item.get("id") or "" for item in submit.iter(f"{{{codes.RIM}}}ExtrinsicObject")]
    stray = sorted(set(payload.attachments) - set(used))
    problems = document_problems(entries, contents, unread, stray)
    return ProvideRequest(read_submit_request(submit, column, domain, problems), contents)


def encode(response: Provided, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """rs:RegistryResponse."""
    return registry_response(response.problems, repository_code)


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """rs:RegistryResponse with status Failure."""
    return registry_response(problems, repository_code)


def target(request: ProvideRequest) -> Target:
    """The patient, the set, and the classes of what is provided."""
    return submission_target(request.submission)


async def handle(call: Call[ProvideRequest], services: Services) -> Provided:
    """Stores each document durably, then registers all in one go (ITI TF-2 3.41.4.1.3)."""
    measured = await measure_documents(call.request)
    submission = completed(call.request, measured, services.domain)
    if not await already_registered(submission, services):
        await store(call, submission.documents, measured, services)
        await register(call, submission, services, contents=by_unique_id(call.request))
    return Provided(problems=submission.warnings)


def by_unique_id(request: ProvideRequest) -> dict[str, Content]:
    """The octets of every document, by uniqueId."""
    return {item.unique_id: request.contents[item.id] for item in request.submission.documents}


async def measure_documents(request: ProvideRequest) -> dict[str, Measured]:
    """Hash and size of every document, by entry id."""
    return {item.id: await measure_once(request.contents[item.id]) for item in request.submission.documents}


def completed(request: ProvideRequest, measured: Mapping[str, Measured], domain: Domain) -> Submission:
    """The submission with our hash, size and repositoryUniqueId; Refused if it said something else."""
    _compare(request.submission, measured)
    documents = tuple(_completed(item, measured[item.id], domain) for item in request.submission.documents)
    return replace(request.submission, documents=documents)


def _compare(submission: Submission, measured: Mapping[str, Measured]) -> None:
    """What the metadata say of hash and size is true, where they say it."""
    problems = []
    for item in submission.documents:
        found = measured[item.id]
        if item.hash is not None and item.hash.lower() != found.sha1:
            problems.append(_differs(item, "hash", item.hash.lower(), found.sha1))
        if item.size is not None and item.size != found.size:
            problems.append(_differs(item, "size", str(item.size), str(found.size)))
    if problems:
        raise Refused(*problems)


def _differs(item: DocumentEntry, name: str, told: str, found: str) -> Problem:
    return Problem(
        Meaning.CONTENT_MISMATCH, f"{name} is {told} in the metadata, the document has {found}", item.id
    )


def _completed(item: DocumentEntry, found: Measured, domain: Domain) -> DocumentEntry:
    """The repository's own values replace whatever the source wrote."""
    return replace(item, hash=found.sha1, size=found.size, repository=domain.repository)


async def store(
    call: Call[ProvideRequest],
    documents: tuple[DocumentEntry, ...],
    measured: Mapping[str, Measured],
    services: Services,
) -> None:
    """Octets that are here already are not stored again; other octets under a known id are refused."""
    held = await services.repository.measured([item.unique_id for item in documents])
    keys = call.scope.keys
    for item in documents:
        known = held.get(item.unique_id)
        if known is not None and known.sha1 != item.hash:
            raise Refused(different_octets(item.unique_id))
        if known is None and item.patient is not None:
            await services.repository.put(
                call.work,
                call.scope,
                keys[item.patient],
                item.unique_id,
                item.mime_type,
                call.request.contents[item.id],
                call.at,
                measured=measured[item.id],
            )


TRANSACTION: Transaction[ProvideRequest, Provided] = Transaction(
    code="ITI-41",
    title="Provide and Register Document Set-b",
    section="ITI TF-2: 3.41",
    actors=Actors("Document Source", "Document Repository"),
    binding=Soap(
        action="urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
        response_action="urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse",
        mtom=True,
        request=f"{{{codes.XDSB}}}ProvideAndRegisterDocumentSetRequest",
        response=f"{{{codes.RS}}}RegistryResponse",
        namespace=codes.XDSB,
        asynchronous=True,
    ),
    action=Action.DOCUMENT_PUBLISH,
    audit=submission_event("ITI-41", "Provide and Register Document Set-b"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
