"""APPC: XACML policies of patients, read wherever documents are submitted (ITI TF-1 45)."""

from gateway.declare.transaction import Profile
from gateway.record.consents import APPC
from gateway.rights.documents import ConsentReader
from profiles.appc.rules import read

PROFILE = Profile(
    code="APPC",
    title="Advanced Patient Privacy Consents",
    transactions=(),
    consents={APPC: ConsentReader("APPC", read)},
)
