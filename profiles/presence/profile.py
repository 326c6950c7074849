"""Presence: codes by which patients let themselves be treated."""

from gateway.declare.transaction import Profile
from profiles.presence import fhir_issue_code, fhir_present_code

PROFILE = Profile(
    code="PRESENCE",
    title="Presence Codes",
    transactions=(fhir_issue_code.TRANSACTION, fhir_present_code.TRANSACTION),
    depends_on=("pdqm",),
)
