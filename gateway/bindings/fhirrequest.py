"""What a FHIR request says beside its resource: parameters, media types, token (FHIR R4 http, RFC 6750)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote_plus

from lxml import etree

from gateway.config import Limits
from gateway.crypto.safexml import parse
from gateway.errors import (
    GatewayError,
    Malformed,
    MediaTypeUnsupported,
    TokenInvalid,
    TooComplex,
    TooLarge,
)

JSON = "application/fhir+json"
PLAIN_JSON = "application/json"
XML = "application/fhir+xml"
ANY_JSON = (JSON, PLAIN_JSON)
ANY_XML = (XML, "application/xml", "text/xml")
FORM = "application/x-www-form-urlencoded"
_SHORT_FORMATS = MappingProxyType({"json": JSON, "xml": XML})
_VERSION = "4.0"
_TOKEN_PARAMETER = "access_token"  # noqa: S105 - the name of a parameter (RFC 6750 2.2, 2.3)

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FORMAT = re.compile(r"(?:^|&)_format=(?P<value>[^&]*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BEARER = re.compile(r"(?i:bearer) +(?P<token>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){0,2})")
_QUALITY = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", re.ASCII)

Parameters = tuple[tuple[str, str], ...]


# --- parameters ----------------------------------------------------------------------------------


def read_parameters(query: str, body: bytes, limits: Limits) -> Parameters:
    """The parameters of the URL and then of a form body, in order; Malformed, TooComplex or TokenInvalid."""
    found = (*_pairs(query, "query"), *_pairs(_ascii(body), "body"))
    if len(found) > limits.search_parameters:
        raise TooComplex(f"more than {limits.search_parameters} parameters", location="query")
    for name, value in found:
        if name == _TOKEN_PARAMETER:
            raise TokenInvalid("a token belongs into the Authorization header", location="query")
        if value.count(",") >= limits.search_or_values:
            raise TooComplex(f"more than {limits.search_or_values} values in one parameter", location="query")
        if _CONTROL.search(name) or _CONTROL.search(value):
            raise Malformed("a control character in a parameter", location="query")
    return found


def _pairs(text: str, location: str) -> list[tuple[str, str]]:
    if not text:
        return []
    if not text.isascii() or _BAD_ESCAPE.search(text):
        raise Malformed("expected percent-encoded UTF-8 (RFC 3986)", location=location)
    try:
        return parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        raise Malformed("expected name=value pairs in percent-encoded UTF-8", location=location) from error


def _ascii(body: bytes) -> str:
    if not body.isascii():
        raise Malformed("expected percent-encoded UTF-8 (RFC 3986)", location="body")
    return body.decode("ascii")


# --- media types ---------------------------------------------------------------------------------


def media_type_of(content_type: str) -> str:
    """The media type of a Content-Type without its parameters."""
    return _media(content_type)[0]


def check_body_type(content_type: str, expected: tuple[str, ...]) -> None:
    """A body is of one of the types expected, in UTF-8 where it is text. Else MediaTypeUnsupported."""
    kind, parameters = _media(content_type)
    if kind not in expected:
        raise MediaTypeUnsupported(f"expected {expected[0]}", location="Content-Type")
    if parameters.get("charset", "utf-8") != "utf-8":
        raise MediaTypeUnsupported("expected charset utf-8", location="Content-Type")


def wanted_type(accept: str, parameters: Parameters) -> str:
    """The Accept header, or what `_format` says instead of it (FHIR R4 http 3.1.0.1.11)."""
    formats = [value for name, value in parameters if name == "_format"]
    if len(formats) > 1:
        raise Malformed("_format is given twice, expected once", location="_format")
    if not formats:
        return accept
    # A plus sign that was not percent-encoded arrives as a space.
    return _SHORT_FORMATS.get(formats[0], formats[0].replace(" ", "+"))


def accepts(accept: str, media_type: str) -> bool:
    """Whether an Accept header takes a media type (RFC 9110 12.5.1); without a header everything is taken."""
    return _weight(accept, media_type)[0] > 0


def _weight(accept: str, media_type: str) -> tuple[float, int]:
    """How much a media type is wanted, and how narrowly it was named: 2 by name, 1 by main type, 0 by */*."""
    if not accept.strip():
        return 1.0, 0
    wanted = media_type.partition(";")[0].strip().lower()
    main = wanted.partition("/")[0]
    names = {"*/*": 0, f"{main}/*": 1, wanted: 2}
    best, quality = -1, 0.0
    for name, parameters in _ranges(accept):
        rank = names.get(name, -1)
        if rank >= best and rank >= 0 and parameters.get("fhirversion", _VERSION) == _VERSION:
            best, quality = rank, _quality(parameters)
    return quality, best


def accepts_resource(accept: str) -> bool:
    """Whether a FHIR resource may be answered, as JSON or as XML; the general media types ask for it too."""
    return any(accepts(accept, each) for each in (*ANY_JSON, *ANY_XML))


def wants_xml(accept: str, content_type: str) -> bool:
    """Whether a resource is better answered as XML; where both are as good, in the form of the request."""
    as_json = max(_weight(accept, each) for each in ANY_JSON)
    as_xml = max(_weight(accept, each) for each in ANY_XML)
    if as_json == as_xml:
        return media_type_of(content_type) in ANY_XML
    return as_xml > as_json


def named_format(query: str) -> str | None:
    """What `_format` says in a query that may not be readable otherwise."""
    match = _FORMAT.search(query)
    return wanted_type("", (("_format", unquote_plus(match["value"])),)) if match else None


def _ranges(accept: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    return (_media(item) for item in accept.split(","))


def _quality(parameters: Mapping[str, str]) -> float:
    value = parameters.get("q", "1")
    return float(value) if _QUALITY.fullmatch(value) else 0.0


def _media(value: str) -> tuple[str, Mapping[str, str]]:
    """Type and parameters of a media type, in lower case."""
    kind, *rest = value.lower().split(";")
    pairs = (item.partition("=") for item in rest)
    return kind.strip(), {name.strip(): text.strip().strip('"') for name, _, text in pairs}


def strict(prefer: str) -> bool:
    """Whether a Prefer header asks to refuse what is not understood (FHIR R4 search 3.1.1.2)."""
    wishes = re.split(r"[,;]", prefer.lower())
    return any(wish.replace(" ", "").replace('"', "") == "handling=strict" for wish in wishes)


# --- token ---------------------------------------------------------------------------------------


def bearer_token(authorization: str) -> tuple[etree._Element | None, str | None]:
    """The access token: a SAML assertion, or a compact JWS (IUA ITI-72, SAML and JWT Token options).

    Neither without the header; TokenInvalid for another scheme, several headers, or anything else than one
    XML element in base64url without padding (RFC 7522 2.2) or three parts of base64url (RFC 7515).
    """
    if not authorization:
        return None, None
    match = _BEARER.fullmatch(authorization.strip())
    if match is None:
        raise TokenInvalid("expected one Bearer token in base64url", location="Authorization")
    token = match["token"]
    return (None, token) if "." in token else (_assertion(token), None)


def _assertion(token: str) -> etree._Element:
    try:
        octets = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return parse(octets)
    except (ValueError, Malformed, TooLarge, TooComplex) as error:
        raise TokenInvalid(_not_an_assertion(error), location="Authorization") from error


def _not_an_assertion(error: Exception) -> str:
    seen = error.detail if isinstance(error, GatewayError) else "not base64url"
    return f"the token is not one SAML assertion: {seen}"
