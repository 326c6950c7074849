"""Codes of emergency access; all are ours, but for those of FHIR."""

from __future__ import annotations

from types import MappingProxyType

from gateway.declare.transaction import Actors
from gateway.record.emergencies import Judgement

SCHEME = "2.999.1.2"
"""The scheme of codes that no standard has, as in the audit."""

SYSTEM = f"urn:oid:{SCHEME}"
REVIEWERS = Actors("Privacy Officer", "Emergency Review")
READERS = Actors("Notice Reader", "Notice Registry")
TELLERS = Actors("Notice Registry", "Notice Reader")
SECTION = "Emergency Access"
EMERGENCY, NOTICE = "emergency-access", "emergency-access-notice"

STATUSES = MappingProxyType(
    {
        "requested": frozenset({Judgement.OPEN}),
        "completed": frozenset({Judgement.ACCEPTED, Judgement.ABUSE}),
    }
)
"""Task.status → what the review said."""

ENDS = MappingProxyType(
    {
        "TIME": "its time was over",
        "SWITCHED-OFF": "the patient switched emergency access off",
        "BLACKLIST": "the patient put the person or the organisation on the black list",
        "CONSENT": "the patient opposed",
        "DSP_UNAVAILABLE": "the record was closed",
        "SUBJECT_UNKNOWN": "the person was deactivated",
    }
)
"""Why an emergency ended, in words."""
