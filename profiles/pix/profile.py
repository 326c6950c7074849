"""PIX: the identity feed of a Document Registry, and the query of a PIX Manager (ITI TF-1 5, 10)."""

from gateway.declare.transaction import Profile
from profiles.pix import (
    iti8_patient_identity_feed,
    iti9_pix_query,
    iti10_pix_update_notification,
    iti64_notify_xad_pid_link_change,
)

PROFILE = Profile(
    code="PIX",
    title="Patient Identifier Cross-referencing",
    transactions=(*iti8_patient_identity_feed.TRANSACTIONS, *iti9_pix_query.TRANSACTIONS),
    notifications=(
        iti10_pix_update_notification.NOTIFICATION,
        iti64_notify_xad_pid_link_change.NOTIFICATION,
    ),
)
