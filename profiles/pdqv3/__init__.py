"""PDQV3: patient demographics query, HL7 V3 (ITI TF-1 24)."""
