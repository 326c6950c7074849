"""The tables of the record, its audit and its keys. Times are text in DTM or epoch milliseconds in UTC.

Record keys are 63-bit numbers made by the application, so that a unit of work can be written in one go.
Coded values stand as `code^^scheme`. Fragments are packed (`gateway.stores.fragments`) and carry marks
(`gateway.stores.marks`).
"""

from gateway.stores.tables.base import METADATA
from gateway.stores.tables.directory import (
    directory_change,
    directory_entry,
    directory_link,
    directory_value,
)
from gateway.stores.tables.emergencies import (
    emergency,
    emergency_use,
    patient_notice,
    presence_code,
    presence_miss,
    visit_notice,
)
from gateway.stores.tables.events import event, event_block, event_seen, event_term, slot_key
from gateway.stores.tables.operators import (
    operator_event,
    operator_factor,
    operator_failure,
    operator_session,
)
from gateway.stores.tables.patients import (
    continuation,
    patient,
    patient_assertion,
    patient_event,
    patient_review,
    patient_token,
    patient_version,
    subscription,
    visit,
)
from gateway.stores.tables.policies import policy_version
from gateway.stores.tables.registry import (
    association,
    claim,
    content,
    entry,
    entry_value,
    folder,
    package_value,
    record_key,
    submission_set,
)
from gateway.stores.tables.retention import erasure, retention_hold, retention_proposal
from gateway.stores.tables.rights import consent, patient_rights, revocation, rights_version
from gateway.stores.tables.system import system_block, system_event
from gateway.stores.tables.tokens import authorization_code, issued_token
from gateway.stores.tables.trail import (
    audit,
    audit_checkpoint,
    audit_cosignature,
    audit_leaf,
    audit_node,
    audit_signer,
    audit_stamp,
    meta,
    outbox,
    seen_message,
)
from gateway.stores.tables.watch import alert, incident, incident_step, watch_state

__all__ = [
    "METADATA",
    "alert",
    "association",
    "audit",
    "audit_checkpoint",
    "audit_cosignature",
    "audit_leaf",
    "audit_node",
    "audit_signer",
    "audit_stamp",
    "authorization_code",
    "claim",
    "consent",
    "content",
    "continuation",
    "directory_change",
    "directory_entry",
    "directory_link",
    "directory_value",
    "emergency",
    "emergency_use",
    "entry",
    "entry_value",
    "erasure",
    "event",
    "event_block",
    "event_seen",
    "event_term",
    "folder",
    "incident",
    "incident_step",
    "issued_token",
    "meta",
    "operator_event",
    "operator_factor",
    "operator_failure",
    "operator_session",
    "outbox",
    "package_value",
    "patient",
    "patient_assertion",
    "patient_event",
    "patient_notice",
    "patient_review",
    "patient_rights",
    "patient_token",
    "patient_version",
    "policy_version",
    "presence_code",
    "presence_miss",
    "record_key",
    "retention_hold",
    "retention_proposal",
    "revocation",
    "rights_version",
    "seen_message",
    "slot_key",
    "submission_set",
    "subscription",
    "system_block",
    "system_event",
    "visit",
    "visit_notice",
    "watch_state",
]
