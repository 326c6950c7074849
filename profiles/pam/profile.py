"""PAM: the consumers of patient demographics and encounters (ITI TF-1 14)."""

from gateway.declare.transaction import Profile
from profiles.pam import iti30_patient_identity_management, iti31_patient_encounter_management

PROFILE = Profile(
    code="PAM",
    title="Patient Administration Management",
    transactions=(
        *iti30_patient_identity_management.with_twin(iti31_patient_encounter_management.MERGED_TOO),
        *iti31_patient_encounter_management.TRANSACTIONS,
    ),
)
