"""ATNA: what other systems tell the audit record repository, and who reads it."""

from gateway.declare.transaction import Profile
from profiles.atna import fhir_journal

PROFILE = Profile(
    code="ATNA",
    title="Audit Trail and Node Authentication",
    transactions=(fhir_journal.BY_URL, fhir_journal.BY_RESOURCE),
    depends_on=("pdqm",),
)
