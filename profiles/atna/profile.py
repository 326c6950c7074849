"""ATNA: what other systems tell the audit record repository, and who reads it."""

from gateway.declare.transaction import Profile
from profiles.atna import (
    fhir_journal,
    iti20_record_audit_event,
    iti20_record_audit_event_batch,
    iti81_retrieve_audit_event,
    iti82_retrieve_syslog_event,
)

PROFILE = Profile(
    code="ATNA",
    title="Audit Trail and Node Authentication",
    transactions=(
        iti20_record_audit_event.TRANSACTION,
        iti20_record_audit_event_batch.TRANSACTION,
        *iti81_retrieve_audit_event.TRANSACTIONS,
        iti82_retrieve_syslog_event.TRANSACTION,
        fhir_journal.BY_URL,
        fhir_journal.BY_RESOURCE,
    ),
    depends_on=("pdqm",),
)
