"""FHIR resources of identity vigilance: Task and Provenance."""
