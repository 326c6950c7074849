"""PAM: patient administration management, HL7 v2.5 (ITI TF-1 14)."""
