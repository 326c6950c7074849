"""PDQ: patient demographics query, HL7 v2 (ITI TF-1 8)."""
