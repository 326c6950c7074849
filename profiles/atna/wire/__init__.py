"""Wire forms of ATNA: dates of searches, events as resources."""
