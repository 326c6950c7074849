"""ITI-58 Provider Information Query (ITI HPD 3.58): searches in the directory of professionals."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.directory.book import ProviderDirectory
from gateway.record.directory import Attribute, Declined, ResultCode, Search
from gateway.record.domain import Domain
from profiles.hpd import codes
from profiles.hpd.errors import refuse, refuse_request
from profiles.hpd.wire.batch import Batch, Item, open_batch
from profiles.hpd.wire.results import batch_response, error_response, search_response
from profiles.hpd.wire.searches import read_searches

_ALLOWED = frozenset({"searchRequest"})
_MORE = "there is more than may be told; ask for less"


@dataclass(frozen=True, slots=True)
class SearchesRequest:
    """The searches, and the batch as it was received."""

    batch: Batch[Search]
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What became of one search; `code` None: it was not attempted."""

    request_id: str | None
    code: ResultCode | None = None
    message: str = ""
    entries: tuple[tuple[str, tuple[Attribute, ...]], ...] = ()


@dataclass(frozen=True, kw_only=True)
class SearchesResponse(Answer):
    """The outcome of every search, in the order of the requests."""

    request_id: str | None
    searched: tuple[Searched, ...]


def decode(payload: SoapPayload, domain: Domain) -> SearchesRequest:  # noqa: ARG001 - the shape of a codec
    """dsml:batchRequest with searches only."""
    batch = open_batch(payload, _ALLOWED)
    return SearchesRequest(read_searches(batch), etree.tostring(batch, method="c14n", exclusive=True))


def encode(response: SearchesResponse, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """dsml:batchResponse."""
    return batch_response(response.request_id, map(_written, response.searched))


def _written(done: Searched) -> str:
    if done.code is None:
        text = "a request before this one failed"
        return error_response(done.request_id, codes.NOT_ATTEMPTED, text)
    return search_response(done.request_id, done.entries, done.code, done.message)


def target(request: SearchesRequest) -> Target:
    """No patient; the searches for the audit."""
    return Target(query=QueryText(request.batch.request_id or "batchRequest", request.text))


async def handle(call: Call[SearchesRequest], services: Services) -> SearchesResponse:
    """One search after another; after a failure none, unless onError says resume."""
    batch, directory = call.request.batch, services.access.directory
    searched: list[Searched] = []
    failed = False
    for item in batch.items:
        if failed and batch.exits:
            searched.append(Searched(request_id=item.request_id))
            continue
        searched.append(await _search(item, directory))
        failed = failed or searched[-1].code is not ResultCode.SUCCESS
    return SearchesResponse(request_id=batch.request_id, searched=tuple(searched))


async def _search(item: Item[Search], directory: ProviderDirectory) -> Searched:
    """What LDAP says against one search is part of the answer to the batch."""
    if isinstance(item.asked, Declined):
        return Searched(request_id=item.request_id, code=item.asked.code, message=item.asked.detail)
    try:
        found = await directory.search(item.asked)
    except Declined as error:
        return Searched(request_id=item.request_id, code=error.code, message=error.detail)
    if found.more:
        code = ResultCode.SIZE_LIMIT_EXCEEDED
        return Searched(request_id=item.request_id, code=code, message=_MORE, entries=found.entries)
    return Searched(request_id=item.request_id, code=ResultCode.SUCCESS, entries=found.entries)


TRANSACTION: Transaction[SearchesRequest, SearchesResponse] = Transaction(
    code="ITI-58",
    title="Provider Information Query",
    section="ITI HPD: 3.58",
    actors=Actors("Provider Information Consumer", "Provider Information Directory"),
    binding=Soap(
        action="urn:ihe:iti:2010:ProviderInformationQuery",
        response_action="urn:ihe:iti:2010:ProviderInformationQueryResponse",
        mtom=False,
        request=codes.REQUEST,
        response=codes.RESPONSE,
        namespace=codes.HPD,
    ),
    action=Action.DIRECTORY_READ,
    audit=query_event("ITI-58", "Provider Information Query"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse, refuse_request=refuse_request),
    target=target,
    handle=handle,
)
