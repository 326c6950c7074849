"""PDQ: the Patient Demographics Supplier (ITI TF-1 8)."""

from gateway.declare.transaction import Profile
from profiles.pdq import iti21_patient_demographics_query, iti22_patient_demographics_and_visit_query

PROFILE = Profile(
    code="PDQ",
    title="Patient Demographics Query",
    transactions=(
        *iti21_patient_demographics_query.TRANSACTIONS,
        *iti22_patient_demographics_and_visit_query.TRANSACTIONS,
    ),
    depends_on=("pix",),
)
