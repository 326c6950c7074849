"""Trusted issuers of assertions and tokens, and their keys (SAML metadata, RFC 8414, RFC 7517)."""

from gateway.identity.issuers.directory import IssuerDirectory, Trusted

__all__ = ["IssuerDirectory", "Trusted"]
