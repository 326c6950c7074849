"""searchRequest with its filter (DSML 2.0; RFC 4511 4.5.1)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from gateway.record.directory import (
    Both,
    Compared,
    Declined,
    Either,
    Filter,
    Negated,
    Parts,
    Present,
    ResultCode,
    Search,
    SearchScope,
    read_place,
)
from profiles.hpd import codes
from profiles.hpd.wire.batch import Batch, Item, check_controls, exits, text_of

_TRUE = ("true", "1")
_HOW = {"equalityMatch": "=", "approxMatch": "=", "greaterOrEqual": ">=", "lessOrEqual": "<="}
"""Approximate matching is equality, as RFC 4511 4.5.1.7.6 has it for servers that know no better."""
_SAME = {"hcspecialization": "hcspecialisation"}
_DEEPEST = 40
"""Beyond what any filter may have; deeper ones are refused before they are read."""


def read_searches(batch: etree._Element) -> Batch[Search]:
    """All searches of a batch."""
    items = tuple(Item(each.get("requestID"), "searchResponse", _search(each)) for each in batch)
    return Batch(batch.get("requestID"), exits(batch), items)


def _search(request: etree._Element) -> Search | Declined:
    try:
        check_controls(request)
        return Search(
            base=read_place(request.get("dn", "")),
            scope=SearchScope(request.get("scope")),
            filter=_filter(next(_children(request.find(codes.clark("filter")))), _DEEPEST),
            most=int(request.get("sizeLimit", "0")),
            attributes=frozenset(_attributes(request)),
            types_only=request.get("typesOnly") in _TRUE,
        )
    except Declined as error:
        return error


def _attributes(request: etree._Element) -> Iterator[str]:
    for each in request.iterfind(f"{codes.clark('attributes')}/{codes.clark('attribute')}"):
        yield _name(each)


def _name(element: etree._Element) -> str:
    """In lower case, without options such as ;binary."""
    name = element.get("name", "").lower().partition(";")[0]
    return _SAME.get(name, name)


def _filter(element: etree._Element, depth: int) -> Filter:
    if not depth:
        raise Declined(ResultCode.ADMIN_LIMIT_EXCEEDED, "the filter is nested too deeply")
    kind = etree.QName(element).localname
    match kind:
        case "and" | "or":
            parts = tuple(_filter(each, depth - 1) for each in _children(element))
            return Both(parts) if kind == "and" else Either(parts)
        case "not":
            return Negated(_filter(next(_children(element)), depth - 1))
        case "present":
            return Present(_name(element))
        case "substrings":
            return _substrings(element)
        case "extensibleMatch":
            text = "extensibleMatch is not supported; use equalityMatch or substrings"
            raise Declined(ResultCode.INAPPROPRIATE_MATCHING, text)
    return Compared(_name(element), text_of(element[0]), _HOW[kind])


def _substrings(element: etree._Element) -> Parts:
    def texts(name: str) -> tuple[str, ...]:
        return tuple(text for each in element.iterfind(codes.clark(name)) if (text := text_of(each)))

    initial, inner, final = texts("initial"), texts("any"), texts("final")
    if not (initial or inner or final):
        raise Declined(ResultCode.INVALID_ATTRIBUTE_SYNTAX, "substrings hold no text")
    return Parts(_name(element), "".join(initial), inner, "".join(final))


def _children(element: etree._Element | None) -> Iterator[etree._Element]:
    return iter(()) if element is None else element.iterchildren(tag=etree.Element)
