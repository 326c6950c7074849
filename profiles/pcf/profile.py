"""PCF: Consent Registry (PCF 1:53.1.1)."""

from gateway.declare.transaction import Profile
from profiles.pcf import (
    iti108_create,
    iti108_delete,
    iti108_history,
    iti108_read,
    iti108_search,
    iti108_update,
)

PROFILE = Profile(
    code="PCF",
    title="Privacy Consent on FHIR",
    transactions=(
        iti108_search.TRANSACTION,
        iti108_create.TRANSACTION,
        *iti108_read.TRANSACTIONS,
        iti108_history.TRANSACTION,
        iti108_update.TRANSACTION,
        iti108_delete.TRANSACTION,
    ),
    depends_on=("pdqm",),
)
