"""XCPD: cross-community patient discovery (ITI TF-1 27)."""
