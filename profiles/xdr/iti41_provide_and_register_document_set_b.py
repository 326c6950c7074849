"""ITI-41 at a Document Recipient (XDR; ITI TF-2 3.41): what is pushed joins its patient's record."""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from gateway.crypto.safexml import text_of
from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import submission_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Call, Codec, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.associations import referred, unhonoured
from gateway.record.documents import Association, Relation, Status, Submission
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from gateway.record.submission import assign_ids, digest
from profiles.xdr.errors import recipient_code
from profiles.xds import codes
from profiles.xds import iti41_provide_and_register_document_set_b as xds
from profiles.xds.iti42_register_document_set_b import already_registered, new_entry_uuid, register
from profiles.xds.rules import Column
from profiles.xds.rules.unknown import with_unknowns
from profiles.xds.wire.read import patient_id
from profiles.xds.wire.replies import registry_response

_XDR = "{urn:ihe:iti:xdr:2014}"
_HOME_HEADER = f"{{*}}Header/{_XDR}homeCommunityBlock/{_XDR}homeCommunityId"
_HOME_SLOT = (
    f"{{{codes.LCM}}}SubmitObjectsRequest/{{{codes.RS}}}RequestSlotList/"
    f"{{{codes.RIM}}}Slot[@name='homeCommunityId']/{{{codes.RIM}}}ValueList/{{{codes.RIM}}}Value"
)
_LEFT_OUT = {
    Relation.APPEND: Meaning.PARTIAL_APPEND,
    Relation.REPLACE: Meaning.PARTIAL_REPLACE,
    Relation.TRANSFORM: Meaning.PARTIAL_TRANSFORM,
    Relation.TRANSFORM_REPLACE: Meaning.PARTIAL_TRANSFORM_REPLACE,
}


def decode(payload: SoapPayload, domain: Domain) -> xds.ProvideRequest:
    """As for a repository, in the column of the sender; a patient that is not named is the source's."""
    request = xds.read_request(payload, _column(payload.element), domain)
    _refuse_other_communities(payload.element, domain)
    return replace(request, submission=_of_one_patient(request.submission))


def _column(request: etree._Element) -> Column:
    """The flags of limited metadata tell which sender it is (ITI TF-3 4.3.1)."""
    flagged = (
        item.get("classificationNode") in codes.LIMITED_NODES
        for item in request.iter(f"{{{codes.RIM}}}Classification")
    )
    return Column.XDR_LIMITED if any(flagged) else Column.XDR_SOURCE


def _refuse_other_communities(request: etree._Element, domain: Domain) -> None:
    """Transmit Home Community Id: in a slot of the request and in a header, both of them optional."""
    envelope = request.getroottree().getroot()
    for item in (*request.iterfind(_HOME_SLOT), *envelope.iterfind(_HOME_HEADER)):
        home = text_of(item).strip()
        if home != f"urn:oid:{domain.home_community}":
            context = f"homeCommunityId {home[:80]!r} is not this community (urn:oid:{domain.home_community})"
            raise Refused(Problem(Meaning.UNKNOWN_COMMUNITY, context, "homeCommunityId"))


def _of_one_patient(submission: Submission) -> Submission:
    """Names the patient on every object: as sent, else as the source knows it (sourcePatientId)."""
    patients = submission.patients or _as_the_source_knows(submission)
    if len(patients) != 1:
        meaning = Meaning.PATIENT_MISMATCH if patients else Meaning.UNKNOWN_PATIENT
        context = f"patientId and sourcePatientId name {len(patients)} patients, expected exactly 1"
        raise Refused(Problem(meaning, context, submission.submission_set.id))
    (patient,) = patients
    return replace(
        submission,
        submission_set=replace(submission.submission_set, patient=patient),
        documents=tuple(replace(item, patient=patient) for item in submission.documents),
        folders=tuple(replace(item, patient=patient) for item in submission.folders),
    )


def _as_the_source_knows(submission: Submission) -> tuple[PatientId, ...]:
    told = (patient_id(item.source_patient_id or "") for item in submission.documents)
    return tuple(dict.fromkeys(patient for patient in told if patient is not None))


def encode(response: xds.Provided, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """rs:RegistryResponse."""
    return registry_response(response.problems, recipient_code)


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """rs:RegistryResponse with status Failure."""
    return registry_response(problems, recipient_code)


async def handle(call: Call[xds.ProvideRequest], services: Services) -> xds.Provided:
    """Stores and registers; relationships to what is not here are left out, with a warning each."""
    measured = await xds.measure_documents(call.request)
    submission = with_unknowns(xds.completed(call.request, measured, services.domain))
    if await already_registered(submission, services):
        return xds.Provided(problems=submission.warnings)
    await xds.store(call, submission.documents, measured, services)
    kept, left_out = await _honoured(assign_ids(submission, new_entry_uuid), services)
    contents = xds.by_unique_id(call.request)
    await register(call, kept, services, marked=digest(submission), contents=contents)
    return xds.Provided(problems=(*submission.warnings, *map(_warning, left_out)))


async def _honoured(submission: Submission, services: Services) -> tuple[Submission, tuple[Association, ...]]:
    """The submission without the associations that cannot be honoured here, and those."""
    standing = await services.registry.standing(referred(submission))
    approved = {name for name, found in standing.items() if found.status is Status.APPROVED}
    left_out = unhonoured(submission, approved)
    kept = tuple(item for item in submission.associations if item not in left_out)
    return replace(submission, associations=kept), left_out


def _warning(item: Association) -> Problem:
    """No relationship makes a recipient refuse a submission (ITI TF-2 3.41.4.1.3)."""
    meaning = _LEFT_OUT.get(item.relation, Meaning.PARTIAL_RELATIONSHIP)
    if item.relation is Relation.HAS_MEMBER and item.member_status is None:
        meaning = Meaning.PARTIAL_FOLDER
    context = f"{item.relation.value} from {item.source} to {item.target} is left out: not known here"
    return Problem(meaning, context, item.id, warning=True)


TRANSACTION: Transaction[xds.ProvideRequest, xds.Provided] = Transaction(
    code="ITI-41",
    title="Provide and Register Document Set-b",
    section="ITI TF-2: 3.41",
    actors=Actors("Document Source", "Document Recipient"),
    binding=Soap(
        action="urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
        response_action="urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse",
        mtom=True,
        request=f"{{{codes.XDSB}}}ProvideAndRegisterDocumentSetRequest",
        response=f"{{{codes.RS}}}RegistryResponse",
        namespace=codes.XDSB,
    ),
    action=Action.DOCUMENT_PUBLISH,
    audit=submission_event("ITI-41", "Provide and Register Document Set-b"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=xds.target,
    handle=handle,
)
