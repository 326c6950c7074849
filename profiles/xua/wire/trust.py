"""RequestSecurityToken and its answers as WS-Trust 1.3 has them (sections 3, 4.1, 4.3 and 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from xml.sax.saxutils import escape

from lxml import etree

from gateway import schemas
from gateway.bindings.soapfault import FaultForm, fault
from gateway.crypto.safexml import text_of
from gateway.declare.bindings import SoapReply
from gateway.errors import Malformed, Meaning, Problem, Refused, SchemaInvalid
from gateway.tokens.asked import Asked
from gateway.tokens.assertion import instant
from profiles.xua.codes import (
    BEARER,
    ISSUE,
    PUBLIC_KEY,
    REQUEST,
    SAML_ID,
    SAML_NAMESPACE,
    SAML_TOKEN,
    WSP,
    WST,
)
from profiles.xua.wire.claims import read_claims

_WSA = "http://www.w3.org/2005/08/addressing"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_BAD_REQUEST, _UNAVAILABLE = 400, 503
_IN_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)
"""What canonical form escapes in an attribute."""
_CODES: Mapping[Meaning, str] = MappingProxyType(
    {
        Meaning.INVALID_REQUEST: "wst:InvalidRequest",
        Meaning.NOT_SUPPORTED: "wst:BadRequest",
        Meaning.GRANT_REFUSED: "wst:FailedAuthentication",
        Meaning.NOT_PERMITTED: "wst:FailedAuthentication",
        Meaning.SCOPE_REFUSED: "wst:InvalidScope",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for, the service it is for, and whether a bearer assertion is wanted."""

    asked: Asked
    applies_to: str | None
    bearer: bool
    context: str | None


def read_request(element: etree._Element) -> Request:
    """A RequestSecurityToken that asks to issue a SAML 2.0 assertion; Refused for any other."""
    if element.tag != REQUEST:
        raise SchemaInvalid("the Body holds no RequestSecurityToken", location="Body")
    schemas.validate("wstrust", element)
    if _one(element, "RequestType") != ISSUE:
        raise Refused(
            Problem(Meaning.NOT_SUPPORTED, "assertions are issued here, and nothing else", "RequestType")
        )
    if _one(element, "TokenType", SAML_TOKEN) not in {SAML_TOKEN, SAML_NAMESPACE}:
        raise _invalid("only SAML 2.0 assertions are issued", "TokenType")
    key = _one(element, "KeyType", PUBLIC_KEY)
    if key not in {PUBLIC_KEY, BEARER}:
        raise _invalid("an assertion names a public key, or is a bearer one", "KeyType")
    claims = element.findall(f"{{{WST}}}Claims")
    if len(claims) > 1:
        raise _invalid("expected one Claims", "Claims")
    return Request(
        asked=read_claims(claims[0] if claims else None),
        applies_to=_applies_to(element),
        bearer=key == BEARER,
        context=element.get("Context"),
    )


def _one(element: etree._Element, name: str, absent: str = "") -> str:
    found = element.findall(f"{{{WST}}}{name}")
    if len(found) > 1:
        raise _invalid(f"expected one {name}", name)
    return _text(found[0]) if found else absent


def _applies_to(element: etree._Element) -> str | None:
    found = [each for name in WSP for each in element.findall(f"{{{name}}}AppliesTo")]
    if not found:
        return None
    addresses = list(found[0].iter(f"{{{_WSA}}}Address"))
    if len(found) > 1 or len(addresses) != 1:
        raise _invalid("AppliesTo must name one service by wsa:Address", "AppliesTo")
    return _text(addresses[0])


def _text(element: etree._Element) -> str:
    try:
        return text_of(element).strip()
    except Malformed as error:
        raise _invalid("a value that is no plain text", etree.QName(element).localname) from error


def _invalid(text: str, location: str) -> Refused:
    return Refused(Problem(Meaning.INVALID_REQUEST, text, location))


def write_answer(
    assertion: bytes,
    identifier: str,
    audience: str,
    *,
    bearer: bool,
    context: str | None,
    start: datetime,
    end: datetime,
) -> SoapReply:
    """RequestSecurityTokenResponseCollection with one assertion, in canonical form."""
    said = "" if context is None else f' Context="{context.translate(_IN_ATTRIBUTE)}"'
    reference = (
        f'<wsse:SecurityTokenReference xmlns:wsse="{_WSSE}"><wsse:KeyIdentifier ValueType="{SAML_ID}">'
        f"{identifier}</wsse:KeyIdentifier></wsse:SecurityTokenReference>"
    )
    text = (
        f'<wst:RequestSecurityTokenResponseCollection xmlns:wst="{WST}">'
        f"<wst:RequestSecurityTokenResponse{said}>"
        f"<wst:TokenType>{SAML_TOKEN}</wst:TokenType><wst:RequestedSecurityToken>"
    )
    tail = (
        f"</wst:RequestedSecurityToken>"
        f"<wst:RequestedAttachedReference>{reference}</wst:RequestedAttachedReference>"
        f"<wst:RequestedUnattachedReference>{reference}</wst:RequestedUnattachedReference>"
        f'<wsp:AppliesTo xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy">'
        f'<wsa:EndpointReference xmlns:wsa="{_WSA}"><wsa:Address>{escape(audience)}</wsa:Address>'
        f"</wsa:EndpointReference></wsp:AppliesTo><wst:Lifetime>"
        f'<wsu:Created xmlns:wsu="{_WSU}">{instant(start)}</wsu:Created>'
        f'<wsu:Expires xmlns:wsu="{_WSU}">{instant(end)}</wsu:Expires></wst:Lifetime>'
        f"<wst:KeyType>{BEARER if bearer else PUBLIC_KEY}</wst:KeyType>"
        f"</wst:RequestSecurityTokenResponse></wst:RequestSecurityTokenResponseCollection>"
    )
    return SoapReply((text.encode() + assertion + tail.encode(),))


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """A fault with a subcode of WS-Trust."""
    first = problems[0]
    if first.meaning is Meaning.BUSY:
        return SoapReply(
            (fault(FaultForm("Receiver", None, _UNAVAILABLE), first.context),), fault=_UNAVAILABLE
        )
    form = FaultForm("Sender", _CODES.get(first.meaning, "wst:RequestFailed"), _BAD_REQUEST)
    return SoapReply((fault(form, first.context),), fault=form.status)
