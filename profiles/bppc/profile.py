"""BPPC: documents that acknowledge privacy policies, read wherever documents are submitted (ITI TF-1 19)."""

from gateway.declare.transaction import Profile
from gateway.record.consents import BPPC, BPPC_SCANNED
from gateway.rights.documents import ConsentReader
from profiles.bppc.rules import read

_READER = ConsentReader("BPPC", read)

PROFILE = Profile(
    code="BPPC",
    title="Basic Patient Privacy Consents",
    transactions=(),
    consents={BPPC: _READER, BPPC_SCANNED: _READER},
)
