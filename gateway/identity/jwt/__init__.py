"""OAuth access tokens as signed JWTs (IUA, ITI-72 Incorporate Access Token; RFC 9068)."""

from gateway.identity.jwt.policy import TokenIssuer, TokenPolicy
from gateway.identity.jwt.reader import TokenReader

__all__ = ["TokenIssuer", "TokenPolicy", "TokenReader"]
