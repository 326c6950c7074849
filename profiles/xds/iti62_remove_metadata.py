"""ITI-62 Remove Metadata (RMD 3.62): registered objects leave the registry, leaving nothing dangling."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import ObjectKind, removal_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Naming, Target, Transaction
from gateway.errors import Problem
from gateway.record.domain import Domain
from gateway.record.people import Code
from gateway.record.removal import plan_removal
from gateway.record.submission import Standing
from profiles.xds import codes
from profiles.xds.errors import registry_code
from profiles.xds.wire.replies import registry_response
from profiles.xds.wire.requests import read_remove_objects


@dataclass(frozen=True, slots=True)
class RemoveRequest:
    """The entryUUIDs of the objects to remove."""

    ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Removed(Answer):
    """Success; `objects` names what was removed."""


def decode(payload: SoapPayload, domain: Domain) -> RemoveRequest:  # noqa: ARG001 - the shape of a codec
    """lcm:RemoveObjectsRequest."""
    return RemoveRequest(read_remove_objects(payload))


def encode(response: Removed, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """rs:RegistryResponse."""
    return registry_response(response.problems, registry_code)


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """rs:RegistryResponse with status Failure."""
    return registry_response(problems, registry_code)


def target(request: RemoveRequest) -> Target:
    """The records to which the objects belong."""
    named = (Naming("any", "uuid", request.ids),)
    return Target(named=named, changed=named)


async def handle(call: Call[RemoveRequest], services: Services) -> Removed:
    """All the objects, or none of them."""
    removal = await plan_removal(call.request.ids, services.registry)
    services.registry.remove(call.work, call.scope, removal)
    gone = {held.unique_id for held in removal.removed if held.kind == "document" and held.latest}
    await services.access.documents.end(call, gone)
    return Removed(objects=tuple((held.id, _kind(held)) for held in removal.removed))


def _kind(held: Standing) -> Code:
    """EV(the UUID or URN of the kind, "IHE XDS Metadata", its name) (RMD 3.62.5.1)."""
    identifiers = {
        "document": codes.STABLE,
        "submission-set": codes.SUBMISSION_SET_NODE,
        "folder": codes.FOLDER_NODE,
    }
    labels = {"document": "document entry", "submission-set": "submission set", "folder": "folder"}
    if held.type is not None and held.type.value == "on-demand":
        return Code(codes.ON_DEMAND, codes.AUDIT_METADATA, "on-demand document entry")
    if held.kind == "association":
        urn = codes.ASSOCIATION_TYPES.get(held.relation or "", "association")
        return Code(urn, codes.AUDIT_METADATA, "association")
    return Code(identifiers[held.kind], codes.AUDIT_METADATA, labels[held.kind])


TRANSACTION: Transaction[RemoveRequest, Removed] = Transaction(
    code="ITI-62",
    title="Remove Metadata",
    section="ITI RMD: 3.62",
    actors=Actors("Document Administrator", "Document Registry"),
    binding=Soap(
        action="urn:ihe:iti:2010:DeleteDocumentSet",
        response_action="urn:ihe:iti:2010:DeleteDocumentSetResponse",
        mtom=False,
        request=f"{{{codes.LCM}}}RemoveObjectsRequest",
        response=f"{{{codes.RS}}}RegistryResponse",
        namespace=codes.XDSB_2010,
    ),
    action=Action.DOCUMENT_REMOVE,
    audit=removal_event("ITI-62", "Remove Metadata", ObjectKind.REGISTRY_OBJECT),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
