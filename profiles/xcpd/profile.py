"""XCPD: the responding gateway of this community (ITI TF-1 27)."""

from gateway.declare.transaction import Profile
from profiles.xcpd import iti55_cross_gateway_patient_discovery as iti55
from profiles.xcpd import iti56_patient_location_query as iti56

PROFILE = Profile(
    code="XCPD",
    title="Cross-Community Patient Discovery",
    transactions=(iti55.TRANSACTION, iti55.DEFERRED, iti56.TRANSACTION),
    endpoints={"Responding Gateway": "/xcpd/responder"},
)
