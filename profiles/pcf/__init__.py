"""PCF: privacy consents of patients as FHIR resources (PCF 1:53)."""
