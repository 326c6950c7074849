"""A notice to a patient as a Communication (FHIR R4 Communication): that it was, who, and when; no more."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from gateway.record.domain import Domain
from gateway.record.emergencies import EmergencyNotice
from profiles.emergency.codes import NOTICE
from profiles.pdqm.wire.patient import write_identifier
from profiles.vigilance.wire.values import concept, instant


def write_communication(notice: EmergencyNotice, domain: Domain) -> dict[str, Any]:
    """Nothing of what was read, and not the reason, which may tell of the patient's state."""
    at = instant(int(notice.at.timestamp() * 1000))
    name = notice.name or "somebody"
    where = notice.organisation_name or notice.organisation
    who = f"{name} ({notice.role_name})" if notice.role_name else name
    told = f"{who}{f', {where},' if where else ''} used emergency access to your record"
    return {
        "resourceType": "Communication",
        "id": f"{notice.key:x}",
        "status": "completed",
        "category": [concept(NOTICE, "Notice of an emergency access")],
        "priority": "urgent",
        "subject": {"identifier": write_identifier(notice.patient, domain)},
        "sent": at,
        "sender": {"display": f"{name}, {where}" if where else name},
        "payload": [
            {"contentString": f"{told} on {notice.at.astimezone(UTC):%Y-%m-%d at %H:%M} UTC. It is reviewed."}
        ],
    }
