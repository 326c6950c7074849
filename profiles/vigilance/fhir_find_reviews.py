"""IDV-1 Find Identity Reviews: the queue, and one question with both sides; a transaction of ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning
from gateway.mpi.reviewing import Question
from gateway.record.domain import Domain
from gateway.record.people import Code
from gateway.stores.reviews import Review, ReviewState
from profiles.pdqm.errors import outcome_reply
from profiles.pdqm.rules import refused
from profiles.vigilance.codes import ACTORS, SCHEME, SECTION, STATUSES
from profiles.vigilance.rules import Page, Pairs, key_in_path, not_found, page_of, written
from profiles.vigilance.wire.task import write_listed, write_task
from profiles.vigilance.wire.values import searchset

_CODE, _TITLE, _TASK, _STATUS = "IDV-1", "Find Identity Reviews", "Task", "status"
_AUDIT = replace(query_event(_CODE, _TITLE), type=Code(_CODE, SCHEME, _TITLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Reviews in some states; `received` is the search as it came."""

    states: tuple[ReviewState, ...]
    page: Page
    received: Pairs
    base: str


@dataclass(frozen=True, kw_only=True)
class FoundReviews(Answer):
    """The reviews of a page, and whether there are more."""

    search: Search
    reviews: tuple[Review, ...]
    more: bool


def decode(payload: FhirRequest, domain: Domain) -> Search:  # noqa: ARG001 - the shape of a codec
    """`status` once or more often, values separated by commas; without it every state."""
    page = page_of(payload, _STATUS)
    given = [values for name, values in payload.parameters if name == _STATUS]
    groups = [{_state(value) for value in values.split(",")} for values in given]
    return Search(
        states=tuple(each for each in ReviewState if all(each in group for group in groups)),
        page=page,
        received=tuple(payload.parameters),
        base=payload.base,
    )


def _state(value: str) -> ReviewState:
    if value not in STATUSES:
        raise refused(Meaning.TABLE_VALUE, f"expected one of {', '.join(STATUSES)}", _STATUS)
    return STATUSES[value]


def encode(response: FoundReviews, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """A Bundle of Tasks without anything about patients."""
    search, reviews = response.search, response.reviews
    after = reviews[-1].key if response.more else None
    tasks = [write_listed(each) for each in reviews]
    bundle = searchset(search.base, _TASK, tasks, search.received, search.page, after)
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def target(request: Search) -> Target:
    """No patient; the search as it came."""
    return Target(query=QueryText(_TASK, written(request.received).encode()))


async def handle(call: Call[Search], services: Services) -> FoundReviews:
    """In the order in which they were asked."""
    asked = call.request
    found = await services.index.reviews(call, asked.states, asked.page.after, asked.page.most + 1)
    reviews = found[: asked.page.most]
    return FoundReviews(search=asked, reviews=reviews, more=len(found) > len(reviews))


# --- one review ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """The number in the URL."""

    key: int
    base: str


@dataclass(frozen=True, kw_only=True)
class FoundReview(Answer):
    """A review with both sides."""

    question: Question
    base: str


def decode_read(payload: FhirRequest, domain: Domain) -> ReviewRequest:  # noqa: ARG001 - the shape of a codec
    """The id in the path."""
    return ReviewRequest(key_in_path(payload, _TASK), payload.base)


def encode_read(response: FoundReview, domain: Domain) -> FhirReply:
    """The Task with what each source told."""
    return FhirReply(200, JSON, Octets(orjson.dumps(write_task(response.question, domain, response.base))))


def target_read(request: ReviewRequest) -> Target:
    """The resource asked for."""
    return Target(query=QueryText(_TASK, f"_id={request.key:x}".encode()))


async def handle_read(call: Call[ReviewRequest], services: Services) -> FoundReview:
    """All whom the question is about are named in the audit."""
    question = await services.index.question(call, call.request.key)
    if question is None:
        raise not_found(_TASK)
    return FoundReview(question=question, base=call.request.base, patients=question.identifiers)


SEARCHED: Transaction[Search, FoundReviews] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="GET", path="/Task", parameters=((_STATUS, "token"),)),
    action=Action.PATIENT_LINK,
    audit=_AUDIT,
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
READ: Transaction[ReviewRequest, FoundReview] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="GET", path="/Task/{id}"),
    action=Action.PATIENT_LINK,
    audit=_AUDIT,
    codec=Codec(decode=decode_read, encode=encode_read, refuse=outcome_reply),
    target=target_read,
    handle=handle_read,
)
TRANSACTIONS = (SEARCHED, READ)
