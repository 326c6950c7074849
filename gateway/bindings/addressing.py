"""WS-Addressing 1.0 headers of a SOAP message (ITI TF-2 V.3.2, V.5)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml import etree

from gateway.crypto.safexml import text_of
from gateway.declare.bindings import NOWHERE
from gateway.errors import AddressingInvalid, HeaderNotUnderstood

WSA = "http://www.w3.org/2005/08/addressing"
SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
ANONYMOUS = f"{WSA}/anonymous"

_W = f"{{{WSA}}}"
_UNDERSTOOD = frozenset(
    {f"{_W}{name}" for name in ("Action", "MessageID", "To", "ReplyTo", "FaultTo", "From", "RelatesTo")}
    | {f"{{{WSSE}}}Security", "{urn:ihe:iti:xdr:2014}homeCommunityBlock"}
)
_MUST_UNDERSTAND = f"{{{SOAP}}}mustUnderstand"
_ROLE = f"{{{SOAP}}}role"
_OUR_ROLES = frozenset({None, f"{SOAP}/role/next", f"{SOAP}/role/ultimateReceiver"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """What routes a message: the action, and the id that its answer relates to, if it has one."""

    action: str
    message_id: str | None


@dataclass(frozen=True, slots=True)
class AnswerTo:
    """Where reply and fault go: an address, NOWHERE, or None for the connection of the request."""

    reply: str | None
    fault: str | None


def read_addressing(header: etree._Element | None) -> Addressing:
    """The addressing of a request; AddressingInvalid without an action."""
    found = _blocks(header)
    action = _text(found.get(f"{_W}Action"))
    if not action:
        raise AddressingInvalid("wsa:Action is missing", location="wsa:Action")
    return Addressing(action=action, message_id=_text(found.get(f"{_W}MessageID")) or None)


def check_addressing(header: etree._Element | None, path: str) -> AnswerTo:
    """Where a request wants its answer; AddressingInvalid unless it has an id and is for this path.

    Whether an answer may go there is not said (WS-Addressing 1.0 core 3.4: a fault goes where the reply goes,
    if nothing else is asked for).
    """
    found = _blocks(header)
    if not _text(found.get(f"{_W}MessageID")):
        raise AddressingInvalid("wsa:MessageID is missing", location="wsa:MessageID")
    _check_to(_text(found.get(f"{_W}To")), path)
    reply = _endpoint(found.get(f"{_W}ReplyTo"), "ReplyTo")
    fault = found.get(f"{_W}FaultTo")
    return AnswerTo(reply, reply if fault is None else _endpoint(fault, "FaultTo"))


def _blocks(header: etree._Element | None) -> dict[str, etree._Element]:
    return {str(block.tag): block for block in (header if header is not None else ())}


def refuse_unknown_headers(header: etree._Element | None) -> None:
    """SOAP 1.2 part 1 section 2.4: a mandatory block for us that is not understood stops the message."""
    for block in header if header is not None else ():
        mandatory = block.get(_MUST_UNDERSTAND) in {"true", "1"} and block.get(_ROLE) in _OUR_ROLES
        if mandatory and block.tag not in _UNDERSTOOD:
            raise HeaderNotUnderstood("a mandatory header is not understood", location=str(block.tag))


def _text(block: etree._Element | None) -> str | None:
    return None if block is None else text_of(block).strip()


def _endpoint(block: etree._Element | None, name: str) -> str | None:
    if block is None:
        return None
    addresses = block.findall(f"{_W}Address")
    if len(addresses) != 1:
        raise AddressingInvalid(
            f"wsa:{name} has {len(addresses)} Address elements, expected 1", location=f"wsa:{name}"
        )
    address = text_of(addresses[0]).strip()
    if address == ANONYMOUS:
        return None
    if address != NOWHERE and block.find(f"{_W}ReferenceParameters/*") is not None:
        # They would have to be repeated, foreign markup under our signature.
        raise AddressingInvalid(
            f"wsa:{name} has ReferenceParameters; an address without them is expected", location=f"wsa:{name}"
        )
    return address


def _check_to(to: str | None, path: str) -> None:
    """The endpoint is told by its path: one host answers under several names."""
    if to is None or to == ANONYMOUS:
        return
    parts = urlsplit(to)
    if parts.scheme != "https" or parts.path.rstrip("/") != path:
        raise AddressingInvalid(f"wsa:To does not name this endpoint ({path})", location="wsa:To")
