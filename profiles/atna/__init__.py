"""ATNA: audit records of other systems, and reading the trail (ITI TF-2 3.20, RESTful ATNA)."""
