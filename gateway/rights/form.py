"""A consent document as the source of a FHIR Consent: every door shows where it came from (FHIR R4)."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

from gateway.record.consents import Consent
from gateway.record.documents import DocumentEntry

_URI, _OID_URN = "urn:ietf:rfc:3986", "urn:oid:"
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")
_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_LOINC = "http://loinc.org"


def form_of(entry: DocumentEntry, policies: Collection[str], at: datetime) -> dict[str, Any]:
    """A Consent without provision, whose source is the document and whose policies are those it names."""
    form: dict[str, Any] = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": _SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": _LOINC, "code": "57016-8"}]}],
        "dateTime": at.isoformat(timespec="seconds"),
        "sourceReference": {
            "type": "DocumentReference",
            "identifier": {"system": _URI, "value": _uri(entry.unique_id)},
        },
    }
    if entry.patient is not None:
        patient = {"system": _uri(entry.patient.root), "value": entry.patient.extension}
        form["patient"] = {"identifier": patient}
    if policies:
        form["policy"] = [{"uri": _uri(each)} for each in policies]
    return form


def document_of(consent: Consent, codes: Collection[str]) -> str | None:
    """The uniqueId of the document that a version was read from; None if it came in another way.

    `codes` are those of the readers: a resource that somebody wrote names no document of ours.
    """
    if consent.author.by not in codes:
        return None
    value = consent.form.get("sourceReference", {}).get("identifier", {}).get("value")
    return value.removeprefix(_OID_URN) if isinstance(value, str) else None


def _uri(identifier: str) -> str:
    return f"{_OID_URN}{identifier}" if _OID.fullmatch(identifier) else identifier
