"""ITI-82 Retrieve Syslog Event (RESTful ATNA 3.82): audit messages in the fields of syslog, as plain JSON.

It serves what came by syslog, and our own messages as they leave; nothing that came as a resource.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import quote, urlencode, urlsplit

import orjson

from gateway.audit.syslog import APPLICATION, MESSAGE_ID, VERSION, priority, timestamp
from gateway.bindings.fhirrequest import JSON, PLAIN_JSON, accepts
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import audit_use_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.stores.events import OWN, Question
from gateway.trail.book import Kept
from gateway.trail.reading import read_page
from profiles.atna.errors import refuse_syslog, refused
from profiles.atna.wire.dates import Span, read_span
from profiles.atna.wire.resources import FHIR

Fields = Mapping[str, str]

_CODE, _TITLE = "ITI-82", "Retrieve Syslog Event"
_DATE, _MESSAGE = "date", "msg"
_ELEMENTS = MappingProxyType(
    {
        "pri": "Pri",
        "version": "Version",
        "timestamp": "Timestamp",
        "hostname": "Hostname",
        "app-name": "App-name",
        "procid": "Procid",
        "msg-id": "Msg-id",
        "msg": "Msg",
        "structured-data": "Structured_data",
    }
)
"""Elements of the answer by the name of the field; all but the last are parameters, too."""
_PARAMETERS = frozenset(_ELEMENTS) - {"timestamp", "structured-data"}
_MOST, _OPENED = 500, 3_000
"""So many messages are answered, and so many opened to find them; that there is more, status 206 tells."""
_OK, _PARTIAL = 200, 206


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for: for each field the texts of which it holds one; `received` is for the audit."""

    span: Span
    texts: Mapping[str, tuple[str, ...]]
    received: bytes
    base: str
    host: str

    def fits(self, kept: Kept) -> bool:
        """Whether an event came or leaves as syslog, with these texts in it."""
        if kept.found.trail != OWN and (kept.received is None or kept.received.form == FHIR):
            return False
        if not self.texts:
            return True
        told = fields_of(kept, self.host)
        return all(any(each in told.get(name, "") for each in wanted) for name, wanted in self.texts.items())


@dataclass(frozen=True, kw_only=True)
class FoundMessages(Answer):
    """The messages, the newest first; `more` where these are not all."""

    shown: tuple[Fields, ...]
    more: bool


def fields_of(kept: Kept, host: str) -> Fields:
    """The fields of a message that have a value, by their names in syslog."""
    if kept.received is not None:
        told = kept.received
        return {**dict(told.header), _MESSAGE: told.raw.decode("utf-8", "replace")}
    return {
        "pri": str(priority(kept.record.outcome)),
        "version": VERSION,
        "timestamp": timestamp(datetime.fromtimestamp(kept.found.at / 1000, UTC)),
        "hostname": host,
        "app-name": APPLICATION,
        "msg-id": MESSAGE_ID,
        _MESSAGE: kept.message or "",
    }


def decode(payload: FhirRequest, domain: Domain) -> Search:
    """The parameters; others than ours are passed over (RESTful ATNA 3.82.4.1.2)."""
    if not any(accepts(payload.accept, each) for each in (PLAIN_JSON, JSON)):
        raise refused(Meaning.NOT_ACCEPTABLE, f"the answer is {PLAIN_JSON}, which is not accepted", "Accept")
    spans = [read_span(value) for name, value in payload.parameters if name == _DATE]
    if not spans:
        raise refused(Meaning.MISSING_PARAMETER, "date is required", _DATE)
    texts: dict[str, tuple[str, ...]] = {}
    for name, value in payload.parameters:
        if name in _PARAMETERS:
            texts[name] = (*texts.get(name, ()), value)
    return Search(
        span=Span(max(each.since for each in spans), min(each.until for each in spans)),
        texts=texts,
        received=urlencode(payload.parameters, quote_via=quote).encode(),
        base=payload.base,
        host=urlsplit(domain.base_url).hostname or "",
    )


def encode(response: FoundMessages, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """An array of objects; what a message has no value for is left out."""
    told = [dict(_elements(each)) for each in response.shown]
    return FhirReply(_PARTIAL if response.more else _OK, PLAIN_JSON, Octets(orjson.dumps(told)))


def _elements(fields: Fields) -> Iterator[tuple[str, str]]:
    return ((element, fields[name]) for name, element in _ELEMENTS.items() if name in fields)


def target(request: Search) -> Target:
    """No patient can be named; the query as it came."""
    return Target(query=QueryText("syslogsearch", request.received), audit_log=f"{request.base}/syslogsearch")


async def handle(call: Call[Search], services: Services) -> FoundMessages:
    """The newest messages of the time asked for that hold the texts."""
    search = call.request
    question = Question(since=search.span.since, until=search.span.until, limit=_MOST)
    found = await read_page(services.access.trail, call.scope, question, (search.fits,), opened=_OPENED)
    return FoundMessages(
        shown=tuple(fields_of(each, search.host) for each in found.shown), more=found.place is not None
    )


TRANSACTION: Transaction[Search, FoundMessages] = Transaction(
    code=_CODE,
    title=_TITLE,
    section="RESTful ATNA 3.82",
    actors=Actors("Audit Consumer", "Audit Record Repository"),
    binding=Fhir(method="GET", path="/syslogsearch", gives="*/*"),
    action=Action.AUDIT_READ,
    audit=audit_use_event(_CODE, _TITLE),
    codec=Codec(decode=decode, encode=encode, refuse=refuse_syslog),
    target=target,
    handle=handle,
)
