"""The FHIR Patient resource: what it tells of a person, and how a person is told (PDQm, PIXm)."""
