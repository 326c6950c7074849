"""PDQ: the Patient Demographics Supplier (ITI TF-1 8)."""

from gateway.declare.transaction import Profile
from profiles.pdq import iti21_patient_demographics_query

PROFILE = Profile(
    code="PDQ",
    title="Patient Demographics Query",
    transactions=iti21_patient_demographics_query.TRANSACTIONS,
    depends_on=("pix",),
)
