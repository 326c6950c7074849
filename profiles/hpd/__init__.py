"""Healthcare Provider Directory (ITI HPD)."""
