"""APPC: Advanced Patient Privacy Consents (ITI TF-1 45, TF-3 5.6)."""
