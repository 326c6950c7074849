"""PIX: the identity feed of a Document Registry (ITI TF-1 5, 10)."""

from gateway.declare.transaction import Profile
from profiles.pix import (
    iti8_patient_identity_feed,
    iti10_pix_update_notification,
    iti64_notify_xad_pid_link_change,
)

PROFILE = Profile(
    code="PIX",
    title="Patient Identifier Cross-referencing",
    transactions=iti8_patient_identity_feed.TRANSACTIONS,
    notifications=(
        iti10_pix_update_notification.NOTIFICATION,
        iti64_notify_xad_pid_link_change.NOTIFICATION,
    ),
)
