"""What came back: one shape for SOAP, HL7 v2 and REST answers, and the reading of registry payloads."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from lxml import etree

NO_ANSWER = "no answer"
XOP_INCLUDE = "{http://www.w3.org/2004/08/xop/include}Include"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One rs:RegistryError."""

    code: str
    context: str
    severity: str

    @property
    def is_error(self) -> bool:
        """False for warnings."""
        return self.severity.rpartition(":")[2] != "Warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """One DocumentResponse of ITI-43 or ITI-39; `content` is None when its bytes could not be found."""

    home: str
    repository: str
    unique_id: str
    mime_type: str
    content: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`status` is Success, Failure, PartialSuccess, Fault, an HL7 code, `HTTP nnn` or `no answer`."""

    status: str
    http_status: int = 0
    packaging: str = ""
    payload: etree._Element | None = None
    problems: tuple[Problem, ...] = ()
    documents: tuple[Retrieved, ...] = ()
    action: str = ""
    action_understood: bool = False
    relates_to: str = ""
    query_code: str = ""
    detail: str = ""
    text: str = ""
    resource: Mapping[str, Any] = field(default_factory=dict)
    location: str = ""

    def summary(self) -> str:
        """Status, then error codes with their contexts, in one line."""
        parts = [self.status]
        parts += [f"{p.code}: {p.context}" for p in self.problems if p.is_error]
        if self.detail:
            parts.append(self.detail)
        return " ".join("; ".join(parts).split())[:600]


def local(element: etree._Element) -> str:
    """The local name of an element; empty for comments and processing instructions."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def parser() -> etree.XMLParser:
    """A parser that fetches nothing and expands nothing."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


def parse(content: bytes) -> etree._Element | None:
    """The root element, or None when `content` is not well-formed."""
    try:
        return etree.fromstring(content, parser())
    except etree.XMLSyntaxError:
        return None


def first(element: etree._Element, name: str) -> etree._Element | None:
    """The first descendant-or-self with that local name."""
    return next((found for found in element.iter() if local(found) == name), None)


def text_of(element: etree._Element, name: str) -> str:
    """Text of the first descendant with that local name, stripped; empty if there is none."""
    found = first(element, name)
    return (found.text or "").strip() if found is not None else ""


def status_of(payload: etree._Element) -> str:
    """The outcome a payload states: last part of the status URN, or the HL7 v3 acknowledgement code."""
    name = local(payload)
    if name == "Fault":
        return "Fault"
    if name == "PatientLocationQueryResponse":
        return "Success"
    if name == "batchResponse":
        return "Failure" if any(map(_failed, payload.iter())) else "Success"
    if name == "RetrieveDocumentSetResponse":
        inner = first(payload, "RegistryResponse")
        return _last(inner.get("status") or "") if inner is not None else name
    if payload.get("status"):
        return _last(payload.get("status") or "")
    acknowledgement = next((e for e in payload if local(e) == "acknowledgement"), None)
    if acknowledgement is not None:
        code = first(acknowledgement, "typeCode")
        return str(code.get("code") or "") if code is not None else str(acknowledgement.get("typeCode") or "")
    return name


def query_code_of(payload: etree._Element) -> str:
    """HL7 v3 queryAck/queryResponseCode, or empty."""
    acknowledgement = first(payload, "queryAck")
    code = first(acknowledgement, "queryResponseCode") if acknowledgement is not None else None
    return str(code.get("code") or "") if code is not None else ""


def problems_of(payload: etree._Element) -> tuple[Problem, ...]:
    """All RegistryError elements, details of an HL7 v3 acknowledgement, or LDAP results, in order."""
    if local(payload) == "batchResponse":
        return tuple(map(_directory_problem, filter(_failed, payload.iter())))
    return tuple(
        Problem(
            code=found.get("errorCode") or "",
            context=found.get("codeContext") or "",
            severity=found.get("severity") or "",
        )
        if local(found) == "RegistryError"
        else _detail(found)
        for found in payload.iter()
        if local(found) in {"RegistryError", "acknowledgementDetail"}
    )


def _failed(found: etree._Element) -> bool:
    """Whether a part of a DSML batchResponse tells that a request was not done."""
    return local(found) == "errorResponse" or (local(found) == "resultCode" and found.get("code") != "0")


def _directory_problem(found: etree._Element) -> Problem:
    holder = found if local(found) == "errorResponse" else found.getparent()
    words = "" if holder is None else text_of(holder, "errorMessage") or text_of(holder, "message")
    return Problem(code=found.get("type") or found.get("descr") or "", context=words, severity="Error")


def _detail(found: etree._Element) -> Problem:
    code = first(found, "code")
    return Problem(
        code=str(code.get("code") or "") if code is not None else "",
        context=f"{text_of(found, 'text')} at {text_of(found, 'location')}",
        severity="Error" if found.get("typeCode") == "E" else "Warning",
    )


def fault_of(payload: etree._Element) -> str:
    """Code, subcodes and reason of a SOAP fault in one line; empty for another payload."""
    if local(payload) != "Fault":
        return ""
    words = [
        (found.text or "").strip()
        for found in payload.iter()
        if local(found) in {"Value", "Text", "faultstring"}
    ]
    return " ".join(word for word in words if word)


def documents_of(payload: etree._Element, parts: Mapping[str, bytes]) -> tuple[Retrieved, ...]:
    """The documents of a retrieve answer; `parts` maps Content-ID to the bytes of a MIME part."""
    return tuple(
        Retrieved(
            home=text_of(found, "HomeCommunityId"),
            repository=text_of(found, "RepositoryUniqueId"),
            unique_id=text_of(found, "DocumentUniqueId"),
            mime_type=text_of(found, "mimeType"),
            content=_content(found, parts),
        )
        for found in payload.iter()
        if local(found) == "DocumentResponse"
    )


def _content(response: etree._Element, parts: Mapping[str, bytes]) -> bytes | None:
    document = next((found for found in response if local(found) == "Document"), None)
    if document is None:
        return None
    include = document.find(XOP_INCLUDE)
    if include is not None:
        return parts.get(content_id(include.get("href") or ""))
    try:
        return base64.b64decode(str(document.xpath("string()")), validate=False)
    except binascii.Error:
        return None


def content_id(href: str) -> str:
    """The Content-ID that a cid: URL names, percent-decoded and without brackets (RFC 2392)."""
    return unquote(href.removeprefix("cid:"))


def _last(urn: str) -> str:
    return urn.rpartition(":")[2]
