"""XPID: documents follow their patient when an identifier is linked anew (ITI TF-2 3.64)."""
