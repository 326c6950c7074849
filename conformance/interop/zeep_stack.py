"""What zeep lacks, added outside of it, and what is expected of answers."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import zeep
from lxml import etree

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
XDSB = "urn:ihe:iti:xds-b:2007"
XOP = "http://www.w3.org/2004/08/xop/include"
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
QUERY = {
    "queryId": {"root": "2.999.60.1", "extension": "zeep"},
    "statusCode": {"code": "new"},
    "responsePriorityCode": {"code": "I"},
}


class UnexpectedError(Exception):
    """The system answered something else than it had to."""


def expect(*, holds: bool, otherwise: str) -> None:
    """UnexpectedError unless something holds."""
    if not holds:
        raise UnexpectedError(otherwise)


@dataclass
class Complete(zeep.Plugin):  # type: ignore[misc]  # zeep has no types
    """Completes what zeep writes: addressing headers, and registry objects where they belong."""

    objects: list[etree._Element] = field(default_factory=list)

    def egress(
        self, envelope: etree._Element, http_headers: dict[str, str], operation: Any, options: Any
    ) -> tuple[etree._Element, dict[str, str]]:
        """An envelope on its way out."""
        del operation, options
        header = envelope.find(f"{{{SOAP}}}Header")
        action = envelope.find(f"{{{SOAP}}}Header/{{{WSA}}}Action")
        if header is not None and action is not None:
            action.set(f"{{{SOAP}}}mustUnderstand", "true")
            reply_to = etree.SubElement(header, f"{{{WSA}}}ReplyTo")
            etree.SubElement(reply_to, f"{{{WSA}}}Address").text = f"{WSA}/anonymous"
        for place in envelope.iter(f"{{{RIM}}}RegistryObjectList"):
            place.extend(self.objects)
        return envelope, http_headers


class MtomTransport(zeep.Transport):  # type: ignore[misc]  # zeep has no types
    """Sends every request as an MTOM package, with each document in a part of its own."""

    def post_xml(self, address: str, envelope: etree._Element, headers: Mapping[str, str]) -> Any:
        """One request: base64 text leaves the envelope."""
        parts: list[tuple[str, bytes]] = []
        for document in envelope.iter(f"{{{XDSB}}}Document"):
            name = f"{uuid.uuid4()}@zeep"
            parts.append((name, base64.b64decode(document.text or "")))
            document.text = None
            etree.SubElement(document, f"{{{XOP}}}Include", href=f"cid:{name}")
        action = envelope.findtext(f"{{{SOAP}}}Header/{{{WSA}}}Action") or ""
        boundary = f"zeep-{secrets.token_hex(16)}"
        content_type = (
            f'multipart/related; type="application/xop+xml"; start="<root@zeep>"; '
            f'start-info="application/soap+xml"; boundary="{boundary}"; action="{action}"'
        )
        body = package(etree.tostring(envelope, encoding="UTF-8"), parts, boundary)
        return self.post(address, body, {**headers, "Content-Type": content_type})


def package(root: bytes, parts: list[tuple[str, bytes]], boundary: str) -> bytes:
    """A multipart/related body with XOP root."""
    kind = 'application/xop+xml; charset=UTF-8; type="application/soap+xml"'
    named = [("root@zeep", kind, root), *((name, "application/octet-stream", data) for name, data in parts)]
    return (
        b"".join(
            f"--{boundary}\r\nContent-Type: {media}\r\nContent-Transfer-Encoding: binary\r\n"
            f"Content-ID: <{name}>\r\n\r\n".encode()
            + data
            + b"\r\n"
            for name, media, data in named
        )
        + f"--{boundary}--\r\n".encode()
    )


def interaction(name: str, act: Mapping[str, Any]) -> dict[str, Any]:
    """An HL7 V3 message around a control act."""
    device = {"classCode": "DEV", "determinerCode": "INSTANCE"}
    trigger = {"code": name.replace("_IN", "_TE"), "codeSystem": "2.16.840.1.113883.1.6"}
    return {
        "ITSVersion": "XML_1.0",
        "id": {"root": str(uuid.uuid4())},
        "creationTime": {"value": "20261122093000"},
        "interactionId": {"root": "2.16.840.1.113883.1.6", "extension": name},
        "processingCode": {"code": "T"},
        "processingModeCode": {"code": "T"},
        "acceptAckCode": {"code": "AL"},
        "receiver": [{"typeCode": "RCV", "device": {**device, "id": [{"root": "2.999.50.1"}]}}],
        "sender": {"typeCode": "SND", "device": {**device, "id": [{"root": "2.999.60.1"}]}},
        "controlActProcess": {"classCode": "CACT", "moodCode": "EVN", "code": trigger, **act},
    }


def expect_acknowledged(answer: Any, code: str) -> None:
    """The acknowledgement has the type code."""
    told = answer["acknowledgement"][0]
    expect(holds=told["typeCode"]["code"] == code, otherwise=f"{told['typeCode']['code']}: {told}")


def expect_result(answer: Any, kind: str) -> Any:
    """The one response of a batch, which succeeded."""
    (told,) = (each[kind] for each in answer["_value_1"] if kind in each)
    result = told["searchResultDone"] if kind == "searchResponse" else told
    expect(holds=result["resultCode"]["code"] == 0, otherwise=f"{result}")
    return told


def expect_response(answer: Any, code: str) -> None:
    """The query has the response code."""
    seen = answer["controlActProcess"]["queryAck"]["queryResponseCode"]["code"]
    expect(holds=seen == code, otherwise=f"queryResponseCode {seen}")


def raw_elements(item: Any) -> list[etree._Element]:
    """What zeep could not give a type, because it knows no substitution groups."""
    return list(getattr(item, "_raw_elements", None) or [])


def expect_success(answer: Any) -> None:
    """The registry response says Success."""
    errors = answer["RegistryErrorList"] or {}
    expect(holds=answer["status"] == SUCCESS, otherwise=f"status {answer['status']}, {errors}")
