"""The part of FHIR that every FHIR profile stands on: the capability statement (FHIR R4 http 3.1.0.8)."""
