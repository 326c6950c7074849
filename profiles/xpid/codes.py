"""Codes of XAD-PID Change Management (ITI TF-2 3.64)."""

from gateway.record.domain import Domain
from gateway.record.people import Code

NEW, PREVIOUS = "newPatientId", "previousPatientId"
LOCAL, SUBSUMED = "localPatientId", "subsumedPatientId"
"""What an identifier is to the message, as the audit has it."""

BEGINS, ENDS = "1", "14"
"""ParticipantObjectDataLifeCycle: origination, logical deletion (RFC 3881 5.5.3)."""


def content_type(domain: Domain) -> Code:
    """What SubmissionSets are that come from a change of links: a code of the affinity domain's own."""
    return Code("xad-pid-link-change", domain.affinity_root, "XAD-PID link change")
