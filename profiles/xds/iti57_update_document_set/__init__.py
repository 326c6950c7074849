"""ITI-57 Update Document Set (ITI TF-2 3.57): new versions and statuses of registered objects."""

from __future__ import annotations

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import EventAction, submission_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Call, Codec, Transaction
from gateway.errors import Problem
from gateway.record.domain import Domain
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


def decode(payload: SoapPayload, domain: Domain) -> UpdateRequest:
    """lcm:SubmitObjectsRequest with one SubmissionSet and its operations."""
    return UpdateRequest(read_update(payload, domain))


def encode(response: Updated, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """rs:RegistryResponse."""
    return registry_response(response.problems, registry_code)


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """rs:RegistryResponse with status Failure."""
    return registry_response(problems, registry_code)


async def handle(call: Call[UpdateRequest], services: Services) -> Updated:
    """All operations of the request, or none."""
    return await update(call, services)


TRANSACTION: Transaction[UpdateRequest, Updated] = Transaction(
    code="ITI-57",
    title="Update Document Set",
    section="ITI TF-2: 3.57",
    actors=Actors("Document Administrator", "Document Registry"),
    binding=Soap(
        action="urn:ihe:iti:2010:UpdateDocumentSet",
        response_action="urn:ihe:iti:2010:UpdateDocumentSetResponse",
        mtom=False,
        request=f"{{{codes.LCM}}}SubmitObjectsRequest",
        response=f"{{{codes.RS}}}RegistryResponse",
        namespace=codes.XDSB_2010,
    ),
    action=Action.DOCUMENT_UPDATE,
    audit=submission_event(
        "ITI-57",
        "Update Document Set",
        received_action=EventAction.UPDATE,
        sent_action=EventAction.UPDATE,
    ),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
