"""ATNA: what other systems tell the audit record repository, and who reads it."""

from gateway.declare.transaction import Profile
from profiles.atna import iti20_record_audit_event, iti20_record_audit_event_batch

PROFILE = Profile(
    code="ATNA",
    title="Audit Trail and Node Authentication",
    transactions=(iti20_record_audit_event.TRANSACTION, iti20_record_audit_event_batch.TRANSACTION),
    depends_on=("pdqm",),
)
