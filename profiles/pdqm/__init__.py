"""PDQm: patient demographics query for mobile, FHIR R4."""
