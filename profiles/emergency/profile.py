"""Emergency access: notices to patients, and the review of the privacy officer."""

from gateway.declare.transaction import Profile
from profiles.emergency import (
    fhir_find_emergencies,
    fhir_find_notices,
    fhir_judge_emergency,
    fhir_tell_notice,
)

PROFILE = Profile(
    code="EMERGENCY",
    title="Emergency Access",
    transactions=(
        fhir_find_notices.TRANSACTION,
        *fhir_find_emergencies.TRANSACTIONS,
        fhir_judge_emergency.TRANSACTION,
    ),
    notifications=(fhir_tell_notice.NOTIFICATION,),
    depends_on=("pdqm", "vigilance"),
)
