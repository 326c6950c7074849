"""ITI-61 Register On-Demand Document Entry (ITI TF-2 3.61): entries of documents made when asked for."""

from __future__ import annotations

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload
from gateway.declare.events import submission_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Call, Codec, Transaction
from gateway.errors import Refused
from gateway.record.domain import Domain
from gateway.rights.documents import unread
from gateway.stores.registry import stable_already
from profiles.xds import codes
from profiles.xds.iti42_register_document_set_b import (
    Registered,
    RegisterRequest,
    already_registered,
    encode,
    refuse,
    register,
    target,
)
from profiles.xds.rules import Column
from profiles.xds.wire.requests import expect_root, read_submit_request


def decode(payload: SoapPayload, domain: Domain) -> RegisterRequest:
    """lcm:SubmitObjectsRequest of on-demand entries: without creationTime, hash and size."""
    request = expect_root(payload, f"{{{codes.LCM}}}SubmitObjectsRequest")
    return RegisterRequest(read_submit_request(request, Column.ON_DEMAND, domain))


async def handle(call: Call[RegisterRequest], services: Services) -> Registered:
    """Registers, unless a uniqueId stands for a stable document (ITI TF-2 3.61.4.1.3)."""
    submission = call.request.submission
    if not await already_registered(submission, services):
        names = [item.unique_id for item in submission.documents]
        taken = await services.registry.claims(names) if names else {}
        if taken:
            raise Refused(*(stable_already(name) for name in taken))
        services.registry.keep_on_demand(call.work, names)
        await register(call, submission, services)
    return Registered(problems=(*submission.warnings, *unread(submission)))


TRANSACTION: Transaction[RegisterRequest, Registered] = Transaction(
    code="ITI-61",
    title="Register On-Demand Document Entry",
    section="ITI TF-2: 3.61",
    actors=Actors("On-Demand Document Source", "Document Registry"),
    binding=Soap(
        action="urn:ihe:iti:2010:RegisterOnDemandDocumentEntry",
        response_action="urn:ihe:iti:2010:RegisterOnDemandDocumentResponse",
        mtom=False,
        request=f"{{{codes.LCM}}}SubmitObjectsRequest",
        response=f"{{{codes.RS}}}RegistryResponse",
        namespace=codes.XDSB,
        asynchronous=True,
    ),
    action=Action.DOCUMENT_REGISTER,
    audit=submission_event("ITI-61", "Register On-Demand Document Entry"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
