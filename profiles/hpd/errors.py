"""How a whole batch is refused: errorResponse, or an LDAP result for each request (HPD 3.58.4.2)."""

from __future__ import annotations

from datetime import datetime

from gateway.declare.bindings import SoapPayload, SoapReply
from gateway.errors import Meaning, Problem
from gateway.record.directory import ResultCode
from profiles.hpd import codes
from profiles.hpd.wire.results import batch_response, error_response, refused_each

_FOR_EACH = {
    Meaning.NOT_PERMITTED: ResultCode.INSUFFICIENT_ACCESS_RIGHTS,
    Meaning.BUSY: ResultCode.BUSY,
}


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """One errorResponse for a batch of which nothing is known."""
    first = problems[0]
    kind = codes.MALFORMED if first.meaning is Meaning.INVALID_REQUEST else codes.OTHER
    return batch_response(None, (error_response(None, kind, first.context),))


def refuse_request(problems: tuple[Problem, ...], payload: SoapPayload, at: datetime) -> SoapReply:  # noqa: ARG001
    """The refusal of a batch: of each of its requests, where they are known to be well-formed."""
    first = problems[0]
    code = _FOR_EACH.get(first.meaning)
    if code is not None and payload.element.tag == codes.REQUEST:
        return refused_each(payload, code, first.context)
    return refuse(problems)
