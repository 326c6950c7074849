"""XDS.b: cross-enterprise document sharing (ITI TF-1 10)."""
