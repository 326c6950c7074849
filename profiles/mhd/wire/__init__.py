"""XDS metadata → FHIR resources (MHD 1:32 mappings)."""
