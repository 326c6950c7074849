"""HL7 V3 demographics queries and their answers (ITI TF-2 3.47.4)."""
