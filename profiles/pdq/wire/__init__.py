"""HL7 v2 messages of demographics queries ↔ the query model of the index (ITI TF-2 3.21, 3.22)."""
