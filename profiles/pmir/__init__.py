"""PMIR: whoever subscribed is told of changed patients, as FHIR messages (PMIR 1:49)."""
