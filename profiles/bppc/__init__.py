"""BPPC: Basic Patient Privacy Consents (ITI TF-1 19, TF-3 5.1)."""
