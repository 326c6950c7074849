"""ebRIM and ebRS 3.0 on the wire ↔ the record (ITI TF-3 4.2)."""
