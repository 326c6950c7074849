"""Identity vigilance: the desk at which people decide who is whom (docs/decisions/0010)."""

from gateway.declare.transaction import Profile
from profiles.vigilance import (
    fhir_decide_review,
    fhir_find_history,
    fhir_find_reviews,
    fhir_undo_operation,
)

PROFILE = Profile(
    code="VIGILANCE",
    title="Identity Vigilance",
    transactions=(
        *fhir_find_reviews.TRANSACTIONS,
        fhir_decide_review.TRANSACTION,
        *fhir_find_history.TRANSACTIONS,
        fhir_undo_operation.TRANSACTION,
    ),
    depends_on=("pdqm",),
)
