"""XUA: X-Assertion Provider (ITI TF-1 13.1)."""

from gateway.declare.transaction import Profile
from profiles.xua import iti40_provide_x_user_assertion

PROFILE = Profile(
    code="XUA",
    title="Cross-Enterprise User Assertion",
    transactions=(iti40_provide_x_user_assertion.TRANSACTION,),
    endpoints={"X-Assertion Provider": "/xua/sts"},
)
