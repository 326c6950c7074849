"""PMIR: Patient Identity Registry that takes feeds and subscriptions, and tells of changes (PMIR 1:49.1)."""

from gateway.declare.transaction import Profile
from profiles.pmir import iti93_take_patient_identity_feed as iti93_in
from profiles.pmir import iti93_tell_patient_identity_feed as iti93_out
from profiles.pmir import iti94_subscribe_to_patient_updates as iti94

PROFILE = Profile(
    code="PMIR",
    title="Patient Master Identity Registry",
    transactions=(iti93_in.TRANSACTION, *iti94.TRANSACTIONS),
    notifications=(iti93_out.NOTIFICATION,),
    depends_on=("pdqm", "pixm"),
)
