"""IUA: Authorization Server (IUA 1:34.1.1.2)."""

from gateway.declare.transaction import Profile
from profiles.iua import (
    iti71_authorize,
    iti71_get_access_token,
    iti102_introspect_token,
    iti103_get_authorization_server_metadata,
)

PROFILE = Profile(
    code="IUA",
    title="Internet User Authorization",
    transactions=(
        iti71_get_access_token.TRANSACTION,
        iti71_authorize.TRANSACTION,
        iti102_introspect_token.TRANSACTION,
        *iti103_get_authorization_server_metadata.TRANSACTIONS,
    ),
)
