"""Requests and answers of WS-Trust 1.3."""
