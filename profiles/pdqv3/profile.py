"""PDQV3: actors, transactions and endpoints (ITI TF-1 24)."""

from gateway.declare.transaction import Profile
from profiles.pdqv3 import iti47_patient_demographics_query_v3 as iti47

PROFILE = Profile(
    code="PDQV3",
    title="Patient Demographics Query HL7 V3",
    transactions=iti47.TRANSACTIONS,
    endpoints={"PD Supplier": "/pdq"},
)
