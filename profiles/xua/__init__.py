"""XUA - Cross-Enterprise User Assertion: the assertion provider (ITI TF-1 13)."""
