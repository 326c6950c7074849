"""HPD: actors, transactions and endpoint (ITI Supplement HPD)."""

from gateway.declare.transaction import Profile
from profiles.hpd import iti58_provider_information_query as iti58
from profiles.hpd import iti59_provider_information_feed as iti59

PROFILE = Profile(
    code="HPD",
    title="Healthcare Provider Directory",
    transactions=(iti58.TRANSACTION, iti59.TRANSACTION),
    endpoints={"Provider Information Directory": "/hpd/directory"},
)
