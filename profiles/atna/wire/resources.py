"""An event as the resource that readers get (RESTful ATNA 3.81.4.2)."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.trail.book import Kept
from gateway.trail.fhir import audit_event

FHIR = "fhir"
"""The form of what came as a resource."""


def resource_of(kept: Kept) -> dict[str, Any]:
    """The AuditEvent: as it was received, where it came as one, with the id that it has here."""
    received = kept.received
    if received is not None and received.form == FHIR and received.fault is None:
        return {**orjson.loads(received.raw), "id": kept.name}
    return audit_event(kept.record, kept.name)
