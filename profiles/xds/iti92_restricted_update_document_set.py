"""ITI-92 Restricted Update Document Set (RMU 3.92): metadata of one's documents, but not their identity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import EventAction, submission_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Call, Codec, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.documents import Association, DocumentEntry, Relation, Submission
from gateway.record.domain import Domain
from gateway.record.submission import Standing
from profiles.xds import codes
from profiles.xds.errors import registry_code
from profiles.xds.iti57_update_document_set.revision import (
    Updated,
    UpdateRequest,
    read_update,
    target,
    update,
)
from profiles.xds.wire.replies import registry_response
from profiles.xds.wire.stored import stored_entry

ONLINE = "urn:ihe:iti:2010:DocumentAvailability:Online"


def decode(payload: SoapPayload, domain: Domain) -> UpdateRequest:
    """lcm:SubmitObjectsRequest with new versions of entries and nothing else."""
    submission = read_update(payload, domain)
    problems = [*_shape_problems(submission)]
    if problems:
        raise Refused(*problems)
    return UpdateRequest(submission)


def _shape_problems(submission: Submission) -> Iterator[Problem]:
    head = submission.submission_set.id
    for folder in submission.folders:
        yield Problem(Meaning.OBJECT_TYPE, "a Folder cannot be changed by a restricted update", folder.id)
    for each in submission.associations:
        if each.relation is not Relation.HAS_MEMBER or each.source != head:
            text = f"{each.relation.value} is no part of a restricted update"
            yield Problem(Meaning.UNMODIFIABLE, text, each.id)
    for item in submission.documents:
        members = [each for each in submission.associations if each.target == item.id]
        yield from _member_problems(item, members)


def _member_problems(item: DocumentEntry, members: Sequence[Association]) -> Iterator[Problem]:
    if item.logical_id is not None and item.logical_id.lower() == item.id.lower():
        text = "lid is the entryUUID itself: a first version is registered, not updated"
        yield Problem(Meaning.INVALID_REQUEST, text, item.id)
    if not members:
        text = "no HasMember association of the SubmissionSet brings the entry in"
        yield Problem(Meaning.UPDATE_ANNOTATION, text, item.id)
    for member in members:
        if member.previous_version is None:
            yield Problem(Meaning.UPDATE_VERSION, "PreviousVersion is missing", member.id)
        if member.propagation == "no":
            text = "AssociationPropagation is no; a restricted update keeps the associations"
            yield Problem(Meaning.UPDATE_ANNOTATION, text, member.id)


def encode(response: Updated, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """rs:RegistryResponse."""
    return registry_response(response.problems, _code)


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """rs:RegistryResponse with status Failure."""
    return registry_response(problems, _code)


def _code(problem: Problem) -> str:
    """What the rights forbid has a code of its own here."""
    return registry_code(
        replace(problem, meaning=Meaning.LOCAL_POLICY)
        if problem.meaning is Meaning.NOT_PERMITTED
        else problem
    )


async def handle(call: Call[UpdateRequest], services: Services) -> Updated:
    """Finds the versions before, refuses what may not change, then updates as ITI-57 does."""
    submission = call.request.submission
    found = await _before(submission, services)
    problems: list[Problem] = []
    documents: list[DocumentEntry] = []
    for item in submission.documents:
        held, stored = found.get(item.id, (None, None))
        if held is None or stored is None:
            documents.append(item)
            continue
        problems += _unmodifiable(item, stored, held, call)
        if not home_kept(item.home, stored.home, services.domain):
            problems.append(_changed("homeCommunityId", item))
        documents.append(replace(item, logical_id=held.logical_id, home=stored.home))
    if problems:
        raise Refused(*problems)
    request = UpdateRequest(replace(submission, documents=tuple(documents)))
    return await update(replace(call, request=request), services, deprecated_too=True)


async def _before(submission: Submission, services: Services) -> dict[str, tuple[Standing, DocumentEntry]]:
    """The latest version of each entry, by the id of its successor: found by lid, else by uniqueId."""
    registry = services.registry
    by_lid = await registry.latest([(item.logical_id or "").lower() for item in submission.documents])
    by_unique_id = await registry.latest([item.unique_id for item in submission.documents], "unique_id")
    found: dict[str, tuple[Standing, DocumentEntry]] = {}
    for item in submission.documents:
        lid = (item.logical_id or "").lower()
        if lid:
            held = [each for each in by_lid if each.logical_id == lid]
        else:
            held = [each for each in by_unique_id if each.unique_id == item.unique_id]
        if len(held) > 1:
            text = "several entries have this uniqueId; name the one that is meant by its lid"
            raise Refused(Problem(Meaning.INVALID_REQUEST, text, item.id))
        if held and held[0].kind == "document":
            row = await registry.stored(held[0].id)
            found[item.id] = (held[0], stored_entry(row))
    return found


def _unmodifiable(
    item: DocumentEntry, stored: DocumentEntry, held: Standing, call: Call[UpdateRequest]
) -> Iterator[Problem]:
    """RMU 3.92.4.1.3: what identifies a document, its patient or its place stays."""
    if item.patient is not None and call.scope.keys.get(item.patient) != held.patient:
        text = "XDSDocumentEntry.patientId differs from the version before"
        yield Problem(Meaning.UPDATE_PATIENT, text, item.id)
    if item.unique_id != stored.unique_id:
        text = f"uniqueId is {item.unique_id}, that of the version before is {stored.unique_id}"
        yield Problem(Meaning.UPDATE_IDENTIFIER, text, item.id)
    kept = {
        "objectType": item.type is held.type,
        "sourcePatientId": item.source_patient_id == stored.source_patient_id,
        "repositoryUniqueId": item.repository == stored.repository,
        "documentAvailability": (item.availability or ONLINE) == (stored.availability or ONLINE),
    }
    for name, same in kept.items():
        if not same:
            yield _changed(name, item)


def _changed(name: str, item: DocumentEntry) -> Problem:
    text = f"{name} differs from the version before; a restricted update cannot change it"
    return Problem(Meaning.UNMODIFIABLE, text, item.id)


def home_kept(stated: str | None, stored: str | None, domain: Domain) -> bool:
    """Whether a homeCommunityId is that of the version before: one that has none is of this community.

    An Update Initiator always states it (RMU 3.92), while entries registered here seldom carry it.
    """
    return stated in {None, stored or f"urn:oid:{domain.home_community}"}


TRANSACTION: Transaction[UpdateRequest, Updated] = Transaction(
    code="ITI-92",
    title="Restricted Update Document Set",
    section="ITI RMU: 3.92",
    actors=Actors("Update Initiator", "Update Responder"),
    binding=Soap(
        action="urn:ihe:iti:2018:RestrictedUpdateDocumentSet",
        response_action="urn:ihe:iti:2018:RestrictedUpdateDocumentSetResponse",
        mtom=False,
        request=f"{{{codes.LCM}}}SubmitObjectsRequest",
        response=f"{{{codes.RS}}}RegistryResponse",
        namespace=codes.RMU,
    ),
    action=Action.DOCUMENT_UPDATE,
    audit=submission_event(
        "ITI-92",
        "Restricted Update Document Set",
        received_action=EventAction.UPDATE,
        sent_action=EventAction.UPDATE,
    ),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
