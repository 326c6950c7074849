"""A batchRequest taken apart: what all requests of HPD share (DSML 2.0 chapter 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from lxml import etree

from gateway import schemas
from gateway.declare.bindings import SoapPayload
from gateway.errors import ActionMismatch, Meaning, Problem, Refused, SchemaInvalid
from gateway.record.directory import Declined, ResultCode
from profiles.hpd import codes

AskedT = TypeVar("AskedT")
_CRITICAL = ("true", "1")


@dataclass(frozen=True, slots=True)
class Item(Generic[AskedT]):
    """One request of a batch: its id, the name of its response, what it asks or why it cannot be read."""

    request_id: str | None
    response: str
    asked: AskedT | Declined


@dataclass(frozen=True, slots=True)
class Batch(Generic[AskedT]):
    """The requests in their order. `exits`: after a failure nothing more is attempted (onError)."""

    request_id: str | None
    exits: bool
    items: tuple[Item[AskedT], ...]


def open_batch(payload: SoapPayload, allowed: frozenset[str]) -> etree._Element:
    """The batch, which follows its schema and holds requests of these kinds, each under its own id."""
    batch = payload.element
    if batch.tag != codes.REQUEST:
        raise ActionMismatch("the Body holds no dsml:batchRequest", location="Body")
    try:
        schemas.validate(codes.SCHEMA, batch)
    except SchemaInvalid as error:
        raise malformed(error.detail, error.location) from error
    kinds = [etree.QName(each).localname for each in batch]
    if not kinds:
        raise malformed("the batch holds no request", "batchRequest")
    if len(kinds) > codes.MOST_REQUESTS:
        raise malformed(f"the batch holds more than {codes.MOST_REQUESTS} requests", "batchRequest")
    if foreign := sorted(set(kinds) - allowed):
        raise malformed(f"{foreign[0]} does not belong to this transaction", foreign[0])
    ids = [each.get("requestID") for each in batch if each.get("requestID") is not None]
    if len(set(ids)) < len(ids):
        raise malformed("a requestID comes twice", "requestID")
    return batch


def malformed(text: str, location: str | None) -> Refused:
    """The batch as a whole cannot be taken."""
    return Refused(Problem(Meaning.INVALID_REQUEST, text, location))


def exits(batch: etree._Element) -> bool:
    """What onError says; "exit" unless it says otherwise."""
    return batch.get("onError", "exit") == "exit"


def check_controls(request: etree._Element) -> None:
    """No control is known here, so a critical one refuses its request (RFC 4511 4.1.11)."""
    for control in request.iterchildren(codes.clark("control")):
        if control.get("criticality") in _CRITICAL:
            text = "a critical control is not supported"
            raise Declined(ResultCode.UNAVAILABLE_CRITICAL_EXTENSION, text)


def text_of(value: etree._Element) -> str:
    """A value without the space that surrounds it."""
    return (value.text or "").strip()


def is_binary(value: etree._Element) -> bool:
    """Whether a value says that it is base64."""
    return value.get(f"{{{codes.XSI}}}type", "").rpartition(":")[2] == "base64Binary"
