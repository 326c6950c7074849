"""MHD: Document Responder with the XDS on FHIR option (MHD 1:33.1)."""

from gateway.declare.transaction import Profile
from profiles.mhd import iti67_find_document_references, iti68_retrieve_document

PROFILE = Profile(
    code="MHD",
    title="Mobile access to Health Documents",
    transactions=(iti67_find_document_references.TRANSACTION, iti68_retrieve_document.TRANSACTION),
    depends_on=("xds",),
)
