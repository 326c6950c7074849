"""ITI-67 Find Document References (MHD 2:3.67): a FHIR search over the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Row

from gateway.bindings.fhirfault import operation_outcome
from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Naming, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.access import Scope
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from gateway.stores.search import ASSOCIATION, CURRENT, ENTRY, Ask, Condition
from profiles.mhd.codes import RELATIONS
from profiles.mhd.errors import issue_of, outcome_reply
from profiles.mhd.iti67_find_document_references.parameters import PARAMETERS
from profiles.mhd.iti67_find_document_references.search import PATIENT, Search, read
from profiles.mhd.wire.document_reference import document_id, document_reference
from profiles.mhd.wire.fragment import read_fragment
from profiles.mhd.wire.values import Json

Relations = Mapping[str, Sequence[tuple[str, str]]]
"""By entryUUID of the source: relation and entryUUID of the target."""

_RELATED = (Condition("relation", Ask.IN, tuple(RELATIONS)), Condition("status", Ask.IN, ("Approved",)))


@dataclass(frozen=True, kw_only=True)
class Found(Answer):
    """How many match, and the rows of those that are shown; `identities` by record key."""

    search: Search
    total: int
    rows: Sequence[Row[Any]]
    relations: Relations = field(default_factory=dict)
    identities: Mapping[int, PatientId] = field(default_factory=dict)

    @property
    def bare(self) -> bool:
        """Nothing was found."""
        return not self.total


def decode(payload: FhirRequest, domain: Domain) -> Search:  # noqa: ARG001 - the shape of a codec
    """The parameters of the URL or form, read by the table."""
    return read(payload)


def encode(response: Found, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """A Bundle of type searchset."""
    search = response.search
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": response.total,
        "link": [{"relation": "self", "url": f"{search.base}/DocumentReference?{search.query}"}],
    }
    entries = [_entry(row, response) for row in response.rows]
    if response.problems:
        outcome = operation_outcome(issue_of(problem) for problem in response.problems)
        entries.append({"resource": outcome, "search": {"mode": "outcome"}})
    if entries:
        bundle["entry"] = entries
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def _entry(row: Row[Any], response: Found) -> Json:
    base = response.search.base
    entry = read_fragment(row, response.identities[row.patient_key])
    return {
        "fullUrl": f"{base}/DocumentReference/{document_id(row.uuid)}",
        "resource": document_reference(entry, response.relations.get(row.uuid, ()), base),
        "search": {"mode": "match"},
    }


def target(request: Search) -> Target:
    """The patient asked for, or the documents through which the patient is found."""
    named = tuple(
        Naming("document", "uuid" if condition.field == "uuid" else "unique-id", condition.values)
        for condition in request.documents
    )
    return Target(
        patients=(request.patient,) if request.patient else (),
        named=() if request.patient else named,
        query=QueryText("DocumentReference", request.received),
    )


async def handle(call: Call[Search], services: Services) -> Found:
    """Stable and on-demand documents alike, the newest first, as many as a page holds."""
    search, scope = call.request, call.scope
    limit = services.domain.max_objects
    rows = await services.registry.find(scope, ENTRY, search.conditions, limit, CURRENT)
    if len(rows) > limit:
        raise Refused(Problem(Meaning.TOO_MANY_RESULTS, f"more than {limit} documents match; ask for fewer"))
    tests = [criterion.test for criterion in search.criteria if criterion.test is not None]
    matching = [row for row in rows if all(test(row) for test in tests)]
    shown = matching[::-1][: search.count]
    return Found(
        problems=_cut(len(matching), search.count),
        search=search,
        total=len(matching),
        rows=shown,
        relations=await _relations(shown, scope, services),
        identities=scope.identities,
    )


def _cut(total: int, count: int) -> tuple[Problem, ...]:
    """Tells that a page does not hold everything; there is no next one."""
    if total <= count or count == 0:
        return ()
    text = f"{total} documents match and {count} are shown; ask more narrowly for the others"
    return (Problem(Meaning.TOO_MANY_RESULTS, text, "_count", warning=True),)


async def _relations(rows: Sequence[Row[Any]], scope: Scope, services: Services) -> Relations:
    """The associations of documents with documents that the caller may see too."""
    limit = services.domain.max_references
    sources = Condition("source", Ask.IN, tuple(row.uuid for row in rows))
    held = await services.registry.find(scope, ASSOCIATION, (*_RELATED, sources), limit)
    targets = Condition("uuid", Ask.IN, tuple(dict.fromkeys(row.target for row in held)))
    visible = {row.uuid for row in await services.registry.find(scope, ENTRY, (targets,), limit, CURRENT)}
    found: dict[str, list[tuple[str, str]]] = {}
    for row in held:
        if row.target in visible:
            found.setdefault(row.source, []).append((row.relation, row.target))
    return found


TRANSACTION: Transaction[Search, Found] = Transaction(
    code="ITI-67",
    title="Find Document References",
    section="MHD 2:3.67",
    actors=Actors("Document Consumer", "Document Responder"),
    binding=Fhir(
        method="GET",
        path="/DocumentReference",
        parameters=((PATIENT, "token"), *((name, each.type) for name, each in PARAMETERS.items())),
    ),
    action=Action.DOCUMENT_QUERY,
    audit=query_event("ITI-67", "Find Document References"),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
