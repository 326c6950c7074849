"""XDR: documents pushed to a recipient (ITI TF-1 15)."""
