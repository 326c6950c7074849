"""PIX: patient identifier cross-referencing, HL7 v2 (ITI TF-1 5)."""
