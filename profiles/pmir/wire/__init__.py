"""The FHIR resources of PMIR ↔ what the record knows."""
