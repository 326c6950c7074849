"""Batches of DSML 2.0, read and written."""
