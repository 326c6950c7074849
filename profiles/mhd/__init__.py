"""MHD: mobile access to health documents, FHIR R4."""
