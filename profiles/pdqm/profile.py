"""PDQm: Patient Demographics Supplier with the Match option (PDQm 1:38)."""

from gateway.declare.transaction import Profile
from profiles.pdqm import iti78_mobile_patient_demographics_query, iti119_patient_demographics_match

PROFILE = Profile(
    code="PDQm",
    title="Patient Demographics Query for Mobile",
    transactions=(
        *iti78_mobile_patient_demographics_query.TRANSACTIONS,
        iti119_patient_demographics_match.TRANSACTION,
    ),
)
