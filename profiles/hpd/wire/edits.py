"""addRequest, modifyRequest, delRequest and modDNRequest (DSML 2.0; RFC 4511 4.6 to 4.9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from lxml import etree

from gateway.record.directory import (
    Add,
    Attribute,
    Change,
    Declined,
    Delete,
    Edit,
    Modify,
    Place,
    Rename,
    ResultCode,
    attributes,
    read_place,
    renamed,
)
from profiles.hpd import codes
from profiles.hpd.wire.batch import Batch, Item, check_controls, exits, is_binary, text_of

_FALSE = ("false", "0")
RESPONSES: Mapping[str, str] = MappingProxyType(
    {
        "addRequest": "addResponse",
        "modifyRequest": "modifyResponse",
        "delRequest": "delResponse",
        "modDNRequest": "modDNResponse",
    }
)


def read_edits(batch: etree._Element) -> Batch[Edit]:
    """All operations of a batch."""
    return Batch(batch.get("requestID"), exits(batch), tuple(_item(each) for each in batch))


def _item(request: etree._Element) -> Item[Edit]:
    response = RESPONSES[etree.QName(request).localname]
    return Item(request.get("requestID"), response, _edit(request))


def _edit(request: etree._Element) -> Edit | Declined:
    try:
        check_controls(request)
        read = _READERS[etree.QName(request).localname]
        return read(request, read_place(request.get("dn", "")))
    except Declined as error:
        return error


def _add(request: etree._Element, place: Place) -> Edit:
    return Add(place, attributes(_attribute(each) for each in request.iterchildren(codes.clark("attr"))))


def _modify(request: etree._Element, place: Place) -> Edit:
    changes = request.iterchildren(codes.clark("modification"))
    return Modify(place, tuple(Change(each.get("operation", ""), _attribute(each)) for each in changes))


def _delete(_request: etree._Element, place: Place) -> Edit:
    return Delete(place)


def _rename(request: etree._Element, place: Place) -> Edit:
    above = request.get("newSuperior")
    if above is not None:
        superior = read_place(above)
        if (superior.unit, superior.suffix, superior.value) != (place.unit, place.suffix, ""):
            text = "an entry stays in its unit; newSuperior names another place"
            raise Declined(ResultCode.UNWILLING_TO_PERFORM, text)
    to = renamed(place, request.get("newrdn", ""))
    return Rename(place, to, drops=request.get("deleteoldrdn") not in _FALSE)


def _attribute(element: etree._Element) -> Attribute:
    """Options of the name are told by the values themselves."""
    values = list(element.iterchildren(codes.clark("value")))
    name, _, option = element.get("name", "").partition(";")
    binary = option.lower() == "binary" or any(is_binary(each) for each in values)
    return Attribute(name, tuple(text_of(each) for each in values), binary)


_READERS: Mapping[str, Callable[[etree._Element, Place], Edit]] = MappingProxyType(
    {"addRequest": _add, "modifyRequest": _modify, "delRequest": _delete, "modDNRequest": _rename}
)
