"""ITI-18 Registry Stored Query (ITI TF-2 3.18): finds metadata by one of a fixed table of queries."""

from __future__ import annotations

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Call, Codec, Naming, QueryText, Target, Transaction
from gateway.errors import Problem
from gateway.record.domain import Domain
from gateway.stores.marks import fill
from gateway.stores.search import ASSOCIATION
from profiles.xds import codes
from profiles.xds.errors import registry_code
from profiles.xds.iti18_registry_stored_query.execute import Found, execute
from profiles.xds.iti18_registry_stored_query.parameters import Query, read
from profiles.xds.iti18_registry_stored_query.queries import QUERIES
from profiles.xds.iti18_registry_stored_query.vocabulary import NAMES_BY
from profiles.xds.wire.read import patient_id
from profiles.xds.wire.replies import object_refs, query_response
from profiles.xds.wire.requests import read_query_request
from profiles.xds.wire.text import attribute


def decode(payload: SoapPayload, domain: Domain) -> Query:
    """query:AdhocQueryRequest, with its parameters read by the table of queries."""
    return read(read_query_request(payload), QUERIES, domain)


def encode(response: Found, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """query:AdhocQueryResponse of stored fragments, or of references to them."""
    if response.references:
        listed = object_refs((row.uuid, getattr(row, "home", None)) for row in response.rows)
        return query_response(listed, response.problems, registry_code)
    shown = {key: attribute(str(identity)) for key, identity in response.identities.items()}
    listed = (
        fill(
            row.fragment,
            status=f"{codes.STATUS_PREFIX}{row.status}",
            patient=shown[row.patient_key],
            last_update=getattr(row, "last_update", ""),
        )
        for row in response.rows
    )
    return query_response(listed, response.problems, registry_code)


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """query:AdhocQueryResponse with status Failure and no objects."""
    return query_response((), problems, registry_code)


def target(request: Query) -> Target:
    """The patient asked for, or the objects through which the patient is found."""
    patients = tuple(
        identity
        for name in request.definition.patients
        for value in request.values(name)
        if (identity := patient_id(value)) is not None
    )
    linked = any(step.kind is ASSOCIATION for step in request.definition.steps)
    named = tuple(
        Naming(kind, by, request.values(name), linked)
        for name, (kind, by) in NAMES_BY.items()
        if request.given(name)
    )
    return Target(patients=patients, named=named, query=QueryText(request.definition.id, request.text))


async def handle(call: Call[Query], services: Services) -> Found:
    """One executor for every row of the table."""
    return await execute(call.request, call.scope, services)


TRANSACTION: Transaction[Query, Found] = Transaction(
    code="ITI-18",
    title="Registry Stored Query",
    section="ITI TF-2: 3.18",
    actors=Actors("Document Consumer", "Document Registry"),
    binding=Soap(
        action="urn:ihe:iti:2007:RegistryStoredQuery",
        response_action="urn:ihe:iti:2007:RegistryStoredQueryResponse",
        mtom=False,
        request=f"{{{codes.QUERY}}}AdhocQueryRequest",
        response=f"{{{codes.QUERY}}}AdhocQueryResponse",
        namespace=codes.XDSB,
        asynchronous=True,
    ),
    action=Action.DOCUMENT_QUERY,
    audit=query_event("ITI-18", "Registry Stored Query"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
