"""QUQI_IN000003UV01: the next part of an answer, or no more of it (ITI TF-2 3.47.4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from gateway.declare.bindings import SoapPayload, SoapReply
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, QueryText, Target
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.patients import Person
from profiles.pdqv3 import codes
from profiles.pdqv3.iti47_patient_demographics_query_v3 import pages as parts
from profiles.pdqv3.wire.persons import subjects
from profiles.pdqv3.wire.query import read_quantity
from profiles.pixv3.rules import expect_code, open_message, place, refused, under
from profiles.pixv3.wire.answers import NO_TIME, Asked, Quantities, accept, query_answer, refuse_query
from profiles.pixv3.wire.text import echo
from profiles.pixv3.wire.wrapper import Identifier, Wrapper, read_identifier, read_wrapper

_CONTINUATION = "controlActProcess/queryContinuation"
_NOTHING = Wrapper(id=None, sender=None, receiver=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueRequest:
    """Which query goes on or ends; `start` counts from 0. `text` is queryContinuation, for the audit."""

    wrapper: Wrapper
    query_id: Identifier
    start: int | None
    quantity: int | None
    text: str


@dataclass(frozen=True, kw_only=True)
class ContinueResponse(Answer):
    """The next part."""

    asked: Asked
    at: datetime
    found: tuple[Person, ...]
    scopes: tuple[str, ...] | None
    quantities: Quantities


@dataclass(frozen=True, kw_only=True)
class Cancelled(Answer):
    """Nothing more will be told."""

    wrapper: Wrapper
    at: datetime


def decode_continue(payload: SoapPayload, domain: Domain) -> ContinueRequest:  # noqa: ARG001
    """QUQI_IN000003UV01 with status waitContinuedQueryResponse."""
    return _read(open_message(payload, codes.CONTINUE), "waitContinuedQueryResponse")


def decode_cancel(payload: SoapPayload, domain: Domain) -> ContinueRequest:  # noqa: ARG001
    """QUQI_IN000003UV01 with status aborted; the name of its element may end in _Cancel."""
    return _read(open_message(payload, codes.CANCEL, codes.CONTINUE), "aborted")


def _read(message: etree._Element, status: str) -> ContinueRequest:
    # Consumers in use send no acknowledgement, although it shall be there; the queryId tells enough.
    expect_code(message, "acknowledgement/typeCode", {"AA"}, required=False)
    expect_code(message, "controlActProcess/code", codes.CONTINUE_TRIGGERS)
    expect_code(message, f"{_CONTINUATION}/statusCode", {status})
    where = f"{_CONTINUATION}/queryId"
    query_id = read_identifier(message.find(under(where)))
    if query_id is None:
        raise refused(Meaning.REQUIRED_FIELD, "queryId is missing", place(message, where))
    start = read_quantity(message, f"{_CONTINUATION}/startResultNumber")
    found = message.find(under(_CONTINUATION))
    return ContinueRequest(
        wrapper=read_wrapper(message),
        query_id=query_id,
        start=None if start is None else start - 1,
        quantity=read_quantity(message, f"{_CONTINUATION}/continuationQuantity"),
        text="" if found is None else echo(found, ""),
    )


def target(request: ContinueRequest) -> Target:
    """Which query."""
    return Target(query=QueryText(str(request.query_id), request.text.encode()))


async def handle_continue(call: Call[ContinueRequest], services: Services) -> ContinueResponse:
    """The part that follows, or the one from startResultNumber on."""
    request = call.request
    name = str(request.query_id)
    pages = await parts.find(call, services, name)
    if pages is None:
        raise _unknown()
    start = pages.told if request.start is None else min(request.start, pages.total)
    count = request.quantity or pages.size
    found = await parts.read(call, services, pages, start, count)
    left = pages.then(start, count)
    await parts.keep(call, services, name, left)
    return ContinueResponse(
        asked=Asked(wrapper=request.wrapper, query_id=request.query_id, text=pages.text),
        at=call.at,
        found=found,
        scopes=parts.scopes(pages.text),
        quantities=Quantities(pages.total, len(found), left.remaining),
        patients=tuple(each.identifiers[0] for each in found if each.identifiers),
    )


async def handle_cancel(call: Call[ContinueRequest], services: Services) -> Cancelled:
    """Forgets the query."""
    name = str(call.request.query_id)
    pages = await parts.find(call, services, name)
    if pages is None:
        raise _unknown()
    parts.forget(call, services, name, pages)
    return Cancelled(wrapper=call.request.wrapper, at=call.at)


def _unknown() -> Refused:
    text = "there is no query by this id, or all of it was told, or it was too long ago"
    return Refused(Problem(Meaning.UNKNOWN_QUERY, text, f"/{codes.CONTINUE}/{_CONTINUATION}/queryId"))


def encode_continue(response: ContinueResponse, domain: Domain) -> SoapReply:
    """PRPA_IN201306UV02 with the next persons."""
    return query_answer(
        codes.ANSWER,
        response.asked,
        response.at,
        subjects(response.found, domain, response.scopes),
        code="OK" if response.found else "NF",
        quantities=response.quantities,
    )


def encode_cancel(response: Cancelled, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """MCCI_IN000002UV01."""
    return accept(response.problems, response.wrapper, response.at)


def refuse_continue(
    problems: tuple[Problem, ...], payload: object = None, at: datetime = NO_TIME
) -> SoapReply:
    """PRPA_IN201306UV02 with AE; QE where the query is not known."""
    element = getattr(payload, "element", None)
    asked = Asked(wrapper=_NOTHING, query_id=None, text="")
    if element is not None:
        query_id = read_identifier(element.find(under(f"{_CONTINUATION}/queryId")))
        asked = Asked(wrapper=read_wrapper(element), query_id=query_id, text="")
    return refuse_query(codes.ANSWER, problems, asked, at, Quantities())


def refuse_cancel(problems: tuple[Problem, ...], payload: object = None, at: datetime = NO_TIME) -> SoapReply:
    """MCCI_IN000002UV01 with CE."""
    element = getattr(payload, "element", None)
    return accept(problems, _NOTHING if element is None else read_wrapper(element), at)
