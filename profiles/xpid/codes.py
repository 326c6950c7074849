"""Codes of XAD-PID Change Management (ITI TF-2 3.64)."""

from gateway.record.domain import Domain
from gateway.record.people import Code

NEW, PREVIOUS = "newPatientId", "previousPatientId"
LOCAL, SUBSUMED = "localPatientId", "subsumedPatientId"
IDENTIFIER_TYPE = "urn:ihe:iti:xpid:2017:patientIdentifierType"
"""Detail of a patient in the audit: which of the four it is."""


def content_type(domain: Domain) -> Code:
    """What SubmissionSets are that come from a change of links: a code of the affinity domain's own."""
    return Code("xad-pid-link-change", domain.affinity_root, "XAD-PID link change")
