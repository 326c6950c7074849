"""XDM: document sets on portable media (ITI TF-1 16)."""
