"""FHIR resources of emergency access: Communication and Task."""
