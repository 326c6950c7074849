"""batchResponse and what it holds, as canonical text (DSML 2.0 chapter 5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lxml import etree

from gateway.declare.bindings import SoapPayload, SoapReply
from gateway.record.directory import Attribute, ResultCode
from profiles.hpd import codes
from profiles.hpd.wire.edits import RESPONSES
from profiles.xds.wire.text import attribute, element, text

_SEARCH = {"searchRequest": "searchResponse", **RESPONSES}


def batch_response(request_id: str | None, responses: Iterable[str]) -> SoapReply:
    """The answers of a batch."""
    told = f' requestID="{attribute(request_id)}"' if request_id is not None else ""
    body = "".join(responses)
    written = f'<batchResponse xmlns="{codes.DSML}"{told}>{body}</batchResponse>'
    return SoapReply(pieces=[written.encode()])


def result(name: str, request_id: str | None, code: ResultCode, message: str = "") -> str:
    """An LDAPResult under the name of a response."""
    number, word = code.value
    told = [element("resultCode", (("code", str(number)), ("descr", word)))]
    if message:
        told.append(element("errorMessage", (), text(message)))
    return element(name, (("requestID", request_id),), *told)


def search_response(
    request_id: str | None,
    entries: Sequence[tuple[str, tuple[Attribute, ...]]],
    code: ResultCode,
    message: str = "",
) -> str:
    """The entries found, and how the search ended."""
    found = (element("searchResultEntry", (("dn", dn),), *map(_attr, held)) for dn, held in entries)
    done = result("searchResultDone", None, code, message)
    return element("searchResponse", (("requestID", request_id),), *found, done)


def error_response(request_id: str | None, kind: str, message: str) -> str:
    """What could not be processed."""
    told = element("message", (), text(message))
    return element("errorResponse", (("requestID", request_id), ("type", kind)), told)


def refused_each(payload: SoapPayload, code: ResultCode, message: str) -> SoapReply:
    """Every request of a batch that was well-formed, with the same result."""
    batch = payload.element
    answers = []
    for each in batch:
        name, request_id = _SEARCH.get(etree.QName(each).localname, ""), each.get("requestID")
        if name == "searchResponse":
            answers.append(search_response(request_id, (), code, message))
        elif name:
            answers.append(result(name, request_id, code, message))
    return batch_response(batch.get("requestID"), answers)


def _attr(held: Attribute) -> str:
    name = f"{held.name};binary" if held.binary else held.name
    return element("attr", (("name", name),), *(element("value", (), text(each)) for each in held.values))
