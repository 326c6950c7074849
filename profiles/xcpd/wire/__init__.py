"""HL7 V3 patient discovery and the Patient Location Query (ITI TF-2 3.55, 3.56)."""
