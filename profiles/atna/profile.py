"""ATNA: what other systems tell the audit record repository, and who reads it."""

from gateway.declare.transaction import Profile
from profiles.atna import iti81_retrieve_audit_event, iti82_retrieve_syslog_event

PROFILE = Profile(
    code="ATNA",
    title="Audit Trail and Node Authentication",
    transactions=(*iti81_retrieve_audit_event.TRANSACTIONS, iti82_retrieve_syslog_event.TRANSACTION),
    depends_on=("pdqm",),
)
