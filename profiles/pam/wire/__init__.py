"""HL7 v2.5 ADT messages of identity and encounter management → the record (ITI TF-2 3.30, 3.31)."""
