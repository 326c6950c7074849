"""XDR: actors, transactions and endpoints (ITI TF-1 15)."""

from gateway.declare.transaction import Profile
from profiles.xdr import iti41_provide_and_register_document_set_b

PROFILE = Profile(
    code="XDR",
    title="Cross-Enterprise Document Reliable Interchange",
    transactions=(iti41_provide_and_register_document_set_b.TRANSACTION,),
    endpoints={"Document Recipient": "/xdr/recipient"},
    depends_on=("xds",),
)
