"""ITI-51 Multi-Patient Stored Query (ITI TF-2 3.51): finds metadata of several patients, or of any.

Open to no person until the rights matrix says so (`document:query-many`). Each patient's record is decided
on as for any query; records that are not granted are not there.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload
from gateway.declare.events import query_event
from gateway.declare.transaction import Actors, Candidates, Codec, Target, Transaction
from gateway.record.domain import Domain
from profiles.xds import codes
from profiles.xds.iti18_registry_stored_query import encode, handle, refuse
from profiles.xds.iti18_registry_stored_query import target as target_of_named
from profiles.xds.iti18_registry_stored_query.execute import Found, selected
from profiles.xds.iti18_registry_stored_query.parameters import Query, read
from profiles.xds.iti18_registry_stored_query.queries import MULTI_PATIENT_QUERIES
from profiles.xds.wire.requests import read_query_request


def decode(payload: SoapPayload, domain: Domain) -> Query:
    """query:AdhocQueryRequest, with its parameters read by the table of queries."""
    return read(read_query_request(payload), MULTI_PATIENT_QUERIES, domain)


def target(request: Query) -> Target:
    """The patients asked for; without any, those whose objects have what is asked for."""
    named = target_of_named(request)
    if any(request.given(name) for name in request.definition.patients):
        return named
    first = request.definition.steps[0]
    return replace(named, candidates=Candidates(first.kind, tuple(selected(request, first))))


TRANSACTION: Transaction[Query, Found] = Transaction(
    code="ITI-51",
    title="Multi-Patient Stored Query",
    section="ITI TF-2: 3.51",
    actors=Actors("Document Consumer", "Document Registry"),
    binding=Soap(
        action="urn:ihe:iti:2009:MultiPatientStoredQuery",
        response_action="urn:ihe:iti:2009:MultiPatientStoredQueryResponse",
        mtom=False,
        asynchronous=True,
        request=f"{{{codes.QUERY}}}AdhocQueryRequest",
        response=f"{{{codes.QUERY}}}AdhocQueryResponse",
        namespace=codes.XDSB,
    ),
    action=Action.DOCUMENT_QUERY_MANY,
    audit=query_event("ITI-51", "Multi-Patient Stored Query"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
