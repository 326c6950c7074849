"""Sends REST cases (FHIR R4) and reads their answers."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urljoin

import httpx
import orjson
from answer import NO_ANSWER, Answer, local, parse
from cases import Case
from lxml import etree
from substitute import fresh_oid

JSON = "application/fhir+json"
FHIR = "{http://hl7.org/fhir}"
XML = "application/fhir+xml"
USUAL = {
    "ITI-20": "[base]/AuditEvent",
    "ITI-83": "[base]/Patient/$ihe-pix",
    "ITI-93": "[base]/$process-message",
    "ITI-108": "[base]/Consent",
    "ITI-119": "[base]/Patient/$match",
}
UNIQUE = (("DocumentReference", "masterIdentifier"), ("List", "identifier"))


def pattern(case: Case, content: bytes | None) -> str:
    """The URL pattern of a case, or the usual one of its transaction.

    SYSTEM|VALUE stands for the first identifier of the resource that is sent.
    """
    found = str(case.request.get("url") or USUAL.get(case.transaction, "[base]"))
    held = _resource(content or b"").get("identifier") or ()
    for each in held[:1] if "SYSTEM|VALUE" in found else ():
        found = found.replace("SYSTEM|VALUE", f"{each.get('system')}|{each.get('value')}")
    return found


def send(client: httpx.Client, base: str, case: Case, content: bytes | None, url: str) -> Answer:
    """One request as the case describes it: method, content type; `url` has `[base]` for the base."""
    url = url.replace("[base]", base.rstrip("/"))
    headers = {"Accept": str(case.request.get("accept", JSON))}
    if content is not None:
        usual = XML if content.lstrip().startswith(b"<") and case.transaction == "ITI-20" else JSON
        headers["Content-Type"] = str(case.request.get("contentType", usual))
    try:
        response = client.request(case.request.get("method", "POST"), url, content=content, headers=headers)
    except httpx.HTTPError as error:
        return Answer(status=NO_ANSWER, detail=f"{type(error).__name__}: {error}")
    resource = _resource(response.content)
    payload = parse(response.content) if "xml" in response.headers.get("content-type", "") else None
    if payload is not None:
        resource = {"resourceType": local(payload)}
    return Answer(
        status=f"HTTP {response.status_code}",
        http_status=response.status_code,
        payload=payload,
        resource=resource,
        location=_location(base, response.headers.get("location", ""), resource),
        detail=_issues(resource),
        text=response.text,
    )


def patient_url(client: httpx.Client, base: str, patient: str) -> str | None:
    """The absolute URL of the Patient with that identifier (`id^^^&OID&ISO`), or None if it is not found."""
    name, _, authority = patient.partition("^^^")
    system = "urn:oid:" + authority.split("&")[1]
    url = f"{base.rstrip('/')}/Patient?identifier={quote(f'{system}|{name}')}"
    try:
        found = _resource(client.get(url, headers={"Accept": JSON}).content)
    except httpx.HTTPError:
        return None
    entries = found.get("entry") or []
    resource = entries[0].get("resource", {}) if entries else {}
    full = entries[0].get("fullUrl") if entries else None
    return str(full) if full else f"{base.rstrip('/')}/Patient/{resource['id']}" if "id" in resource else None


def with_known_references(content: bytes, patient: str) -> bytes:
    """The patient (`id^^^&OID&ISO`) in the place of every Patient; others get an identifier as well."""
    name, _, authority = patient.partition("^^^")
    known = {"identifier": {"system": "urn:oid:" + authority.split("&")[1], "value": name}}

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(each) for each in value]
        if not isinstance(value, dict):
            return value
        url = value.get("reference")
        if not isinstance(url, str):
            return {key: told(each) for key, each in value.items()}
        other = {"identifier": {"system": "urn:oid:2.999.25.1", "value": url.rpartition("/")[2]}}
        return known if url.startswith("Patient/") else {**value, **other}

    return orjson.dumps(told(orjson.loads(content)))


def with_new_ids(content: bytes) -> bytes:
    """New OIDs in DocumentReference.masterIdentifier and List.identifier of a Bundle, JSON or XML."""
    if content.lstrip().startswith(b"{"):
        return _json_with_new_ids(content)
    root = parse(content)
    if root is None:
        return content
    for resource, element in UNIQUE:
        for value in root.iterfind(f".//{FHIR}{resource}/{FHIR}{element}/{FHIR}value"):
            value.set("value", f"urn:oid:{fresh_oid()}")
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _json_with_new_ids(content: bytes) -> bytes:
    bundle: dict[str, Any] = orjson.loads(content)
    for entry in bundle.get("entry", ()):
        resource = entry.get("resource", {})
        for kind, name in UNIQUE:
            held = resource.get(name) if resource.get("resourceType") == kind else None
            for identifier in held if isinstance(held, list) else [held] if held else []:
                identifier["value"] = f"urn:oid:{fresh_oid()}"
    return orjson.dumps(bundle)


def _resource(content: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _location(base: str, header: str, resource: dict[str, Any]) -> str:
    """The Location of the created DocumentReference, absolute: of the answer, or of its entry in a Bundle."""
    found = header
    for entry in resource.get("entry") or ():
        named = str((entry.get("response") or {}).get("location") or "")
        if "DocumentReference/" in named:
            found = named
    return urljoin(f"{base.rstrip('/')}/", found.partition("/_history/")[0]) if found else ""


def _issues(resource: dict[str, Any]) -> str:
    issues = resource.get("issue") or ()
    return "; ".join(f"{i.get('code')}: {i.get('diagnostics') or ''}".strip() for i in issues)
