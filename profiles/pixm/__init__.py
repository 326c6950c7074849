"""PIXm: patient identifier cross-reference for mobile, FHIR R4."""
