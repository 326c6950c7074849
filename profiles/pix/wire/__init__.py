"""HL7 v2 messages of identity feeds and queries ↔ the record (ITI TF-2 3.8, 3.9, 3.21, Appendix C)."""
