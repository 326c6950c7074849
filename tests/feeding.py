"""AuditEvents of other systems, and batches of them."""

from __future__ import annotations

from typing import Any

PATIENT_SYSTEM = "urn:oid:2.999.3.1"


def audit_event(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A read of a report of patient `FED-1` that somebody told; another number makes another event."""
    found: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "read"}],
        "action": "R",
        "recorded": f"2026-11-20T10:{number // 60 % 60:02}:{number % 60:02}.000Z",
        "outcome": "0",
        "agent": [{"who": {"identifier": {"value": f"dr.{number}"}}, "requestor": True}],
        "source": {"observer": {"display": "cabinet"}},
        "entity": [
            {
                "what": {"identifier": {"system": PATIENT_SYSTEM, "value": f"FED-{number}"}},
                "type": {"code": "1"},
                "role": {"code": "1"},
            }
        ],
    }
    return {name: value for name, value in (found | changes).items() if value is not None}


def entry(resource: Any, **changes: Any) -> dict[str, Any]:
    """One entry of a batch."""
    return {"resource": resource, "request": {"method": "POST", "url": "AuditEvent"}, **changes}


def batch(*entries: Any, kind: str = "batch") -> dict[str, Any]:
    """A Bundle of entries, or of AuditEvents."""
    made = [each if isinstance(each, dict) and "request" in each else entry(each) for each in entries]
    return {"resourceType": "Bundle", "type": kind, "entry": made}
