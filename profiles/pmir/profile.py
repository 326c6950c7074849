"""PMIR: Patient Identity Registry that takes feeds (PMIR 1:49.1)."""

from gateway.declare.transaction import Profile
from profiles.pmir import iti93_take_patient_identity_feed as iti93_in

PROFILE = Profile(
    code="PMIR",
    title="Patient Master Identity Registry",
    transactions=(iti93_in.TRANSACTION,),
    depends_on=("pdqm", "pixm"),
)
