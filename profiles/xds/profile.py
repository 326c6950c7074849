"""XDS.b: actors, transactions and endpoints (ITI TF-1 10)."""

from gateway.declare.transaction import Profile
from profiles.xds import (
    iti18_registry_stored_query,
    iti41_provide_and_register_document_set_b,
    iti42_register_document_set_b,
    iti43_retrieve_document_set,
    iti51_multi_patient_stored_query,
    iti57_update_document_set,
    iti61_register_on_demand_document_entry,
    iti62_remove_metadata,
    iti86_remove_documents,
    iti92_restricted_update_document_set,
)

PROFILE = Profile(
    code="XDS.b",
    title="Cross-Enterprise Document Sharing",
    transactions=(
        iti18_registry_stored_query.TRANSACTION,
        iti41_provide_and_register_document_set_b.TRANSACTION,
        iti42_register_document_set_b.TRANSACTION,
        iti43_retrieve_document_set.TRANSACTION,
        iti51_multi_patient_stored_query.TRANSACTION,
        iti57_update_document_set.TRANSACTION,
        iti61_register_on_demand_document_entry.TRANSACTION,
        iti62_remove_metadata.TRANSACTION,
        iti86_remove_documents.TRANSACTION,
        iti92_restricted_update_document_set.TRANSACTION,
    ),
    endpoints={
        "Document Registry": "/xds/registry",
        "Document Repository": "/xds/repository",
        "Update Responder": "/xds/registry",
    },
)
