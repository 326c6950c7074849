"""ITI-42 Register Document Set-b (ITI TF-2 3.42): metadata of stored documents enter the registry."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gateway.declare.actions import Action
from gateway.declare.bindings import Content, Soap, SoapPayload, SoapReply
from gateway.declare.events import submission_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Naming, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.consents import states_consent
from gateway.record.documents import DocumentEntry, Submission
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from gateway.record.submission import Admission, admit, digest
from gateway.rights.documents import unread
from gateway.stores.registry import different_octets
from profiles.xds import codes
from profiles.xds.errors import registry_code
from profiles.xds.rules import Column
from profiles.xds.wire import write
from profiles.xds.wire.replies import registry_response
from profiles.xds.wire.requests import expect_root, read_submit_request

_METADATA_ONLY: Mapping[str, Content] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """A submission whose documents are kept by some repository."""

    submission: Submission


@dataclass(frozen=True, kw_only=True)
class Registered(Answer):
    """Success; `problems` can only be warnings."""


def decode(payload: SoapPayload, domain: Domain) -> RegisterRequest:
    """lcm:SubmitObjectsRequest, with hash, size and repositoryUniqueId given by the repository."""
    request = expect_root(payload, f"{{{codes.LCM}}}SubmitObjectsRequest")
    return RegisterRequest(read_submit_request(request, Column.REPOSITORY, domain))


def encode(response: Registered, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """rs:RegistryResponse."""
    return registry_response(response.problems, registry_code)


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """rs:RegistryResponse with status Failure."""
    return registry_response(problems, registry_code)


def target(request: RegisterRequest) -> Target:
    """The patient, the set, and the classes of what is registered."""
    return submission_target(request.submission)


def submission_target(submission: Submission) -> Target:
    """What a submission is about, for the decision and the audit; ITI-41 uses it too."""
    return Target(
        patients=submission.patients,
        submission_sets=(submission.submission_set.unique_id,),
        classes=frozenset(item.class_code.code for item in submission.documents if item.class_code),
        also=also_done(submission.documents),
        changed=replaced_in(submission),
    )


def also_done(documents: Iterable[DocumentEntry]) -> tuple[Action, ...]:
    """Who brings a consent document decides about access, beside publishing it."""
    return (Action.RIGHTS_CHANGE,) if any(states_consent(item) for item in documents) else ()


def replaced_in(submission: Submission) -> tuple[Naming, ...]:
    """What a submission deprecates by itself."""
    targets = tuple(each.target.lower() for each in submission.associations if each.relation.replaces)
    return (Naming("document", "uuid", targets),) if targets else ()


async def handle(call: Call[RegisterRequest], services: Services) -> Registered:
    """Registers; the same submission again is answered as the first time."""
    submission = call.request.submission
    if not await already_registered(submission, services):
        await register(call, submission, services)
    return Registered(problems=(*submission.warnings, *unread(submission)))


async def already_registered(submission: Submission, services: Services) -> bool:
    """Whether this very submission was registered before (exactly once); Refused if another used its id."""
    unique_id = submission.submission_set.unique_id
    known = await services.registry.submitted(unique_id)
    if known is None:
        return False
    if known == digest(submission):
        return True
    raise Refused(
        Problem(
            Meaning.DUPLICATE_IN_REGISTRY,
            f"SubmissionSet uniqueId {unique_id} is already used in this registry",
            unique_id,
        )
    )


async def register(
    call: Call[Any],
    submission: Submission,
    services: Services,
    *,
    marked: str | None = None,
    contents: Mapping[str, Content] = _METADATA_ONLY,
) -> Admission:
    """Admits a submission and notes what it adds; the same for ITI-41, ITI-42 and ITI-61.

    `marked` is the digest of what was sent, where a recipient left something out of it (XDR). `contents` are
    the octets of documents, by uniqueId: what a consent document states is kept together with it.
    """
    await _refuse_other_octets(submission.documents, services)
    keys = call.scope.keys
    admission = await admit(submission, services.registry, keys, new_entry_uuid, marked=marked)
    await services.access.documents.take(call, submission, admission, contents)
    fragments = fragments_of(admission.submission)
    patient = _patient(admission.submission)
    services.registry.register(call.work, call.scope, admission, fragments, keys[patient], call.at)
    return admission


def new_entry_uuid() -> str:
    """An entryUUID for an object that came with a symbol."""
    return f"urn:uuid:{uuid.uuid4()}"


def _patient(submission: Submission) -> PatientId:
    """The rules let only submissions of one patient pass."""
    return submission.patients[0]


async def _refuse_other_octets(documents: tuple[DocumentEntry, ...], services: Services) -> None:
    """A uniqueId that is known stands for the same octets (ITI TF-2 3.42.4.1.3.3.1)."""
    claims = await services.registry.claims([item.unique_id for item in documents]) if documents else {}
    problems = []
    for item in documents:
        known = claims.get(item.unique_id)
        if known is None or item.hash is None:
            continue
        if item.hash.lower() != known[0]:
            problems.append(different_octets(item.unique_id))
        elif item.size != known[1]:
            problems.append(different_octets(item.unique_id, size=True))
    if problems:
        raise Refused(*problems)


def fragments_of(submission: Submission) -> dict[str, str]:
    """The canonical fragment of every object, by entryUUID."""
    written = {submission.submission_set.id: write.set_fragment(submission.submission_set)}
    written |= {item.id: write.entry_fragment(item) for item in submission.documents}
    written |= {item.id: write.folder_fragment(item) for item in submission.folders}
    written |= {item.id: write.association_fragment(item) for item in submission.associations}
    return written


TRANSACTION: Transaction[RegisterRequest, Registered] = Transaction(
    code="ITI-42",
    title="Register Document Set-b",
    section="ITI TF-2: 3.42",
    actors=Actors("Document Repository", "Document Registry"),
    binding=Soap(
        action="urn:ihe:iti:2007:RegisterDocumentSet-b",
        response_action="urn:ihe:iti:2007:RegisterDocumentSet-bResponse",
        mtom=False,
        request=f"{{{codes.LCM}}}SubmitObjectsRequest",
        response=f"{{{codes.RS}}}RegistryResponse",
        namespace=codes.XDSB,
        asynchronous=True,
    ),
    action=Action.DOCUMENT_REGISTER,
    audit=submission_event("ITI-42", "Register Document Set-b"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
