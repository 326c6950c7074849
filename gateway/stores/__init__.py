"""Ports of the record and their SQLAlchemy adapters."""
