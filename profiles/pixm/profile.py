"""PIXm: Patient Identifier Cross-reference Manager (PIXm 1:41)."""

from gateway.declare.transaction import Profile
from profiles.pixm import (
    iti83_patient_identifier_cross_reference_query,
    iti104_patient_identity_feed_fhir,
)

PROFILE = Profile(
    code="PIXm",
    title="Patient Identifier Cross-reference for Mobile",
    transactions=(
        *iti83_patient_identifier_cross_reference_query.TRANSACTIONS,
        *iti104_patient_identity_feed_fhir.TRANSACTIONS,
    ),
    depends_on=("pdqm",),
)
