"""PIXV3: patient identifier cross-referencing, HL7 V3 (ITI TF-1 23)."""
