"""IDV-3 Find History of Identities: how a person became who it is. A transaction of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning
from gateway.mpi.remembering import Done
from gateway.record.domain import Domain
from gateway.record.people import Code, PatientId
from profiles.pdqm.errors import outcome_reply
from profiles.pdqm.rules import key_of, refused, token_of
from profiles.vigilance.codes import ACTORS, SCHEME, SECTION
from profiles.vigilance.rules import Page, Pairs, key_in_path, not_found, page_of, written
from profiles.vigilance.wire.provenance import write_provenance
from profiles.vigilance.wire.values import searchset

_CODE, _TITLE, _PROVENANCE = "IDV-3", "Find History of Identities", "Provenance"
_TARGET, _OF_TYPE, _BY_IDENTIFIER = "target", "target:Patient", "target:identifier"
_REFERENCE = re.compile(r"(?:(?P<base>https?://\S+)/)?Patient/(?P<id>[A-Za-z0-9.-]{1,64})")
_AUDIT = replace(query_event(_CODE, _TITLE), type=Code(_CODE, SCHEME, _TITLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Whose history: by person key or identifier; None for those of nobody here."""

    asked: int | PatientId | None
    page: Page
    received: Pairs
    base: str


@dataclass(frozen=True, kw_only=True)
class FoundOperations(Answer):
    """The operations of a page, and whether there are more."""

    search: Search
    operations: tuple[Done, ...]
    more: bool


def decode(payload: FhirRequest, domain: Domain) -> Search:
    """One target: `target=Patient/<id>`, `target:Patient=<id>` or `target:identifier=<system>|<value>`."""
    page = page_of(payload, _TARGET, _OF_TYPE, _BY_IDENTIFIER)
    given = [(name, value) for name, value in payload.parameters if name.partition(":")[0] == _TARGET]
    if not given:
        raise refused(Meaning.MISSING_PARAMETER, "target is required", _TARGET)
    if len(given) > 1:
        raise refused(Meaning.PARAMETER_COUNT, "expected one target", _TARGET)
    ((name, value),) = given
    asked = _identifier(value, domain) if name == _BY_IDENTIFIER else _person(name, value, payload.base)
    return Search(asked=asked, page=page, received=tuple(payload.parameters), base=payload.base)


def _identifier(value: str, domain: Domain) -> PatientId | None:
    system, extension = token_of(value, _BY_IDENTIFIER)
    root = domain.root_of_system(system)
    return PatientId(extension, root) if root is not None else None


def _person(name: str, value: str, base: str) -> int | None:
    match = _REFERENCE.fullmatch(f"Patient/{value}" if name == _OF_TYPE else value)
    if match is None or match["base"] not in {None, base}:
        raise refused(Meaning.DATA_TYPE, "expected Patient/<id> of this service", _TARGET)
    return key_of(match["id"])


def encode(response: FoundOperations, domain: Domain) -> FhirReply:
    """A Bundle of Provenance, the oldest first."""
    search, operations = response.search, response.operations
    after = operations[-1].key if response.more else None
    resources = [write_provenance(each, domain, search.base) for each in operations]
    bundle = searchset(search.base, _PROVENANCE, resources, search.received, search.page, after)
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def target(request: Search) -> Target:
    """The identifier, where one is asked for; the search as it came."""
    named = (request.asked,) if isinstance(request.asked, PatientId) else ()
    return Target(patients=named, query=QueryText(_PROVENANCE, written(request.received).encode()))


async def handle(call: Call[Search], services: Services) -> FoundOperations:
    """Who is not known has no history. All identities shown are named in the audit."""
    asked, page = call.request.asked, call.request.page
    everything = await services.index.history(call, asked) if asked is not None else ()
    found = [each for each in everything if each.key > page.after]
    shown = tuple(found[: page.most])
    return FoundOperations(
        search=call.request,
        operations=shown,
        more=len(found) > len(shown),
        patients=tuple(dict.fromkeys(name for each in shown for name in each.identifiers)),
    )


# --- one operation -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """The number in the URL."""

    key: int
    base: str


@dataclass(frozen=True, kw_only=True)
class FoundOperation(Answer):
    """One operation."""

    operation: Done
    base: str


def decode_read(payload: FhirRequest, domain: Domain) -> OperationRequest:  # noqa: ARG001 - the shape of a codec
    """The id in the path."""
    return OperationRequest(key_in_path(payload, _PROVENANCE), payload.base)


def encode_read(response: FoundOperation, domain: Domain) -> FhirReply:
    """The Provenance."""
    resource = write_provenance(response.operation, domain, response.base)
    return FhirReply(200, JSON, Octets(orjson.dumps(resource)))


def target_read(request: OperationRequest) -> Target:
    """The resource asked for."""
    return Target(query=QueryText(_PROVENANCE, f"_id={request.key:x}".encode()))


async def handle_read(call: Call[OperationRequest], services: Services) -> FoundOperation:
    """All whom the operation moved are named in the audit."""
    found = await services.index.operation(call, call.request.key)
    if found is None:
        raise not_found(_PROVENANCE)
    return FoundOperation(operation=found, base=call.request.base, patients=found.identifiers)


SEARCHED: Transaction[Search, FoundOperations] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="GET", path="/Provenance", parameters=((_TARGET, "reference"),)),
    action=Action.PATIENT_LINK,
    audit=_AUDIT,
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
READ: Transaction[OperationRequest, FoundOperation] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="GET", path="/Provenance/{id}"),
    action=Action.PATIENT_LINK,
    audit=_AUDIT,
    codec=Codec(decode=decode_read, encode=encode_read, refuse=outcome_reply),
    target=target_read,
    handle=handle_read,
)
TRANSACTIONS = (SEARCHED, READ)
